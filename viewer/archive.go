package viewer

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"gatepost/gateway"
	"gatepost/viewer/library"
)

// archive answers GET …/all: the files of a message as one ZIP archive, made
// while it leaves. Every file is granted by itself, as if it were asked for
// alone. What fails in the middle breaks the connection off: half an archive
// must not look like a whole one.
func (v *viewer) archive(w http.ResponseWriter, r *http.Request) {
	reading, d, gone := v.openedFiles(w, r, -1)
	if reading == nil {
		return
	}
	defer gone()
	defer v.close(reading)
	if len(reading.Files) == 0 {
		v.none(w, r)
		return
	}
	v.sandboxed(w.Header(), documentPolicy)
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="files.zip"`)
	if err := pack(r.Context(), w, d, reading.Files); err != nil {
		if !errors.Is(err, context.Canceled) {
			v.config.Logger.Warn("viewer archive ended early", "area", "viewer", "error", err)
		}
		panic(http.ErrAbortHandler)
	}
}

// pack writes files as they are: what is large is compressed already.
func pack(ctx context.Context, w http.ResponseWriter, d desk, files []library.File) error {
	archive, names := zip.NewWriter(w), map[string]bool{}
	for n := range files {
		grant, err := d.grant(ctx, n)
		if err != nil {
			return err
		}
		if err := packFile(archive, w, &files[n], header(&files[n], grant, names)); err != nil {
			return err
		}
	}
	return archive.Close()
}

func packFile(archive *zip.Writer, w http.ResponseWriter, f *library.File, h *zip.FileHeader) error {
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	entry, err := archive.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, timed(content, w))
	return err
}

func header(f *library.File, g gateway.Grant, taken map[string]bool) *zip.FileHeader {
	h := &zip.FileHeader{Name: uniqueName(f.Name.Reveal(), taken), Method: zip.Store}
	// The years that a ZIP archive can say.
	if y := g.Sent.Year(); y >= 1980 && y < 2100 {
		h.Modified = g.Sent.UTC().Truncate(time.Second)
	}
	return h
}

// uniqueName is a name that no other file of an archive has, on systems that
// do not tell upper from lower case either. The library made it harmless.
func uniqueName(name string, taken map[string]bool) string {
	extension := path.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	for n := 2; taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s (%d)%s", stem, n, extension)
	}
	taken[strings.ToLower(name)] = true
	return name
}
