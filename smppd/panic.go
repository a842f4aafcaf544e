package smppd

import (
	"fmt"

	"gatepost/gateway"
)

// guard makes an error of a panic: a bug at the Gateway costs one request, not
// the process.
func (s *Server) guard(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.cut(reasonPanic)
			s.cfg.Logger.Error("the gateway panicked", "error", gateway.PanicText(p), "path", gateway.PanicPlace())
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	return call()
}
