package seal

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"gatepost/gateway"
)

// A wrap alone opens until its key is destroyed, also after a restart; other
// wraps neither use that key nor wait for it.
func TestWrapAlone(t *testing.T) {
	dir := t.TempDir()
	o := Options{Now: time.Now, Rand: rand.Reader, Evidence: func(...gateway.Record) error { return nil }}
	k, err := Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	id, err := gateway.NewMessageID(time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d, err := k.Sealer().NewKey()
	if err != nil {
		t.Fatal(err)
	}
	var wraps [2]gateway.Wrap
	for i := range wraps {
		if wraps[i], err = k.Sealer().WrapAlone(d, id); err != nil {
			t.Fatal(err)
		}
	}
	shared, err := k.Sealer().WrapSpool(d, id)
	if err != nil {
		t.Fatal(err)
	}
	if wraps[0].Group == wraps[1].Group || shared.Group == wraps[0].Group || shared.Group == wraps[1].Group {
		t.Fatalf("groups %s, %s, %s", wraps[0].Group, wraps[1].Group, shared.Group)
	}
	if err := k.DestroySpool(wraps[0].Group); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(dir, o); err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if again, err := k.Sealer().WrapSpool(d, id); err != nil || again.Group != shared.Group {
		t.Errorf("after a restart wraps go to %s, %v", again.Group, err)
	}
	if _, err := k.Spool().Open(wraps[0], id); err == nil {
		t.Error("opens after its key was destroyed")
	}
	if _, err := k.Spool().Open(wraps[1], id); err != nil {
		t.Errorf("does not open: %v", err)
	}
	if err := k.DestroySpool(wraps[1].Group); err != nil {
		t.Errorf("the key of a wrap alone is in use: %v", err)
	}
	if err := k.DestroySpool(shared.Group); !errors.Is(err, ErrInUse) {
		t.Errorf("the current key: %v", err)
	}
	next, err := k.RotateSpool()
	if err != nil || next == wraps[0].Group || next == wraps[1].Group {
		t.Errorf("rotated to %s, %v", next, err)
	}
}
