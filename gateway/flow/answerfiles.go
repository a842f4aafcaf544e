package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg"
	"gatepost/gateway/seal"
	"gatepost/store"
	"gatepost/store/blob"
)

// pile is the attachments of an answer while it is composed, back to back: in
// memory while they are few octets, else sealed in a body that nothing refers
// to and that goes when the answer is composed.
type pile struct {
	flow  *Flow
	id    gateway.MessageID // that the body is sealed for; names no message
	key   seal.Key
	files []piled
	size  int64

	small  bytes.Buffer
	body   *blob.Writer // nil while small holds everything
	sealed io.WriteCloser
	ref    string

	content io.ReaderAt
	done    func()
}

// piled is one attachment: where it lies in the pile.
type piled struct {
	name      gateway.Sensitive
	mediaType string
	at, size  int64
}

// gather takes all attachments from next. gateway.ErrAnswerTooLarge above the
// limits; what next or a file answers otherwise is returned as it is. drop
// must be called.
func (f *Flow) gather(ctx context.Context, next func() (gateway.AnswerFile, error)) (*pile, error) {
	p := &pile{flow: f, done: func() {}}
	for next != nil {
		file, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.add(file)
		}
		if err != nil {
			p.drop()
			return nil, err
		}
	}
	if err := p.end(ctx); err != nil {
		p.drop()
		return nil, err
	}
	return p, nil
}

// add takes one attachment. A field of a form that names no file is none.
func (p *pile) add(file gateway.AnswerFile) error {
	begins := p.size
	n, err := io.Copy(p, io.LimitReader(file.Content, gateway.MaxAnswerSize-p.size+1))
	if err != nil {
		return fmt.Errorf("reading an attachment: %w", err)
	}
	if n == 0 && strings.TrimSpace(file.Name.Reveal()) == "" {
		return nil
	}
	p.files = append(p.files, piled{name: file.Name, mediaType: file.MediaType, at: begins, size: n})
	if p.size > gateway.MaxAnswerSize || len(p.files) > gateway.MaxAnswerFiles {
		return gateway.ErrAnswerTooLarge
	}
	return nil
}

// Write implements io.Writer.
func (p *pile) Write(octets []byte) (int, error) {
	if p.body == nil && p.small.Len()+len(octets) > smallMessage {
		if err := p.spill(); err != nil {
			return 0, err
		}
	}
	to := io.Writer(&p.small)
	if p.body != nil {
		to = p.sealed
	}
	n, err := to.Write(octets)
	p.size += int64(n)
	return n, err
}

// spill moves what is in memory into a sealed body.
func (p *pile) spill() (err error) {
	if p.id, err = gateway.NewMessageID(p.flow.Now(), p.flow.Random); err != nil {
		return err
	}
	if p.key, err = p.flow.Sealer.NewKey(); err != nil {
		return err
	}
	if p.body, err = p.flow.Blobs.Create(); err != nil {
		return err
	}
	p.sealed = p.flow.Sealer.Encrypt(p.body, p.key, p.id)
	_, err = p.small.WriteTo(p.sealed)
	return err
}

// end makes the pile readable.
func (p *pile) end(ctx context.Context) error {
	if p.body == nil {
		p.content = bytes.NewReader(p.small.Bytes())
		return nil
	}
	if err := p.sealed.Close(); err != nil {
		return err
	}
	var unused store.Batch // a body of this size is readable without its commit, and is never committed
	var err error
	if p.ref, err = p.body.Commit(ctx, &unused); err != nil {
		return err
	}
	p.content, p.done, err = p.flow.openBody(ctx, p.key, p.id, gateway.Body{Blob: p.ref, Size: p.size})
	if err != nil {
		p.done = func() {}
	}
	return err
}

// drop lets go of everything. A body that a crash leaves behind is collected
// with those that nothing refers to.
func (p *pile) drop() {
	p.done()
	p.done = func() {}
	switch {
	case p.ref != "":
		var b store.Batch
		p.flow.Blobs.Delete(&b, p.ref)
		b.Done() // without a commit: no record of it was ever written
	case p.body != nil:
		_ = p.sealed.Close()
		p.body.Abort()
	}
	p.key.Destroy()
}

// attachments are the files as they are composed: each can be read any number
// of times until drop.
func (p *pile) attachments() []mailmsg.AnswerFile {
	var all []mailmsg.AnswerFile
	for _, f := range p.files {
		all = append(all, mailmsg.AnswerFile{
			Name: f.name, MediaType: f.mediaType, Size: f.size,
			Open: func() (io.Reader, error) { return io.NewSectionReader(p.content, f.at, f.size), nil },
		})
	}
	return all
}
