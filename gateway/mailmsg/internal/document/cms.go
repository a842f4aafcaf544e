package document

// CMS says what kind of cryptographic message (RFC 5652) octets are.
type CMS uint8

// The kinds.
const (
	NoCMS         CMS = iota // not CMS, or none that can be told
	CMSSigned                // signed-data: the content is readable by anyone
	CMSEnveloped             // encrypted to recipients
	CMSCompressed            // compressed-data (RFC 3274): readable by anyone
)

// Object identifiers, DER.
const (
	oidSigned     = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidEnveloped  = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
	oidEncrypted  = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"
	oidAuthEnv    = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
	oidCompressed = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"
)

const (
	tagOctets   = 0x04
	tagOID      = 0x06
	tagSequence = 0x30
	tagContext  = 0xa0
	maxBER      = 12 // depth
)

// ReadCMS walks to the content of b. content is empty for detached signatures
// and for what is encrypted.
func ReadCMS(b []byte) (kind CMS, content []byte) {
	info, _, ok := element1(b, 0)
	if !ok || info.tag != tagSequence {
		return NoCMS, nil
	}
	oid, rest, ok := element1(info.body, 0)
	if !ok || oid.tag != tagOID {
		return NoCMS, nil
	}
	switch string(oid.body) {
	case oidEnveloped, oidEncrypted, oidAuthEnv:
		return CMSEnveloped, nil
	case oidSigned:
		kind = CMSSigned
	case oidCompressed:
		kind = CMSCompressed
	default:
		return NoCMS, nil
	}
	wrapper, _, ok := element1(rest, 0)
	if !ok {
		return kind, nil
	}
	data, _, _ := element1(wrapper.body, 0)
	return kind, encapsulated(data.body)
}

// encapsulated finds the EncapsulatedContentInfo among the fields of
// SignedData or CompressedData: the first SEQUENCE that begins with an OID and
// holds a context tag.
func encapsulated(fields []byte) []byte {
	for len(fields) > 0 {
		f, rest, ok := element1(fields, 0)
		if !ok {
			return nil
		}
		fields = rest
		if f.tag != tagSequence {
			continue
		}
		oid, after, ok := element1(f.body, 0)
		if !ok || oid.tag != tagOID {
			continue
		}
		if explicit, _, ok := element1(after, 0); ok && explicit.tag == tagContext {
			inner, _, _ := element1(explicit.body, 0)
			return octets(inner, 0)
		}
	}
	return nil
}

// octets joins the pieces of an OCTET STRING.
func octets(t ber, depth int) []byte {
	if t.tag == tagOctets || depth > maxBER {
		return t.body
	}
	var out []byte
	for body := t.body; len(body) > 0; {
		piece, rest, ok := element1(body, 0)
		if !ok {
			break
		}
		out = append(out, octets(piece, depth+1)...)
		body = rest
	}
	return out
}

// ber is one element: its identifier octet and its content.
type ber struct {
	tag  byte
	body []byte
}

// element1 reads the element that b begins with. A length beyond b is cut, so
// that a truncated message gives what is there.
func element1(b []byte, depth int) (t ber, rest []byte, ok bool) {
	if len(b) < 2 || b[0]&0x1f == 0x1f || depth > maxBER {
		return t, nil, false
	}
	t.tag = b[0]
	n, b := int(b[1]), b[2:]
	switch {
	case n == 0x80:
		return indefinite(t, b, depth)
	case n > 0x80:
		k := n & 0x7f
		if k > 4 || k > len(b) {
			return t, nil, false
		}
		n = 0
		for _, c := range b[:k] {
			n = n<<8 | int(c)
		}
		b = b[k:]
	}
	n = min(n, len(b))
	t.body = b[:n]
	return t, b[n:], true
}

// indefinite reads an element that ends with two zero octets.
func indefinite(t ber, b []byte, depth int) (ber, []byte, bool) {
	rest := b
	for len(rest) >= 2 && (rest[0] != 0 || rest[1] != 0) {
		_, after, ok := element1(rest, depth+1)
		if !ok {
			return t, nil, false
		}
		rest = after
	}
	t.body = b[:len(b)-len(rest)]
	if len(rest) >= 2 {
		rest = rest[2:]
	}
	return t, rest, true
}
