package viewer

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"time"

	"gatepost/gateway"
)

// picture is a small PNG that can be seen on a screenshot.
func picture() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 320, 120))
	for x := range 320 {
		for y := range 120 {
			m.Set(x, y, color.RGBA{uint8(20 + x/3), uint8(110 + y/2), 130, 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.Bytes()
}

const letterHTML = `<html><head><style>body{background:url(https://track.example/bg)}</style></head>
<body bgcolor="#ffffff" style="font-family:Arial;font-size:11px;background:url('https://track.example/x')">
<table width="600" cellpadding="8" style="width:600px"><tr><td style="background-color:#0b5c6b;color:#ffffff;padding:12px"><h2>Example Clinic</h2></td></tr>
<tr><td><p>Dear Mrs Jones,</p>
<p style="font-size:10px">your blood test of <b>18 November</b> is back. Everything is within the <span style="color:#14532d;font-weight:bold">normal range</span>:</p>
<table border="1" cellpadding="6"><tr><th align="left">Value</th><th align="left">You</th><th align="left">Normal</th></tr>
<tr><td>Haemoglobin</td><td>13.9 g/dl</td><td>12.0 – 15.5</td></tr><tr><td>Glucose, fasting</td><td>92 mg/dl</td><td>70 – 100</td></tr></table>
<p>Please go on with your tablets as before: <i>one in the morning</i>. We would like to see you again in <u>six months</u>.</p>
<img src="cid:chart@clinic.example" alt="Chart of your values" width="320"><img src="https://track.example/pixel.gif" width="1" height="1">
<p>You find more about your test at <a href="https://clinic.example/tests?x=1" onclick="steal()">clinic.example/tests</a>.</p>
<p>Kind regards<br>Dr Ann Miller</p><script>alert(1)</script></td></tr></table></body></html>`

func letter() *gateway.Mail {
	return &gateway.Mail{
		Subject: "Your blood test results", From: "Dr Ann Miller <ann@clinic.example>", To: "pat@out.example",
		Date: time.Date(2026, 11, 21, 13, 5, 0, 0, time.UTC),
		Text: "Dear Mrs Jones,\n\nyour blood test of 18 November is back. Everything is within the normal range.\n\nMore: https://clinic.example/tests?x=1.\n\nKind regards\nDr Ann Miller",
		HTML: letterHTML,
		Files: []gateway.File{
			file("chart.png", "image/png", "chart@clinic.example", picture()),
			file("Laboratory report 2026-11-18.pdf", "application/pdf", "", []byte("%PDF-1.4\n"+strings.Repeat("x", 48_211))),
			file("How to take your tablets.mp3", "audio/mpeg", "", append([]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), make([]byte, 1_300_000)...)),
		},
	}
}

// arabicLetter has what directions of writing get wrong: Latin names, numbers,
// an address of a page and a file name in both scripts.
func arabicLetter() *gateway.Mail {
	return &gateway.Mail{
		Subject: "\u0646\u062a\u0627\u0626\u062c \u0641\u062d\u0635 \u0627\u0644\u062f\u0645 (HbA1c 6.1 %)", From: "\u062f. \u0622\u0646 \u0645\u064a\u0644\u0631 <ann@clinic.example>", To: "pat@out.example",
		Date:  time.Date(2026, 11, 21, 13, 5, 0, 0, time.UTC),
		Text:  "\u0627\u0644\u0633\u064a\u062f\u0629 \u062c\u0648\u0646\u0632\u060c\n\n\u0646\u062a\u0627\u0626\u062c \u0641\u062d\u0635 \u0627\u0644\u062f\u0645 \u0628\u062a\u0627\u0631\u064a\u062e 18 \u0646\u0648\u0641\u0645\u0628\u0631 \u0637\u0628\u064a\u0639\u064a\u0629.\n\n\u0627\u0644\u0645\u0632\u064a\u062f: https://clinic.example/tests?x=1.\n\nPlease call +1 555 000 1111.\n\u062f. \u0622\u0646 \u0645\u064a\u0644\u0631",
		Files: []gateway.File{file("\u0646\u062a\u0627\u0626\u062c report 2026.pdf", "application/pdf", "", []byte("%PDF-1.4\n"+strings.Repeat("x", 48_211)))},
	}
}
