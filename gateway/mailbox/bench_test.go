package mailbox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gatepost/gateway"
	"gatepost/gateway/mailbox"
	"gatepost/store"
	"gatepost/store/pebblestore"
)

const large = 100_000

// largeFolder is a folder of 100,000 messages on disk, with heads as secured
// messages have them.
func largeFolder(b *testing.B) (store.Store, *mailbox.Book, mailbox.Owner) {
	b.Helper()
	s, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	book := newBook(s)
	o := book.Review()
	e := entry(1)
	e.Head = gateway.Sensitive("X-Gatepost-Status: " + strings.Repeat("x", 300) + "\r\n")
	for n := 0; n < large; n += 1000 {
		change(b, book, o, func(x *mailbox.Txn) {
			for i := range 1000 {
				e.Message = gateway.MessageID([]byte(fmt.Sprintf("%016d", n+i)))
				x.Add(gateway.FolderUnopened, e)
			}
		})
	}
	return s, book, o
}

func BenchmarkOpenOf100000(b *testing.B) {
	s, _, o := largeFolder(b)
	b.ReportAllocs()
	for b.Loop() {
		one, err := newBook(s).Open(context.Background(), o, gateway.FolderUnopened)
		if err != nil || len(one.View().UIDs) != large {
			b.Fatal(err)
		}
		one.Close()
	}
}

func BenchmarkAppendTo100000(b *testing.B) {
	_, book, o := largeFolder(b)
	one := open(b, book, o, gateway.FolderUnopened)
	b.ReportAllocs()
	for b.Loop() {
		change(b, book, o, func(x *mailbox.Txn) { x.Add(gateway.FolderUnopened, entry(9)) })
	}
	if v := one.View(); len(v.UIDs) != large+b.N {
		b.Fatalf("%d entries", len(v.UIDs))
	}
}

func BenchmarkMark1000Of100000(b *testing.B) {
	_, book, o := largeFolder(b)
	open(b, book, o, gateway.FolderUnopened)
	flagged := false
	b.ReportAllocs()
	for b.Loop() {
		flagged = !flagged
		change(b, book, o, func(x *mailbox.Txn) {
			for uid := gateway.UID(1); uid <= 1000; uid++ {
				x.Mark(gateway.FolderUnopened, uid, gateway.Marks{Flagged: flagged})
			}
		})
	}
}

func BenchmarkStatusOf100000(b *testing.B) {
	_, book, o := largeFolder(b)
	b.ReportAllocs()
	for b.Loop() {
		if st, err := book.Status(context.Background(), o, gateway.FolderUnopened); err != nil || st.Messages != large {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntriesOf100000(b *testing.B) {
	_, book, o := largeFolder(b)
	open(b, book, o, gateway.FolderUnopened)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		err := book.Entries(context.Background(), o, gateway.FolderUnopened, 1, mailbox.Last, func(*gateway.MailEntry) bool { n++; return true })
		if err != nil || n != large {
			b.Fatal(n, err)
		}
	}
}
