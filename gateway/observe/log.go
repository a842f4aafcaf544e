// Package observe is what operators see: the log, the metrics registry and
// the health of the parts. It knows no message, and makes sure that none is
// shown: the log writes only keys of a closed list and values that cannot
// carry a person's data.
package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"gatepost/gateway"
)

// keys is the closed list of log keys. A record with another key loses the
// value, not the line.
var keys = [...]string{
	"id", "envelope", "event", "listener", "peer", "account_set", "tls", "action", "rules", "mode", "host", "result",
	"code", "status", "phase", "attempts", "delay", "size", "count", "bytes", "duration", "error", "area", "name",
	"path", "signal", "version", "addr", "state", "reason", "warning", "parts",
}

// NewLogger writes JSON lines to w. level may be changed while it runs.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replace})
	return slog.New(guard{h})
}

// guard keeps groups out: nested keys could hide from the list. It also takes
// the handler's own keys from attributes, because replace cannot tell a
// caller's "msg" from the message.
type guard struct{ inner slog.Handler }

func (g guard) Enabled(ctx context.Context, l slog.Level) bool { return g.inner.Enabled(ctx, l) }
func (g guard) WithAttrs(a []slog.Attr) slog.Handler {
	return guard{g.inner.WithAttrs(flatten(nil, a))}
}
func (g guard) WithGroup(string) slog.Handler { return g }

func (g guard) Handle(ctx context.Context, r slog.Record) error {
	if isFlat(r) {
		return g.inner.Handle(ctx, r)
	}
	var attrs []slog.Attr
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	clean.AddAttrs(flatten(nil, attrs)...)
	return g.inner.Handle(ctx, clean)
}

// isFlat reports whether nothing in r is for flatten to change: most lines are so.
func isFlat(r slog.Record) bool {
	flat := true
	r.Attrs(func(a slog.Attr) bool {
		switch a.Value.Kind() {
		case slog.KindGroup, slog.KindLogValuer:
			flat = false
		default:
			flat = !handlers(a.Key)
		}
		return flat
	})
	return flat
}

// handlers reports whether a key is one of the handler's own.
func handlers(key string) bool {
	return key == slog.TimeKey || key == slog.LevelKey || key == slog.MessageKey
}

// flatten appends attrs to to, the members of groups in place of groups.
func flatten(to, attrs []slog.Attr) []slog.Attr {
	for _, a := range attrs {
		switch v := a.Value.Resolve(); {
		case v.Kind() == slog.KindGroup:
			to = flatten(to, v.Group())
		case handlers(a.Key):
			to = append(to, slog.Attr{Key: "attribute." + a.Key, Value: v})
		default:
			to = append(to, slog.Attr{Key: a.Key, Value: v})
		}
	}
	return to
}

func replace(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey:
		return a
	}
	if !slices.Contains(keys[:], a.Key) {
		return slog.String(a.Key, "[dropped: key not in the list]")
	}
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64, slog.KindUint64, slog.KindTime:
		return slog.Attr{Key: a.Key, Value: v}
	case slog.KindString:
		if a.Key == "path" && strings.HasPrefix(v.String(), "/") && len(v.String()) <= longest {
			return slog.String(a.Key, scrubPath(v.String())) // of our own files, by the rule of that key
		}
		return slog.String(a.Key, Scrub(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, scrubAny(v.Any()))
	default:
		return slog.String(a.Key, "[dropped]")
	}
}

// scrubAny shows errors and things that know how to print themselves; a bare
// struct could hold anything.
func scrubAny(v any) string {
	switch v := v.(type) {
	case gateway.MessageID, gateway.EnvelopeID, gateway.LinkID, gateway.PersonRef:
		return fmt.Sprint(v) // digits in a row, yet nobody's number
	case error:
		return scrubError(v)
	case fmt.Stringer:
		return Scrub(v.String())
	case []string:
		return Scrub(fmt.Sprint(v))
	}
	return fmt.Sprintf("[%T]", v)
}

// What looks like an address, a link or a long number is cut out of whatever
// text reaches the log: errors of libraries quote what they choke on.
var (
	looksLikeAddress = regexp.MustCompile(`[^\s<>"'(),;:\[\]]+@[^\s<>"'(),;:\[\]]+`)
	looksLikeLink    = regexp.MustCompile(`/m/[A-Za-z0-9_-]{10,}`)
	looksLikeNumber  = regexp.MustCompile(`\+?[0-9][0-9 -]{7,}[0-9]`)
)

// scrubError is Scrub for errors, but for the path of a file that the system
// was asked for. Such files are ours, their names come from no mail, and
// operators need them whole: a date in a path is no telephone number.
func scrubError(err error) string {
	var file *fs.PathError
	text := err.Error()
	if !errors.As(err, &file) || len(text) > longest || !strings.HasPrefix(file.Path, "/") {
		return Scrub(text)
	}
	var b strings.Builder
	for i, piece := range strings.Split(text, file.Path) {
		if i > 0 {
			b.WriteString(scrubPath(file.Path))
		}
		b.WriteString(Scrub(piece))
	}
	return b.String()
}

// scrubPath is Scrub without its rule for numbers.
func scrubPath(path string) string {
	return looksLikeLink.ReplaceAllString(looksLikeAddress.ReplaceAllString(path, "[address]"), "/m/[link]")
}

// longest is what Scrub leaves of a text; octets.
const longest = 1000

// Scrub removes what looks like an address, a link or a number of nine or
// more digits from s and bounds its length. It is the second line of defence:
// the first is never to log such text.
func Scrub(s string) string {
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	if strings.Contains(s, "@") {
		s = looksLikeAddress.ReplaceAllString(s, "[address]")
	}
	if strings.Contains(s, "/m/") {
		s = looksLikeLink.ReplaceAllString(s, "/m/[link]")
	}
	if holdsNumber(s) {
		s = looksLikeNumber.ReplaceAllString(s, "[number]")
	}
	return s
}

// holdsNumber reports whether looksLikeNumber may match: it needs nine digits,
// spaces and dashes in a row. Most lines of the log have none, and looking
// costs less than matching.
func holdsNumber(s string) bool {
	const shortest = 9
	row := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9' || c == ' ' || c == '-':
			if row++; row == shortest {
				return true
			}
		default:
			row = 0
		}
	}
	return false
}
