package mailmsg_test

import (
	"crypto/rand"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
)

// BenchmarkNotice composes what leaves instead of a secured message.
func BenchmarkNotice(b *testing.B) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	d := mailmsg.NoticeData{
		HeaderID: "abcdefghijklmnopabcdefghijklmnop@clinic.example", From: gateway.MustAddress("notices@clinic.example"), FromName: "Example Clinic",
		To: gateway.MustAddress("pat@out.example"), ReplyTo: gateway.MustAddress("r.abcdefghijklmnopqrstuvwxyz@reply.clinic.example"),
		Organization: "Example Clinic", Reference: "ABCD-EFGH", URL: "https://secure.clinic.example/m/AAAAAAAAAAAAAAAAAAAAAA",
		Expires: now.Add(720 * time.Hour), Original: "1@clinic.example", Hops: 1, Now: now, Random: rand.Reader,
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mailmsg.Notice(d); err != nil {
			b.Fatal(err)
		}
	}
}
