package mailmsg

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"gatepost/gateway"
	"gatepost/gateway/mailmsg/internal/header"
)

// maxEntityHead is how much of a mail is read for its header: the largest
// header, and the line that crosses the limit. Octets.
const maxEntityHead = header.MaxOctets + 64<<10

// writeEntity writes the entity of a mail behind a header of ours: its
// Content-* fields as they stand there, MIME-Version, and the octets of its
// body. Of duplicate fields the first is kept, the one that View goes by; what
// is no well-formed field, or only claims a length, is left out.
func writeEntity(out *bufio.Writer, c gateway.Content) error {
	raw := make([]byte, min(c.Size(), maxEntityHead))
	if n, err := c.ReadAt(raw, 0); n < len(raw) {
		return fmt.Errorf("reading an answer: %w", err)
	}
	block := header.Split(raw)
	seen := map[string]bool{}
	var head bytes.Buffer
	head.WriteString("MIME-Version: 1.0\r\n")
	for _, f := range block.Fields {
		name := strings.ToLower(f.Name)
		if !isContentField(name) || seen[name] {
			continue
		}
		seen[name] = true
		head.WriteString(f.Name + ":" + wellFolded(f.Raw) + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := out.Write(head.Bytes()); err != nil {
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(c, int64(block.Body), c.Size()-int64(block.Body))); err != nil {
		return fmt.Errorf("copying an answer: %w", err)
	}
	return nil
}

// isContentField reports whether a field describes an entity (RFC 2045 section
// 9). Content-Length is none: it misleads readers of mail folders.
func isContentField(name string) bool {
	rest, ok := strings.CutPrefix(name, "content-")
	return ok && rest != "" && rest != "length" && len(name) < 64 &&
		!strings.ContainsFunc(rest, func(c rune) bool { return c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') })
}

// wellFolded is the value of a field as it stands, without what would end the
// field for some reader: a CR or LF that does not fold, a folded line of white
// space (RFC 5322 section 3.2.2), NUL.
func wellFolded(raw string) string {
	lines := strings.Split(strings.ReplaceAll(raw, "\r\n", "\n"), "\n")
	kept := lines[:1]
	for _, line := range lines[1:] {
		if strings.Trim(line, " \t\r\x00") != "" {
			kept = append(kept, line)
		}
	}
	for i, line := range kept {
		kept[i] = strings.NewReplacer("\r", " ", "\x00", " ").Replace(line)
	}
	return strings.Join(kept, "\r\n")
}
