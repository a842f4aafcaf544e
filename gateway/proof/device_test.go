package proof

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

func whatever(gateway.Assurance) bool { return true }

func nothing(*store.Batch) error { return nil }

func (w *world) remember(person gateway.PersonRef, cookie string, a gateway.Assurance) string {
	w.t.Helper()
	c, err := w.Remember(context.Background(), gateway.Record{Persons: []gateway.PersonRef{person}}, person, cookie, "Firefox, Android", a)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) enters(person gateway.PersonRef, cookie string) bool {
	w.t.Helper()
	s, err := w.Enter(context.Background(), w.link, person, "", cookie, whatever, nothing)
	if err != nil && !errors.Is(err, gateway.ErrNotProven) {
		w.t.Fatal(err)
	}
	if err == nil {
		p, ok, _ := w.Proof(context.Background(), s, w.link)
		if !ok || !p.Device {
			w.t.Fatalf("entered and not proven: %+v", p)
		}
	}
	return err == nil
}

func TestDeviceOpensLinksOfItsPerson(t *testing.T) {
	w := newWorld(t)
	c := w.remember(pat, "", gateway.OtherChannel)
	if !w.enters(pat, c) {
		t.Error("a remembered device does not enter")
	}
	for _, x := range []struct {
		who    gateway.PersonRef
		cookie string
	}{{gateway.PersonRef{2}, c}, {gateway.PersonRef{}, c}, {pat, ""}, {pat, "x"}, {pat, strings.Repeat(".", 500)}, {pat, c + "x"}} {
		if w.enters(x.who, x.cookie) {
			t.Errorf("%v enters by %q", x.who, x.cookie)
		}
	}
	stronger := func(a gateway.Assurance) bool { return a == gateway.SenderPIN }
	if _, err := w.Enter(context.Background(), w.link, pat, "", c, stronger, nothing); !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("a link that demands more: %v", err)
	}
	for k, item := range w.store.items {
		if strings.Contains(k, c) || strings.Contains(string(item.Value), c) {
			t.Error("the secret of a device is stored")
		}
	}
}

func TestTwoPeopleOnOneBrowser(t *testing.T) {
	w := newWorld(t)
	lee := gateway.PersonRef{2}
	c := w.remember(lee, w.remember(pat, "", gateway.OtherChannel), gateway.SameChannel)
	if !w.enters(pat, c) || !w.enters(lee, c) {
		t.Error("one pushed the other out")
	}
	c = w.remember(pat, c, gateway.OtherChannel) // again
	if all, _ := w.Devices(context.Background(), pat); len(all) != 1 || !w.enters(pat, c) || !w.enters(lee, c) {
		t.Errorf("%d devices of one browser", len(all))
	}
	for n := range 10 {
		c = w.remember(gateway.PersonRef{9, byte(n)}, c, gateway.SameChannel)
	}
	if n := len(strings.Split(c, ".")); n != maxSecrets || len(c) > 176 {
		t.Errorf("%d secrets, %d octets", n, len(c))
	}
}

func TestDevicesEnd(t *testing.T) {
	w := newWorld(t)
	c := w.remember(pat, "", gateway.OtherChannel)
	for range 5 {
		w.advance(35 * 24 * time.Hour)
		if !w.enters(pat, c) {
			t.Fatal("a device that is used ended")
		}
	}
	w.advance(5 * 24 * time.Hour)
	if w.enters(pat, c) {
		t.Error("180 days and it goes on")
	}
	c = w.remember(pat, c, gateway.OtherChannel)
	w.advance(90 * 24 * time.Hour)
	if w.enters(pat, c) {
		t.Error("90 days unused and it goes on")
	}
	if all, _ := w.Devices(context.Background(), pat); len(all) != 0 {
		t.Errorf("%d devices are listed", len(all))
	}
	if n, err := w.SweepDevices(context.Background()); n != 2 || err != nil {
		t.Errorf("%d swept, %v", n, err)
	}
}

// A session that a device opened ends with the device; other proofs of it stay.
func TestRevokedDeviceEndsItsSessions(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for name, revoke := range map[string]func(id string) error{
		"by the person": func(id string) error {
			_, err := w.ForgetDevice(ctx, gateway.Record{Persons: []gateway.PersonRef{pat}}, pat, id)
			return err
		},
		"by the journal": func(id string) error { _, err := w.DropDevice(ctx, pat, id); return err },
	} {
		c := w.remember(pat, "", gateway.OtherChannel)
		s, err := w.Enter(ctx, w.link, pat, "", c, whatever, nothing)
		if err != nil {
			t.Fatal(err)
		}
		d, err := w.FindDevice(ctx, pat, c)
		if err != nil || d == nil {
			t.Fatal(d, err)
		}
		if _, ok, err := w.Proof(ctx, s, w.link); !ok || err != nil {
			t.Errorf("%s: before: %v", name, err)
		}
		if err := revoke(d.ID); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := w.Proof(ctx, s, w.link); ok || err != nil {
			t.Errorf("%s: the session reads on: %v", name, err)
		}
	}
}

func TestForgetDevices(t *testing.T) {
	w := newWorld(t)
	var cookies []string
	for range maxDevices + 3 {
		w.advance(time.Second)
		cookies = append(cookies, w.remember(pat, "", gateway.OtherChannel))
	}
	all, err := w.Devices(context.Background(), pat)
	if err != nil || len(all) != maxDevices || w.enters(pat, cookies[0]) || !w.enters(pat, cookies[3]) {
		t.Fatalf("%d devices, %v", len(all), err)
	}
	about := gateway.Record{Actor: "correspondent"}
	gone, err := w.ForgetDevice(context.Background(), about, pat, all[0].ID)
	if err != nil || len(gone) != 1 || w.enters(pat, cookies[len(cookies)-1]) {
		t.Errorf("forgot %v, %v", gone, err)
	}
	if gone, err := w.ForgetDevice(context.Background(), about, gateway.PersonRef{2}, all[1].ID); err != nil || len(gone) != 0 {
		t.Errorf("another's device: %v, %v", gone, err)
	}
	if gone, err = w.ForgetDevice(context.Background(), about, pat, ""); err != nil || len(gone) != maxDevices-1 || w.enters(pat, cookies[5]) {
		t.Errorf("forgot %d, %v", len(gone), err)
	}
	if got := w.events(); got[gateway.EventDeviceRevoked] != maxDevices || got[gateway.EventDeviceKept] != maxDevices+3 {
		t.Errorf("evidence %v", got)
	}
}

// TestRevokedWhileItEnters: between a revocation and an entry one comes first.
func TestRevokedWhileItEnters(t *testing.T) {
	w := newWorld(t)
	c := w.remember(pat, "", gateway.OtherChannel)
	_, err := w.Enter(context.Background(), w.link, pat, "", c, whatever, func(*store.Batch) error {
		_, err := w.ForgetDevice(context.Background(), gateway.Record{}, pat, "")
		return err
	})
	if !errors.Is(err, gateway.ErrNotProven) {
		t.Errorf("entered by a device that was revoked before: %v", err)
	}
}
