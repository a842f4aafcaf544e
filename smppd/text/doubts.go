package text

import "gatepost/gateway"

// doubts are what a reading could not settle, one bit each.
type doubts uint16

const (
	doubtHeader doubts = 1 << iota
	doubtPayload
	doubtTongue
	doubtCoding
	doubtCompressed
	doubtOctets
	doubtUTF16
	doubtCharset
	doubtMixed
	doubtCanned
	unreadable
	unreadableHeader
)

var doubtPhrases = [...]string{
	"a user data header does not fit its segment",
	"short_message beside message_payload",
	"a national language that is not known",
	"a data coding that is not known",
	"a compressed text",
	"octets that the alphabet does not have",
	"half a character of UTF-16",
	"octets that the charset does not have",
	"parts of one text in several codings",
	"a text that the carrier keeps",
}

// report writes doubts down, in an order that does not depend on the message.
func (d doubts) report(out *gateway.Reading) {
	for i, phrase := range doubtPhrases {
		if d&(1<<i) != 0 {
			out.Uncertain = append(out.Uncertain, phrase)
		}
	}
	if d&unreadable != 0 {
		out.Unreadable = append(out.Unreadable, gateway.Unreadable{Kind: gateway.UnreadableContainer, Path: pathText})
	}
	if d&unreadableHeader != 0 {
		out.Unreadable = append(out.Unreadable, gateway.Unreadable{Kind: gateway.UnreadableContainer, Path: pathHeader})
	}
}
