package proof

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/store"
)

// How long a device is remembered: so long after its enrolment, and so long
// unused.
const (
	deviceLife = 180 * 24 * time.Hour
	deviceIdle = 90 * 24 * time.Hour
)

// maxDevices bounds the devices of one person; the one used longest ago goes
// first. maxSecrets bounds the people that are remembered on one browser.
const (
	maxDevices = 20
	maxSecrets = 4
)

// usedEvery is how often the use of a device is written down at most.
const usedEvery = time.Hour

// device is the record of a remembered browser. Its key names the person, so
// the secret of one person's device is worth nothing for another.
type device struct {
	Hash      []byte // of the secret
	Label     string
	Assurance gateway.Assurance // of the proof at enrolment
	Created   time.Time
	Used      time.Time
}

func (d *device) ended(now time.Time) bool {
	return !now.Before(d.Created.Add(deviceLife)) || !now.Before(d.Used.Add(deviceIdle))
}

// Device is a remembered browser.
type Device struct {
	ID        string
	Label     string
	Assurance gateway.Assurance
	Created   time.Time
	Used      time.Time
}

var deviceEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// deviceHash is what is kept of a device's secret; its first 16 octets name
// the device.
func (k *Book) deviceHash(secret string) []byte {
	h := k.mac("proof: device", []byte(secret))
	return h[:]
}

func deviceKey(person gateway.PersonRef, id []byte) []byte {
	return store.Key(store.Devices, person[:], id)
}

// parseDevice reads a device's ID; nil for what is none.
func parseDevice(id string) []byte {
	raw, err := deviceEncoding.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return nil
	}
	return raw
}

// secrets are those that a browser shows: one for each person remembered on
// it, joined by points.
func secrets(cookie string) []string {
	if cookie == "" || len(cookie) > maxSecrets*44 {
		return nil
	}
	return strings.Split(cookie, ".")
}

// FindDevice returns the device of person that the browser with cookie is, nil
// when it is none or not any more. It writes nothing.
func (k *Book) FindDevice(ctx context.Context, person gateway.PersonRef, cookie string) (*Device, error) {
	d, id, _, err := k.findDevice(ctx, person, cookie)
	if err != nil || d == nil {
		return nil, err
	}
	return shown(id, d), nil
}

func shown(id []byte, d *device) *Device {
	return &Device{deviceEncoding.EncodeToString(id), d.Label, d.Assurance, d.Created, d.Used}
}

func (k *Book) findDevice(ctx context.Context, person gateway.PersonRef, cookie string) (*device, []byte, store.Version, error) {
	if person.IsZero() {
		return nil, nil, 0, nil
	}
	for _, secret := range secrets(cookie) {
		hash := k.deviceHash(secret)
		d, version, err := store.GetRecord[device](ctx, k.store, deviceKey(person, hash[:16]))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, 0, fmt.Errorf("reading a device: %w", err)
		}
		if subtle.ConstantTimeCompare(hash, d.Hash) == 1 && !d.ended(k.now()) {
			return &d, hash[:16], version, nil
		}
	}
	return nil, nil, 0, nil
}

// remembered reports whether a device that opened a link has not been revoked
// since.
func (k *Book) remembered(ctx context.Context, person gateway.PersonRef, id []byte) (bool, error) {
	d, _, err := store.GetRecord[device](ctx, k.store, deviceKey(person, id))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading a device: %w", err)
	}
	return !d.ended(k.now()), nil
}

// Remember enrols a browser for person, with the assurance that its session
// has proven, and returns the cookie for it: a new secret of 256 bits beside
// those that the browser had for other people. about says what evidence says
// besides.
func (k *Book) Remember(ctx context.Context, about gateway.Record, person gateway.PersonRef, cookie, label string, a gateway.Assurance) (string, error) {
	var raw [32]byte
	if _, err := io.ReadFull(k.random, raw[:]); err != nil {
		return "", fmt.Errorf("drawing a device: %w", err)
	}
	secret := base64.RawURLEncoding.EncodeToString(raw[:])
	hash, now := k.deviceHash(secret), k.now()
	old, oldID, _, err := k.findDevice(ctx, person, cookie)
	if err != nil {
		return "", err
	}
	devices, err := k.Devices(ctx, person)
	if err != nil {
		return "", err
	}
	var b store.Batch
	if old != nil { // the same browser again
		b.Delete(deviceKey(person, oldID))
	}
	for _, d := range devices[min(len(devices), maxDevices-1):] {
		b.Delete(deviceKey(person, parseDevice(d.ID)))
	}
	key := deviceKey(person, hash[:16])
	b.RequireAbsent(key)
	if err := b.PutRecord(key, device{Hash: hash, Label: label, Assurance: a, Created: now, Used: now}); err != nil {
		return "", err
	}
	detail := map[string]string{"device": deviceEncoding.EncodeToString(hash[:16]), "assurance": string(a)}
	if err := k.stage(&b, about, gateway.EventDeviceKept, detail); err != nil {
		return "", err
	}
	if err := k.write(ctx, &b, "remembering a device"); err != nil {
		return "", err
	}
	return k.joined(cookie, oldID, secret), nil
}

// joined is the cookie of a browser that has one more secret: the newest
// first, without the one that it replaces.
func (k *Book) joined(cookie string, replaced []byte, secret string) string {
	kept := []string{secret}
	for _, s := range secrets(cookie) {
		hash := k.deviceHash(s)
		if len(kept) < maxSecrets && s != "" && !bytes.Equal(hash[:16], replaced) {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, ".")
}

// Devices lists the devices of a person, the one used last first.
func (k *Book) Devices(ctx context.Context, person gateway.PersonRef) ([]Device, error) {
	var all []Device
	var bad error
	now := k.now()
	err := k.store.Scan(ctx, store.Prefix(store.Devices, person[:]), func(item store.Item) bool {
		var d device
		if bad = store.Decode(item.Value, &d); bad == nil && !d.ended(now) {
			all = append(all, *shown(item.Key[1+len(person):], &d))
		}
		return bad == nil
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("reading devices: %w", err)
	}
	slices.SortFunc(all, func(a, b Device) int {
		return cmp.Or(b.Used.Compare(a.Used), b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// ForgetDevice revokes a device of a person, all with id "". It returns the
// ids of those that were there; evidence names each.
func (k *Book) ForgetDevice(ctx context.Context, about gateway.Record, person gateway.PersonRef, id string) ([]string, error) {
	devices, err := k.Devices(ctx, person)
	if err != nil {
		return nil, err
	}
	var b store.Batch
	var gone []string
	for _, d := range devices {
		if id != "" && id != d.ID {
			continue
		}
		b.Delete(deviceKey(person, parseDevice(d.ID)))
		if err := k.stage(&b, about, gateway.EventDeviceRevoked, map[string]string{"device": d.ID}); err != nil {
			return nil, err
		}
		gone = append(gone, d.ID)
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return gone, k.write(ctx, &b, "forgetting devices")
}

// StageForgetDevices removes in b all devices of a person without evidence of
// each, for when the person is erased.
func (k *Book) StageForgetDevices(ctx context.Context, b *store.Batch, person gateway.PersonRef) error {
	return k.store.Scan(ctx, store.Prefix(store.Devices, person[:]), func(item store.Item) bool {
		b.Delete(bytes.Clone(item.Key))
		return true
	})
}

// DropDevice removes a device, as a journal that outlived the store remembers
// it; it reports whether there was one. The caller leaves the evidence.
func (k *Book) DropDevice(ctx context.Context, person gateway.PersonRef, id string) (bool, error) {
	raw := parseDevice(id)
	if raw == nil {
		return false, nil
	}
	key := deviceKey(person, raw)
	if _, err := k.store.Get(ctx, key); errors.Is(err, store.ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("reading a device: %w", err)
	}
	var b store.Batch
	b.Delete(key)
	return true, k.write(ctx, &b, "forgetting a device")
}

// Enter opens a link by a remembered device of person: it makes a session that
// has proven the link, with the assurance of the enrolment, and returns its
// secret. enough says whether the link is content with that. also adds to the
// batch. gateway.ErrNotProven when the browser is no device of the person, or
// one of too little assurance.
func (k *Book) Enter(ctx context.Context, link gateway.LinkID, person gateway.PersonRef, session, cookie string,
	enough func(gateway.Assurance) bool, also func(*store.Batch) error,
) (string, error) {
	about, err := k.about(ctx, link)
	if err != nil {
		return "", err
	}
	fresh, err := k.drawSession()
	if err != nil {
		return "", err
	}
	return fresh, again(ctx, func() error {
		d, id, version, err := k.findDevice(ctx, person, cookie)
		if err != nil {
			return err
		}
		if d == nil || !enough(d.Assurance) {
			return gateway.ErrNotProven
		}
		was, wasVersion, err := k.session(ctx, session)
		if err != nil {
			return err
		}
		var b store.Batch
		key, now := deviceKey(person, id), k.now()
		b.RequireVersion(key, version) // a device that is revoked at this moment does not enter
		if now.Sub(d.Used) >= usedEvery {
			d.Used = now
			if err := b.PutRecord(key, d); err != nil {
				return err
			}
		}
		if err := k.stageSession(&b, session, was, wasVersion, fresh, link, proven{Assurance: d.Assurance, At: now, Device: true, Person: person, DeviceID: id}); err != nil {
			return err
		}
		detail := map[string]string{"assurance": string(d.Assurance), "device": deviceEncoding.EncodeToString(id)}
		if err := k.stage(&b, about, gateway.EventProofPassed, detail); err != nil {
			return err
		}
		if err := also(&b); err != nil {
			return err
		}
		return k.write(ctx, &b, "entering by a device")
	})
}

// SweepDevices removes the records of devices that have ended, at most some
// hundred at a time, and says how many.
func (k *Book) SweepDevices(ctx context.Context) (int, error) {
	return sweepEnded(ctx, k, store.Devices, "devices", func(d *device) bool { return d.ended(k.now()) })
}
