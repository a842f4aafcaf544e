package relay

import (
	"crypto/x509"
	"io"

	"gatepost/gateway"
)

// TLSPolicy says what a route wants of STARTTLS. The zero value is the
// strictest, so that a route without a policy protects.
type TLSPolicy uint8

// The policies.
const (
	Verify        TLSPolicy = iota // TLS 1.2+ with verified chain and name, else temporary failure
	Opportunistic                  // TLS when offered, whatever the certificate; else, and when the handshake fails, in clear
	None                           // never tries
)

// Demand is what one message wants of the connection, beyond the route.
type Demand uint8

// The demands.
const (
	// VerifiedTLS is met where Gatepost itself sees the destination: an MX
	// whose certificate verified, or any TLS or loopback connection to a next
	// hop that EnforcesTLS. A smart host's certificate alone does not meet it.
	VerifiedTLS Demand = iota
	// SafeHop is met when this very hop verified, or is on loopback.
	SafeHop
	// Any is met by every connection that the route allows.
	Any
)

// Route says where a message goes next.
type Route struct {
	Host     string // "host:port" or "host"; "" for the MX of Domain
	Domain   string // of the recipients; only read when Host is ""
	Port     int    // of MX hosts; 0 is 25
	TLS      TLSPolicy
	RootCAs  *x509.CertPool // nil: the system's
	User     string         // AUTH when not ""
	Password gateway.Sensitive
	// EnforcesTLS declares that the next hop itself delivers only over
	// verified TLS.
	EnforcesTLS bool
}

// Transaction is one mail transaction.
type Transaction struct {
	From       gateway.Address
	Recipients []gateway.Recipient // at least one
	// Open starts reading the body: canonical octets (CRLF), not dot-stuffed.
	// It is called once per transaction that got as far as 354, and where the
	// next hop lacks an extension, to look whether it is needed; relay closes.
	// One that is Held is not copied.
	Open     func() (io.ReadCloser, error)
	Size     int64 // octets of the body for SIZE (RFC 1870); 0: unknown
	EightBit bool  // the body needs 8BITMIME (RFC 6152)
	UTF8     bool  // the message needs SMTPUTF8 (RFC 6531)
	EnvID    gateway.Sensitive
	Return   string // FULL, HDRS or ""
}

// isASCII reads the body and reports whether it holds ASCII only.
func (tx *Transaction) isASCII() (bool, error) {
	body, err := tx.Open()
	if err != nil {
		return false, err
	}
	defer body.Close() //nolint:errcheck // read only
	chunk := make([]byte, 16<<10)
	for {
		n, err := body.Read(chunk)
		for _, c := range chunk[:n] {
			if c >= 0x80 {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// meets reports whether a connection fulfils d on route r.
func (d Demand) meets(r *Route, cn *conn) bool {
	switch d {
	case Any:
		return true
	case SafeHop:
		return cn.tls.Verified || cn.tls.Loopback
	default:
		if r.EnforcesTLS {
			return cn.tls.Version != "" || cn.tls.Loopback
		}
		return r.Host == "" && cn.tls.Verified
	}
}
