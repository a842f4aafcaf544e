package document_test

import (
	"testing"

	"gatepost/gateway/mailmsg/internal/document"
)

// TestWideMapOfASimpleFont: gropdf gives fonts of one-octet codes a map for two;
// every second letter was lost.
func TestWideMapOfASimpleFont(t *testing.T) {
	const file = "%PDF-1.4\n1 0 obj\n<< /Type /Page /Contents 2 0 R /Resources << /Font << /F 3 0 R >> >> >>\nendobj\n" +
		"2 0 obj\n<< >>\nstream\nBT /F 9 Tf (SSN: 536-22-8726) Tj ET\nendstream\nendobj\n3 0 obj\n<< /Type /Font /Subtype /Type1 /ToUnicode 4 0 R >>\nendobj\n" +
		"4 0 obj\n<< >>\nstream\n1 begincodespacerange <0000> <ffff> endcodespacerange\nendstream\nendobj\n"
	if r := document.ReadPDF([]byte(file), document.NewBudget(func() {})); r.Text != "SSN: 536-22-8726" {
		t.Errorf("%q", r.Text)
	}
}
