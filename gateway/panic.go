package gateway

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// PanicText is what may be logged of a value that was recovered: the words of
// the runtime, and of anything else, which may hold a person's words, the type.
func PanicText(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("panic of type %T", v)
}

// PanicPlace is where the panic began that is being recovered: file and line,
// "" when there is none. It is called by the deferred function.
func PanicPlace() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	thrown := false
	for {
		f, more := frames.Next()
		if thrown && !strings.HasPrefix(f.Function, "runtime.") {
			return f.File + ":" + strconv.Itoa(f.Line)
		}
		thrown = thrown || f.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}
