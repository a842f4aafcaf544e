package upstream

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// keep binds, serves, and binds again until ctx ends or the client closes.
func (c *Client) keep(ctx context.Context, r *role, in *inbox) {
	told := "" // the failure that the log has
	for failures := 0; ; {
		began := time.Now()
		held, err := c.once(ctx, r, in)
		if ctx.Err() != nil || c.isClosing() {
			return
		}
		if held || time.Since(began) > c.config.Timers.MaxReconnect {
			failures, told = 0, ""
		}
		failures++
		wait, level := c.again(failures, err)
		if why := err.Error(); why == told && level == slog.LevelWarn {
			level = slog.LevelDebug // the metric binds_total counts them
		} else {
			told = why
		}
		c.log.Log(ctx, level, "no link to the carrier", "name", r.name(), "attempts", failures, "delay", wait, "error", err)
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (c *Client) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// again is the wait before the next attempt, and how loud to be about it: what
// only an operator can mend is an error.
func (c *Client) again(failures int, err error) (time.Duration, slog.Level) {
	t := c.config.Timers
	var refused *refusal
	if errors.As(err, &refused) && refused.login() {
		return backoff(1, t.Refused, t.Refused, c.config.Chance()), slog.LevelError
	}
	return backoff(failures, t.Reconnect, t.MaxReconnect, c.config.Chance()), slog.LevelWarn
}

// once makes one link and serves it to its end, which is an error. held says that
// the link was of use while it lasted.
func (c *Client) once(ctx context.Context, r *role, in *inbox) (held bool, err error) {
	l, err := c.bind(ctx, r)
	if err != nil {
		result := "failed"
		var refused *refusal
		if errors.As(err, &refused) {
			result = "refused"
		}
		c.metrics.connects.WithLabelValues(result).Inc()
		c.down(r, err.Error())
		return false, err
	}
	c.metrics.connects.WithLabelValues("bound").Inc()
	l.inbox = in
	if !c.set(l) {
		_ = l.conn.Close()
		return false, errors.New("the client ends")
	}
	if r.sends {
		c.config.Ready()
	}
	c.log.Info("bound to the carrier", "name", r.name(), "host", c.config.Addr, "tls", l.tls.Version)
	l.serve(ctx)
	r.lost = c.config.Now()
	l.mu.Lock()
	reason, held := l.reason, l.useful
	l.mu.Unlock()
	c.metrics.lost.WithLabelValues(reason).Inc()
	err = errors.New("link ended: " + reason)
	c.down(r, err.Error())
	return held, err
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
