package smppd

import (
	"fmt"
	"runtime"
	"strconv"
)

// guard makes an error of a panic: a bug at the Gateway costs one request, not
// the process.
func (s *Server) guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.cut(reasonPanic)
			s.cfg.Logger.Error("the gateway panicked", "error", panicText(p), "path", panicPlace())
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return call()
}

// panicText is what may be logged of a panic: the words of the runtime, and
// of anything else, which could quote a message, the type.
func panicText(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

// panicPlace is where the panic began: file and line.
func panicPlace() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	thrown := false
	for {
		f, more := frames.Next()
		if thrown && !isRuntime(f.Function) {
			return f.File + ":" + strconv.Itoa(f.Line)
		}
		thrown = thrown || f.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}

func isRuntime(function string) bool { return len(function) > 8 && function[:8] == "runtime." }
