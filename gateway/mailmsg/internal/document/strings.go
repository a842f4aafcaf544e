package document

import "strings"

const (
	minRun   = 6       // characters that make a run of text
	maxRuns8 = 4 << 20 // octets of text that Strings returns
)

// Strings finds the runs of text in octets of unknown structure: 8-bit and
// UTF-16, little endian. It shows what a look at the file with a simple tool
// would show; it does not make the file readable.
func Strings(b []byte) string {
	var out strings.Builder
	out.WriteString(runs8(b))
	runs16(&out, b)
	return out.String()
}

func printable(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' }

func runs8(b []byte) string {
	var out strings.Builder
	start := -1
	for i := 0; i <= len(b) && out.Len() < maxRuns8; i++ {
		if i < len(b) && printable(b[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && i-start >= minRun {
			out.Write(b[start:i])
			out.WriteByte('\n')
		}
		start = -1
	}
	return out.String()
}

// runs16 looks at both alignments at once: a run is a sequence of printable
// octets each followed by NUL.
func runs16(out *strings.Builder, b []byte) {
	for i := 0; i+1 < len(b) && out.Len() < 2*maxRuns8; {
		n := 0
		for i+2*n+1 < len(b) && printable(b[i+2*n]) && b[i+2*n+1] == 0 {
			n++
		}
		if n < minRun {
			i += max(1, 2*n)
			continue
		}
		for k := range n {
			out.WriteByte(b[i+2*k])
		}
		out.WriteByte('\n')
		i += 2 * n
	}
}
