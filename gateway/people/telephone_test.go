package people

import (
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/store/storetest"
)

// TestTelephones: a contact's telephone is a correspondent whose other channel
// is the contact's mailbox, as long as it is theirs alone.
func TestTelephones(t *testing.T) {
	d, _ := newDirectory(storetest.NewMemory())
	load := func(lines string) {
		t.Helper()
		if _, err := d.Import(t.Context(), strings.NewReader("email,phone,language,pin,patient\n"+lines), "uid:0"); err != nil {
			t.Fatal(err)
		}
	}
	phone := func(number string) (second string, language string) {
		t.Helper()
		a, err := gateway.PhoneAddress(number)
		if err != nil {
			t.Fatal(err)
		}
		p, err := d.Find(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if p.PIN != nil {
			t.Error("a telephone has the PIN of its person")
		}
		return p.Second.Wire(), p.Language
	}
	load("pat@out.example,+15551234567,de,1234567,true\n")
	if second, language := phone("+15551234567"); second != "pat@out.example" || language != "de" {
		t.Errorf("%q %q", second, language)
	}
	load("pat@out.example,+15551234567,,,\n")
	if second, language := phone("+15551234567"); second != "pat@out.example" || language != "de" {
		t.Errorf("again: %q %q", second, language)
	}
	load("pat@out.example,+15557654321,,,\n")
	if second, _ := phone("+15551234567"); second != "" {
		t.Errorf("codes still go to who had the number before: %q", second)
	}
	if second, _ := phone("+15557654321"); second != "pat@out.example" {
		t.Errorf("the new number: %q", second)
	}
	load("kim@out.example,+15557654321,,,\n")
	if second, _ := phone("+15557654321"); second != "" {
		t.Errorf("a shared telephone leads to one of its owners: %q", second)
	}
	load("kim@out.example,+15557654321,,,\n")
	if second, _ := phone("+15557654321"); second != "" {
		t.Errorf("a shared telephone leads to who was imported last: %q", second)
	}
}
