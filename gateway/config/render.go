package config

import (
	"bytes"
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gatepost/gateway"
)

// Effective renders the configuration in force as YAML. Secrets are shown as
// the references they are.
func (c *Config) Effective() []byte { return c.render(false) }

// Documented renders the configuration as YAML with a comment beside each
// key, as `gatepost init` writes it. Load reads it back to the same values,
// except that paths are absolute.
func (c *Config) Documented() []byte { return c.render(true) }

// Example is a documented configuration with every key that does something. What names a person,
// file, domain or peer is an example; all else is the default.
func Example() []byte {
	c := Defaults()
	c.Organization = Organization{
		Name: "Example Clinic", Domains: []string{"clinic.example"},
		Help: "+1 555 000 1111", Language: "en", Timezone: "America/New_York",
	}
	c.Brand = []Brand{{
		Domain: "clinic.example", Name: "Example Clinic", Help: "+1 555 000 1111",
		Color: gateway.Color{R: 0x0b, G: 0x5c, B: 0x6b, Set: true}, Footer: "Example Clinic, 1 Main Street, Springfield",
	}}
	c.Hostname = "gate.clinic.example"
	c.DataDir, c.KeyDir, c.Policy = "./gatepost-data", "./gatepost-keys", "policy.yaml"
	c.Listen.SMPP, c.Listen.IMAP = "127.0.0.1:2775", "127.0.0.1:2143"
	c.Relay.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	c.Routes = exampleRoutes()
	c.SMS = exampleSMS()
	c.derive()
	r := &renderer{docs: true, all: true}
	r.section(reflect.ValueOf(c).Elem(), "")
	return r.out.Bytes()
}

func exampleRoutes() []Route {
	own := newValue(reflect.TypeFor[Route]()).Interface().(Route)
	own.Domain, own.Via, own.TLS = "clinic.example", "127.0.0.1:2627", TLSNone
	world := newValue(reflect.TypeFor[Route]()).Interface().(Route)
	world.Domain, world.Via, world.TLS = "*", "smarthost.example:587", TLSVerify
	world.Auth = &Auth{User: "clinic", Password: Secret{File: "smarthost.secret"}}
	return []Route{own, world}
}

func exampleSMS() *SMS {
	sms := newValue(reflect.TypeFor[SMS]()).Interface().(SMS)
	app := newValue(reflect.TypeFor[SMSAccount]()).Interface().(SMSAccount)
	app.SystemID, app.Password = "esme1", Secret{File: "esme1.secret"}
	app.Senders, app.Inbox = []string{"15550001111", "CLINIC"}, "frontdesk@clinic.example"
	sms.Accounts, sms.Country = []SMSAccount{app}, "US"
	up := newValue(reflect.TypeFor[Upstream]()).Interface().(Upstream)
	up.Addr, up.SystemID, up.Password = "127.0.0.1:2776", "gw", Secret{Env: "GATEPOST_SMSC"}
	sms.Upstream = &up
	return &sms
}

func (c *Config) render(docs bool) []byte {
	r := &renderer{docs: docs}
	r.section(reflect.ValueOf(c).Elem(), "")
	return r.out.Bytes()
}

type renderer struct {
	out  bytes.Buffer
	docs bool // a comment beside each key
	all  bool // empty strings too
}

func (r *renderer) line(indent, text, doc string) {
	r.out.WriteString(indent + text)
	if r.docs && doc != "" {
		r.out.WriteString(strings.Repeat(" ", max(1, 44-len(indent)-len(text))) + "# " + doc)
	}
	r.out.WriteByte('\n')
}

// section writes the keys of a struct. The caller's indent may begin with the
// dash of a list: it belongs to the first line only.
func (r *renderer) section(v reflect.Value, indent string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("yaml")
		if name == "" || f.Tag.Get("retired") != "" || r.absent(v.Field(i)) {
			continue
		}
		r.field(v.Field(i), indent, name, f.Tag.Get("doc"))
		indent = strings.Replace(indent, "-", " ", 1)
	}
}

// absent reports whether a key is better left out than written empty.
func (r *renderer) absent(v reflect.Value) bool {
	if s, ok := v.Interface().(Secret); ok {
		return s.File == "" && s.Env == ""
	}
	if c, ok := v.Interface().(gateway.Color); ok && !r.all {
		return !c.Set
	}
	return v.Kind() == reflect.Pointer && v.IsNil() || !r.all && v.Kind() == reflect.String && v.String() == ""
}

func (r *renderer) field(v reflect.Value, indent, name, doc string) {
	set := v.Kind() == reflect.Pointer // and empty is not the same as absent
	if set {
		v = v.Elem()
	}
	inner := strings.Replace(indent, "-", " ", 1) + "  "
	switch {
	case isSection(v.Type()) && r.empty(v):
		if set {
			r.line(indent, name+": {}", doc)
		}
	case isSection(v.Type()):
		r.line(indent, name+":", doc)
		r.section(v, inner)
	case v.Kind() == reflect.Slice && isSection(v.Type().Elem()) && v.Len() > 0:
		r.line(indent, name+":", doc)
		for i := range v.Len() {
			r.section(v.Index(i), inner+"- ")
		}
	default:
		r.line(indent, name+": "+text(v), doc)
	}
}

// empty reports whether all keys of a section are left out.
func (r *renderer) empty(v reflect.Value) bool {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") != "" && !r.absent(v.Field(i)) {
			return false
		}
	}
	return true
}

// text spells a value on one line of YAML.
func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return FormatDuration(x)
	case Size:
		return x.String()
	case Secret:
		if x.Env != "" {
			return "{env: " + yamlString(x.Env) + "}"
		}
		return "{file: " + yamlString(x.File) + "}"
	case encoding.TextMarshaler:
		raw, err := x.MarshalText()
		if err != nil {
			return `""`
		}
		return yamlString(string(raw))
	case string:
		return yamlString(x)
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = text(v.Index(i))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

var plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./@-]*$`)

// yamlString quotes s unless every YAML reader takes it for a plain string.
func yamlString(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}
