package text

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// BenchmarkRead measures the reading of one segment and of a long text.
func BenchmarkRead(b *testing.B) {
	for name, text := range map[string]string{
		"segment": "Dear Ms Doe, your appointment is on Monday at 10:30. Please bring your insurance card. Reply STOP to opt out.",
		"accents": "Chère Mme Dupré, votre rendez-vous est fixé à lundi 10:30. Répondez STOP pour ne plus recevoir, dupre@example.com",
		"ucs2":    "Уважаемая госпожа, ваш приём в понедельник 🙂",
		"long":    strings.Repeat("All is well. ", 154),
		"emoji":   strings.Repeat("Всё хорошо 🙂 ", 154),
	} {
		segments, err := Texts{}.Compose(text, 7)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r := (Texts{}).Read(segments); len(r.Parts[0].Text) == 0 {
					b.Fatal("nothing read")
				}
			}
		})
	}
}

// BenchmarkPlace measures what the server does with every segment.
func BenchmarkPlace(b *testing.B) {
	s := gateway.Segment{ESMClass: udhi, Short: []byte("\x05\x00\x03\x07\x03\x02text")}
	b.ReportAllocs()
	for b.Loop() {
		if p, err := (Texts{}).Place(&s); err != nil || p.Seq != 2 {
			b.Fatal(p, err)
		}
	}
}
