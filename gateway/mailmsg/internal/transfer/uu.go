package transfer

import (
	"bytes"
	"strings"
)

// File is a file that stands encoded within a text.
type File struct {
	Start, End int // octets of the text that it takes, its frame included
	Name       string
	Data       []byte
	Cut        bool // octets of it are missing, because too many would have been made up
}

// Files finds uuencoded ("begin 644 name"), base64 ("begin-base64 644 name", as
// POSIX uuencode -m writes it) and yEnc ("=ybegin") files in b, at most limit of
// them.
func Files(b []byte, limit int) []File {
	var files []File
	lost := maxLost
	if !bytes.Contains(b, []byte("begin")) {
		return nil
	}
	for at := 0; at < len(b) && len(files) < limit; {
		line, next := lineAt(b, at)
		var f File
		switch {
		case bytes.HasPrefix(line, []byte("begin ")):
			f = uuFile(b, line, next, &lost)
		case bytes.HasPrefix(line, []byte("begin-base64 ")):
			f = base64File(b, line, next)
		case bytes.HasPrefix(line, []byte("=ybegin ")):
			f = yencFile(b, line, next)
		}
		if f.End > 0 {
			f.Start, next = at, f.End
			files = append(files, f)
		}
		at = next
	}
	return files
}

// lineAt is the line that begins at i, without its end, and where the next
// begins.
func lineAt(b []byte, i int) (line []byte, next int) {
	n := bytes.IndexByte(b[i:], '\n')
	if n < 0 {
		return b[i:], len(b)
	}
	return bytes.TrimSuffix(b[i:i+n], []byte("\r")), i + n + 1
}

// maxLost is how many octets are made up in all for spaces at the ends of lines
// that were lost on the way. Without it two octets would become 63. Once they are
// used up, lines hold what stands there.
const maxLost = 256 << 10

// uuFile reads the lines after "begin <mode> <name>" up to "end" or to the
// first line that cannot be part of the file. A file without any line is none.
// lost is what is left of maxLost.
func uuFile(b, head []byte, at int, lost *int) File {
	mode, name, ok := strings.Cut(string(head[len("begin "):]), " ")
	if !ok || len(mode) < 3 || len(mode) > 5 || strings.Trim(mode, "01234567") != "" {
		return File{}
	}
	f := File{Name: strings.TrimSpace(name)}
	for at < len(b) {
		line, next := lineAt(b, at)
		if string(bytes.TrimSpace(line)) == "end" {
			f.End = next
			break
		}
		data, ok := uuLine(line)
		if !ok {
			break
		}
		if made := max(0, len(data)-len(line)); made <= *lost {
			*lost -= made
		} else {
			data, f.Cut = data[:min(len(data), (len(line)-1)*3/4)], true
		}
		f.Data = append(f.Data, data...)
		at, f.End = next, next
	}
	return f
}

// base64File reads the lines after "begin-base64 <mode> <name>" up to one that
// is no base64; "====" is the last.
func base64File(b, head []byte, at int) File {
	_, name, _ := strings.Cut(string(head[len("begin-base64 "):]), " ")
	f := File{Name: strings.TrimSpace(name)}
	from := at
	for at < len(b) {
		line, next := lineAt(b, at)
		line = bytes.TrimSpace(line)
		if string(line) == "====" {
			f.End = next
			break
		}
		if len(line) == 0 || !isBase64Line(line) {
			break
		}
		at, f.End = next, next
	}
	f.Data = DecodeBase64(b[from:at]).Data
	return f
}

func isBase64Line(line []byte) bool {
	for _, c := range line {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return true
}

// uuLine decodes one line. Trailing spaces may have been lost on the way.
func uuLine(line []byte) ([]byte, bool) {
	if len(line) == 0 {
		return nil, true
	}
	n := int(line[0]-' ') & 63
	if line[0] < ' ' || line[0] > '`' || len(line) > 1+(n+2)/3*4+2 {
		return nil, false
	}
	out := make([]byte, 0, 63)
	at := func(i int) uint32 {
		if i >= len(line) {
			return 0
		}
		return uint32(line[i]-' ') & 63
	}
	for i := 1; len(out) < n; i += 4 {
		g := at(i)<<18 | at(i+1)<<12 | at(i+2)<<6 | at(i+3)
		out = append(out, byte(g>>16), byte(g>>8), byte(g))
	}
	return out[:n], true
}

// yencFile reads the lines after "=ybegin" up to "=yend" or the end of b.
func yencFile(b, head []byte, at int) File {
	var f File
	if i := bytes.Index(head, []byte("name=")); i >= 0 {
		f.Name = string(bytes.TrimSpace(head[i+len("name="):]))
	}
	for at < len(b) {
		line, next := lineAt(b, at)
		at, f.End = next, next
		switch {
		case bytes.HasPrefix(line, []byte("=yend")):
			return f
		case bytes.HasPrefix(line, []byte("=ypart")):
		default:
			f.Data = yencLine(f.Data, line)
		}
	}
	return f
}

func yencLine(out, line []byte) []byte {
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '=' && i+1 < len(line) {
			i++
			c = line[i] - 64
		}
		out = append(out, c-42)
	}
	return out
}
