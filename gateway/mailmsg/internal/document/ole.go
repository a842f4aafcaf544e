package document

import "strings"

// Result is the text of a document and what kept the rest from being read.
type Result struct {
	Text    string
	Trouble Trouble
	// Parts are documents within, such as the attachments of an Outlook message.
	Parts []Member
}

// ReadOLE reads a compound file.
func ReadOLE(b []byte) Result {
	c, ok := openCompound(b)
	if !ok {
		return Result{Text: Strings(b), Trouble: Damaged}
	}
	if c.has("EncryptedPackage") || c.has("EncryptedSummary") {
		return Result{Trouble: Encrypted}
	}
	return Result{Text: Strings(b), Trouble: Unknown}
}

func (c *compound) has(name string) bool {
	for _, e := range c.entries {
		if strings.EqualFold(e.name, name) {
			return true
		}
	}
	return false
}
