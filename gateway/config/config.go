package config

import (
	"net/netip"
	"time"

	"gatepost/gateway"
)

// Config is the whole configuration. The yaml tags are the fixed names of the
// keys, the doc tags what Example prints beside them. A slice or pointer that
// is nil was not configured.
type Config struct {
	Mode         gateway.Mode `yaml:"mode" doc:"enforce: verdicts act; observe: judge and record, everything passes byte-exact. Absent: enforce"`
	Organization Organization `yaml:"organization" doc:"whose mail this is"`
	Brand        []Brand      `yaml:"brand" doc:"how each mail domain looks to correspondents. A domain without an entry looks like the organization"`
	Hostname     string       `yaml:"hostname" doc:"the name in EHLO, greeting and Received; publish its address. Absent: the system's name if it has a public domain, else replies.domain"`
	DataDir      string       `yaml:"data_dir" path:"true" doc:"store, blobs, evidence. Relative paths are relative to this file"`
	KeyDir       string       `yaml:"key_dir" path:"true" doc:"keyring, TLS and DKIM keys; never inside data_dir"`
	Policy       string       `yaml:"policy" path:"true" doc:"the policy file. Absent: the built-in default policy"`
	DNS          DNS          `yaml:"dns" doc:"how names are resolved"`
	Listen       Listen       `yaml:"listen" doc:"host:port of each listener. Without listen the defaults are used; with it, only those named"`
	TLS          TLS          `yaml:"tls" doc:"the certificate of all listeners"`
	Relay        Relay        `yaml:"relay" doc:"the relay listener, for trusted peers only"`
	Inbound      Inbound      `yaml:"inbound" doc:"the inbound listener, for anyone"`
	Routes       []Route      `yaml:"routes" doc:"where mail goes next; the first match wins. What cannot be routed waits"`
	Replies      Replies      `yaml:"replies" doc:"how answers come back by mail"`
	Viewer       Viewer       `yaml:"viewer" doc:"the web viewer for correspondents"`
	IMAP         IMAP         `yaml:"imap" doc:"IMAP for staff"`
	SMS          *SMS         `yaml:"sms" doc:"SMS over SMPP. Absent: off"`
	Queue        Queue        `yaml:"queue" doc:"the delivery schedule"`
	Pins         Pins         `yaml:"pins" doc:"how a reader proves who they are"`
	Links        Links        `yaml:"links" doc:"links to secured messages"`
	Reminders    Reminders    `yaml:"reminders" doc:"what follows when a secured message is not read"`
	Retention    Retention    `yaml:"retention" doc:"how long things are kept"`
	Recall       Recall       `yaml:"recall" doc:"taking a message back"`

	systemName string // what the machine calls itself; "" if that is unknown

	file string
	at   map[string]position // of every value that the file holds, by path
}

// Organization says whose mail this is.
type Organization struct {
	Name     string   `yaml:"name" doc:"shown to correspondents. Absent: the first domain"`
	Domains  []string `yaml:"domains" doc:"mail domains of the organization; the first one names the defaults below. Required"`
	Help     string   `yaml:"help" doc:"whom a correspondent may ask: a mail address or telephone number"`
	Language string   `yaml:"language" values:"ar de en es fr it" doc:"of mails to staff, and to correspondents whose language is not known: ar, de, en, es, fr or it"`
	Timezone string   `yaml:"timezone" doc:"IANA name, for local_time and weekend in rules. Absent: the system's"`
}

// Brand is how one mail domain looks to correspondents.
type Brand struct {
	Domain string        `yaml:"domain" doc:"of the senders; one of organization.domains"`
	Name   string        `yaml:"name" doc:"in notices and on pages. Absent: organization.name"`
	Help   string        `yaml:"help" doc:"whom to ask: a mail address or telephone number. Absent: organization.help"`
	Logo   string        `yaml:"logo" path:"true" doc:"a PNG, JPEG or plain SVG of at most 256 KiB, shown on pages"`
	Color  gateway.Color `yaml:"color" doc:"of buttons and links, \"#0b5c6b\"; dark enough for white letters (4.5 to 1)"`
	Footer string        `yaml:"footer" doc:"a line below each page"`
}

// DNS says how names are resolved.
type DNS struct {
	Server string `yaml:"server" doc:"host:port; empty: the system's resolver"`
}

// Listen holds a host:port for each listener; "" is off.
type Listen struct {
	Relay       string `yaml:"relay" doc:"trusted peers"`
	Inbound     string `yaml:"inbound" doc:"anyone, for the reply domain"`
	Submission  string `yaml:"submission" doc:"STARTTLS, then AUTH"`
	Submissions string `yaml:"submissions" doc:"implicit TLS, then AUTH"`
	SMPP        string `yaml:"smpp" doc:"applications that send SMS; an example, off unless named"`
	SMPPS       string `yaml:"smpps" doc:"the same with implicit TLS"`
	IMAP        string `yaml:"imap" doc:"IMAP for staff, STARTTLS; an example, off unless named"`
	IMAPS       string `yaml:"imaps" doc:"IMAP for staff, implicit TLS"`
	Viewer      string `yaml:"viewer" doc:"HTTPS for correspondents"`
	Admin       string `yaml:"admin" doc:"/metrics /livez /readyz"`
}

// TLS is the certificate of all listeners.
type TLS struct {
	Cert   string `yaml:"cert" path:"true" doc:"PEM chain; empty: self-signed, kept in key_dir, with a warning"`
	Key    string `yaml:"key" path:"true" doc:"PEM private key"`
	Viewer bool   `yaml:"viewer" doc:"false: the viewer speaks plain HTTP, on loopback only"`
}

// Relay configures the relay listener.
type Relay struct {
	Trusted    []netip.Prefix `yaml:"trusted" doc:"networks or addresses that may relay without AUTH; strangers get 550"`
	HandsOn    []netip.Prefix `yaml:"hands_on" doc:"those of trusted that hand on mail from the world: to the reply domain it is judged as mail from there, staff's too"`
	ClientCA   string         `yaml:"client_ca" path:"true" doc:"PEM; a peer with a certificate of this CA is trusted"`
	MaxMessage Size           `yaml:"max_message" doc:"octets of one mail"`
}

// Inbound configures the inbound listener.
type Inbound struct {
	Relay bool `yaml:"relay" doc:"true: also take mail for the organization's domains and pass it on, with Authentication-Results on top; what refers to a secured conversation is placed there"`
}

// Values of Route.TLS.
const (
	TLSNone          = "none"
	TLSOpportunistic = "opportunistic"
	TLSVerify        = "verify"
)

// ViaMX is the value of Route.Via that asks the DNS.
const ViaMX = "mx"

// Route says where mail for a domain goes next.
type Route struct {
	Domain      string `yaml:"domain" doc:"a domain, *.domain for what is below it, or *"`
	Via         string `yaml:"via" doc:"host:port or mx"`
	Port        int    `yaml:"port" doc:"port of the MX hosts"`
	TLS         string `yaml:"tls" values:"none opportunistic verify" doc:"none, opportunistic or verify"`
	CA          string `yaml:"ca" path:"true" doc:"PEM roots for verify. Empty: the system's"`
	Auth        *Auth  `yaml:"auth" doc:"login at a smart host"`
	EnforcesTLS bool   `yaml:"enforces_tls" doc:"true: this host promises verified TLS all the way, which satisfies tls"`
}

// Auth is a login at a smart host.
type Auth struct {
	User     string `yaml:"user" doc:"login name"`
	Password Secret `yaml:"password" doc:"{file: NAME} or {env: NAME}"`
}

// Replies configures answers by mail.
type Replies struct {
	Domain string `yaml:"domain" doc:"its MX points at the inbound listener. Absent: reply.<first domain>"`
}

// Viewer configures the web viewer.
type Viewer struct {
	URL  string        `yaml:"url" doc:"how the world reaches the viewer, without a final slash. Absent: https://secure.<first domain>, with a warning"`
	Idle time.Duration `yaml:"idle" doc:"a session ends after so long without a request"`
}

// IMAP configures IMAP for staff.
type IMAP struct {
	PlaintextLoopback bool `yaml:"plaintext_loopback" doc:"true: LOGIN without TLS on loopback"`

	Address string `yaml:"address" doc:"host:port by which mail clients reach it, for their automatic set-up; empty: the host of viewer.url and the port of listen.imaps or listen.imap"`
	Quota   Size   `yaml:"quota" doc:"octets of their own that one user keeps in INBOX and Templates; 0: any number"`

	Submission string `yaml:"submission" doc:"host:port of the server by which they send; empty: the host of viewer.url and the port of listen.submissions or listen.submission, if there is one"`
}

// Values of Upstream.Bind.
const (
	BindTransceiver = "transceiver"
	BindSeparate    = "separate"
	BindTransmitter = "transmitter"
)

// AnySender among the senders of an account lets it use any source address.
const AnySender = "*"

// SMS configures SMS over SMPP.
type SMS struct {
	Domain   string       `yaml:"domain" doc:"mail to +number@domain becomes SMS. Absent: sms.<first domain>"`
	Accounts []SMSAccount `yaml:"accounts" doc:"applications that may bind"`
	Country  string       `yaml:"country" doc:"home of numbers without a country code, such as US (ISO 3166-1): STOP then holds however a number is spelled. Empty: such numbers are taken as they are"`
	Sender   string       `yaml:"sender" doc:"source address of Gatepost's own messages: codes, and notices for mail to a number. Empty: the first that an account names"`
	Upstream *Upstream    `yaml:"upstream" doc:"the carrier's SMSC. Absent: messages wait"`
	Timers   Timers       `yaml:"timers" doc:"of SMPP sessions"`
}

// SMSAccount is an application that may bind.
type SMSAccount struct {
	SystemID string   `yaml:"system_id" doc:"its login name, at most 15 octets"`
	Password Secret   `yaml:"password" doc:"{file: NAME} or {env: NAME}; at most 64 octets"`
	Senders  []string `yaml:"senders" doc:"source addresses it may use, \"+\" before an international number; the first stands in where it names none; \"*\" is any"`
	Inbox    string   `yaml:"inbox" doc:"staff address that its messages come from and answers go to"`
	Campaign []string `yaml:"campaign" doc:"service_types of declared campaigns"`
	Answers  bool     `yaml:"answers" doc:"true: it hears, without the words, when a reader of its messages answers in the viewer"`
	Window   int      `yaml:"window" doc:"unanswered PDUs of one session; more are not read before"`
	Rate     int      `yaml:"rate" doc:"messages a second, above which it hears ESME_RTHROTTLED; 0: no limit"`
	Sessions int      `yaml:"sessions" doc:"binds at once"`
}

// Upstream is the carrier's SMSC.
type Upstream struct {
	Addr     string `yaml:"addr" doc:"host:port"`
	SystemID string `yaml:"system_id" doc:"our login name there"`
	Password Secret `yaml:"password" doc:"{file: NAME} or {env: NAME}"`
	Bind     string `yaml:"bind" values:"transceiver separate transmitter" doc:"transceiver; separate: a transmitter and a receiver; transmitter: no receipts and no answers come back"`
	Window   int    `yaml:"window" doc:"unanswered PDUs"`
	Rate     int    `yaml:"rate" doc:"messages a second; 0: no limit"`
	TLS      string `yaml:"tls" values:"none verify" doc:"none or verify"`
	CA       string `yaml:"ca" path:"true" doc:"PEM roots for verify. Empty: the system's"`
}

// Timers of SMPP sessions, SMPP v3.4 section 7.2, and of reassembly.
type Timers struct {
	SessionInit time.Duration `yaml:"session_init" doc:"until the bind"`
	EnquireLink time.Duration `yaml:"enquire_link" doc:"between two enquire_link"`
	Response    time.Duration `yaml:"response" doc:"until a PDU is answered"`
	Redeliver   time.Duration `yaml:"redeliver" doc:"until a refused delivery is tried again"`
	PartTimeout time.Duration `yaml:"part_timeout" doc:"until the missing part of a long message is given up"`
}

// Queue is the delivery schedule.
type Queue struct {
	FirstRetry  time.Duration `yaml:"first_retry" doc:"wait after the first failed attempt; doubles with each"`
	MaxRetry    time.Duration `yaml:"max_retry" doc:"longest wait between two attempts"`
	MaxAge      time.Duration `yaml:"max_age" doc:"then the mail bounces"`
	DelayNotice time.Duration `yaml:"delay_notice" doc:"then the sender is told of the delay; 0: never"`
}

// Pins says how a reader proves who they are.
type Pins struct {
	Default string        `yaml:"default" values:"other_channel same_channel standing contact" doc:"what a link asks for where no rule says (see policy.md): other_channel, same_channel, standing or contact"`
	CodeTTL time.Duration `yaml:"code_ttl" doc:"life of a one-time code"`
	Resend  time.Duration `yaml:"resend" doc:"shortest time between two codes"`
	Tries   int           `yaml:"tries" doc:"wrong tries until the pause"`
	Pause   time.Duration `yaml:"pause" doc:"length of the pause"`
	Freeze  int           `yaml:"freeze" doc:"wrong tries until the link is frozen"`
}

// Links configures links to secured messages.
type Links struct {
	Expires time.Duration `yaml:"expires" doc:"unless a rule says shorter"`
}

// Reminders says what follows when a secured message is not read.
type Reminders struct {
	Enabled bool            `yaml:"enabled" doc:"false: nobody is reminded, warned or told"`
	After   []time.Duration `yaml:"after" doc:"the correspondent is reminded so long after the message was sent; []: never"`
	Urgent  time.Duration   `yaml:"urgent" doc:"the first reminder of an [urgent] message; 0: like others"`
	Unread  time.Duration   `yaml:"unread" doc:"then the sender is told that it is still unread; 0: never"`
	Expiry  time.Duration   `yaml:"expiry" doc:"so long before its link ends the correspondent is warned; 0: never"`
}

// Retention says how long things are kept.
type Retention struct {
	Secured time.Duration `yaml:"secured" doc:"then the keys of a secured message are destroyed"`
	// Evidence is read so that files which name it go on working.
	Evidence time.Duration `yaml:"evidence" retired:"does nothing: evidence is never removed. Take the key out"`
}

// Recall configures taking a message back.
type Recall struct {
	Grace time.Duration `yaml:"grace" doc:"a recall can be undone for so long"`
	Bulk  int           `yaml:"bulk" doc:"messages that one user takes back in an hour from a mail client; 0: any number"`
}
