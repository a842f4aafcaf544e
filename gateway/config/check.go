package config

import (
	"fmt"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
)

// checker collects the problems of one Check.
type checker struct {
	*Config
	found Problems
}

func (k *checker) bad(path, format string, args ...any) {
	k.found = append(k.found, k.problem(path, format, args...))
}

// Check finds what makes no sense, in the values and in the files they name.
// Its error is a Problems. Load has called it already.
func (c *Config) Check() error {
	k := &checker{Config: c}
	k.organization()
	k.brands()
	k.directories()
	k.listeners()
	k.certificates()
	k.relay()
	for i := range c.Routes {
		k.route(i)
	}
	k.viewer()
	k.imap()
	k.sms()
	k.numbers()
	k.words()
	if len(k.found) > 0 {
		return k.found
	}
	return nil
}

func (k *checker) organization() {
	if len(k.Organization.Domains) == 0 {
		k.bad("organization.domains", "is missing: organization: {name: Example Clinic, domains: [clinic.example]}")
	}
	for i, d := range k.Organization.Domains {
		if !isDomain(d) {
			k.bad(fmt.Sprintf("organization.domains[%d]", i), "%s is no domain", quote(d))
		}
	}
	if _, set := k.at["hostname"]; set && !fullName(k.Hostname) {
		k.bad("hostname", "%s is no host name with a domain (write gate.clinic.example)", quote(k.Hostname))
	}
	if k.Replies.Domain != "" && !isDomain(k.Replies.Domain) {
		k.bad("replies.domain", "%s is no domain", quote(k.Replies.Domain))
	}
	if slices.Contains(k.Organization.Domains, k.Replies.Domain) {
		k.bad("replies.domain", "must be a domain of its own: mail for %s goes to staff", k.Replies.Domain)
	}
	if _, err := k.Organization.Location(); err != nil {
		k.bad("organization.timezone", "%s is no time zone (write Europe/Berlin)", quote(k.Organization.Timezone))
	}
}

// Location is the time zone of the organization.
func (o Organization) Location() (*time.Location, error) {
	if o.Timezone == "" {
		return time.Local, nil
	}
	return time.LoadLocation(o.Timezone)
}

// isDomain reports whether d can stand right of the @ of an address.
func isDomain(d string) bool {
	a, err := gateway.ParseAddress("postmaster@" + d)
	return err == nil && a.Domain() == strings.ToLower(d) && !strings.HasPrefix(d, "[")
}

// directories keeps a copy of data_dir from being a copy of the keys too.
func (k *checker) directories() {
	if k.DataDir == "" {
		k.bad("data_dir", "must name a directory")
	}
	if k.KeyDir == "" {
		k.bad("key_dir", "must name a directory")
	}
	if k.DataDir == "" || k.KeyDir == "" {
		return
	}
	data, keys := resolve(k.DataDir), resolve(k.KeyDir)
	if within(keys, data) {
		k.bad("key_dir", "lies inside data_dir: whoever copies the data would copy its keys")
	} else if within(data, keys) {
		k.bad("data_dir", "lies inside key_dir: whoever copies the data would copy its keys")
	}
}

// resolve follows the symbolic links of the part of path that exists.
func resolve(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(resolve(dir), filepath.Base(path))
}

func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (k *checker) viewer() {
	u, err := url.Parse(k.Viewer.URL)
	switch {
	case k.Viewer.URL == "":
		return // follows from organization.domains, whose absence was reported
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		k.bad("viewer.url", "%s is no web address (write https://secure.clinic.example)", quote(k.Viewer.URL))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		k.bad("viewer.url", "must not hold a user, a query or a fragment")
	case u.Scheme == "http" && k.TLS.Viewer && !isLoopback(u.Host):
		k.bad("viewer.url", "must begin with https://: links and PINs would cross the net in the clear")
	}
}

// numbers checks what must not be zero and what must not cross.
func (k *checker) numbers() {
	for _, v := range []struct {
		path  string
		value time.Duration
		least time.Duration
	}{
		{"viewer.idle", k.Viewer.Idle, time.Second},
		{"queue.first_retry", k.Queue.FirstRetry, time.Millisecond},
		{"queue.max_retry", k.Queue.MaxRetry, k.Queue.FirstRetry},
		{"queue.max_age", k.Queue.MaxAge, k.Queue.FirstRetry},
		{"pins.code_ttl", k.Pins.CodeTTL, time.Second},
		{"pins.pause", k.Pins.Pause, time.Second},
		{"links.expires", k.Links.Expires, time.Second},
		{"retention.secured", k.Retention.Secured, time.Second},
	} {
		if v.value < v.least {
			k.bad(v.path, "%s is too short: at least %s", FormatDuration(v.value), FormatDuration(v.least))
		}
	}
	k.reminders()
	if k.Pins.Tries < 1 || k.Pins.Tries > 10 {
		k.bad("pins.tries", "must be from 1 to 10: a PIN has six digits")
	}
	if k.Pins.Freeze < k.Pins.Tries || k.Pins.Freeze > 20 {
		k.bad("pins.freeze", "must be from pins.tries (%d) to 20", k.Pins.Tries)
	}
}

// maxReminders bounds how often one message is recalled to its reader's mind.
const maxReminders = 10

// reminders checks that they come in order and that none comes at once.
func (k *checker) reminders() {
	r := k.Reminders
	if len(r.After) > maxReminders {
		k.bad("reminders.after", "holds %d times: at most %d", len(r.After), maxReminders)
	}
	for i, d := range r.After {
		if d < time.Minute || i > 0 && d <= r.After[i-1] {
			k.bad("reminders.after", "must rise, and begin with a minute at least")
			break
		}
	}
	for path, d := range map[string]time.Duration{"urgent": r.Urgent, "unread": r.Unread, "expiry": r.Expiry} {
		if d < 0 || d > 0 && d < time.Minute {
			k.bad("reminders."+path, "%s is too short: at least a minute, or 0", FormatDuration(d))
		}
	}
}

// words checks the values that are one of a few words.
func (k *checker) words() {
	walk(reflect.ValueOf(k.Config).Elem(), "", func(path string, f reflect.StructField, v reflect.Value) {
		known := strings.Fields(f.Tag.Get("values"))
		if len(known) > 0 && !slices.Contains(known, v.String()) {
			k.bad(path, "unknown word %s%s", quote(v.String()), suggest(v.String(), known))
		}
	})
}
