package detect

import (
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestPasswordSaid finds passwords that a sentence tells, in the words in which
// people write them, and none where a sentence only speaks of passwords.
func TestPasswordSaid(t *testing.T) {
	d := newTest(t)
	for _, sentence := range []string{
		"The password is: Summer2026!",
		"Your new password is Summer2026!",
		"Passwort lautet Sommer2026!",
		"Ihr neues Passwort lautet: Sommer2026!",
		"Das Kennwort heißt Sommer2026!",
		"Das Passwort war Sommer2026!",
		"Zugangscode: Sommer2026!",
		"Ihr Passwort für das Portal lautet Sommer2026!",
		"The password for the staff portal is Summer2026!",
		"La contraseña es Verano2026!",
		"Su clave de acceso es Verano2026!",
		"La contraseña del portal es Verano2026!",
		"Le mot de passe est Soleil2026!",
		"Votre mot de passe : Soleil2026!",
		"Le mot de passe du portail est Soleil2026!",
		"Voici le mdp : Soleil2026!",
	} {
		if !strings.Contains(types(d.Scan(text(sentence)), gateway.Medium), "password") {
			t.Errorf("not found in %q", sentence)
		}
	}
	for _, sentence := range []string{
		"Your password is about to expire.",
		"Your password expires on 12/05/2026.",
		"The password for the portal is required: see https://clinic.example/Reset2026!",
		"Das Passwort lautet wie immer.",
		"La clave es la paciencia; quedan 14 días.",
		"Le mot de passe est obligatoire depuis 2024.",
		"The password policy is on page A12.",
	} {
		if out := d.Scan(text(sentence)); strings.Contains(types(out, gateway.Medium), "password") {
			t.Errorf("found in %q", sentence)
		}
	}
}
