package text

// alphabet is what data_coding says of the octets.
type alphabet uint8

const (
	gsm        alphabet = iota // GSM 7-bit, one octet per septet
	latin                      // IA5 or ISO 8859-1
	octets                     // 8-bit data
	ucs2                       // UTF-16, big endian
	foreign                    // an alphabet of charsetOf
	unknown                    // reserved, or an alphabet nobody decodes
	compressed                 // 3GPP TS 23.042
)

// alphabetOf reads data_coding: the values of SMPP v3.4 section 5.2.19 below
// 0x10, the groups of 3GPP TS 23.038 section 4 above.
func alphabetOf(coding byte) alphabet {
	switch {
	case coding <= 0x0F:
		return smppAlphabet[coding]
	case coding <= 0x7F: // general groups, from 0x40 with automatic deletion
		return generalAlphabet(coding)
	case coding <= 0xBF:
		return unknown
	case coding <= 0xDF: // message waiting: discard, store
		return gsm
	case coding <= 0xEF: // message waiting: store, UCS-2
		return ucs2
	case coding&0x04 != 0: // data coding and message class
		return octets
	}
	return gsm
}

var smppAlphabet = [16]alphabet{
	0x00: gsm, 0x01: latin, 0x02: octets, 0x03: latin, 0x04: octets,
	0x05: foreign, 0x06: foreign, 0x07: foreign, 0x08: ucs2,
	0x09: unknown, // pictograms
	0x0A: foreign,
	0x0B: unknown, 0x0C: unknown,
	0x0D: unknown, // JIS X 0212
	0x0E: foreign,
	0x0F: unknown,
}

func generalAlphabet(coding byte) alphabet {
	if coding&0x20 != 0 {
		return compressed
	}
	switch coding & 0x0C {
	case 0x00:
		return gsm
	case 0x04:
		return octets
	case 0x08:
		return ucs2
	}
	return unknown
}
