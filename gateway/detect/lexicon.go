package detect

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// The lists that an officer can read. The head of each tells its form.
//
//go:embed lexicon/*.txt
var lexicons embed.FS

// addLexicons reads every list into m.
func (m *builder) addLexicons() error {
	for i, name := range topicNames {
		if err := m.addList(name, term{list: listTopic, sub: uint16(i)}); err != nil {
			return err
		}
	}
	for i, name := range kindNames {
		if err := m.addList(name, term{list: listKind, sub: uint16(i)}); err != nil {
			return err
		}
	}
	for i, name := range linkNames {
		list := uint8(listLink)
		if i == telling {
			list = listTelling
		}
		if err := m.addList(name, term{list: list, sub: uint16(i)}); err != nil {
			return err
		}
	}
	if err := m.addLabels(); err != nil {
		return err
	}
	m.builtin = len(m.terms)
	m.flagSecrets()
	return m.addWords()
}

// addList reads a list of "term, weight" lines; like gives list and sub.
func (m *builder) addList(name string, like term) error {
	return eachLine(name, func(text, value string) error {
		weight, err := strconv.ParseInt(value, 10, 8)
		if err != nil || weight == 0 {
			return fmt.Errorf("weight %q", value)
		}
		t := like
		t.weight = int8(weight)
		return m.enter(text, t)
	})
}

// addLabels reads the words that name a type of identifier.
func (m *builder) addLabels() error {
	return eachLine("labels", func(text, value string) error {
		for _, name := range strings.Fields(value) {
			typ, ok := m.types.ids[name]
			if !ok {
				return fmt.Errorf("unknown type %q", name)
			}
			if err := m.enter(text, term{list: listLabel, sub: typ}); err != nil {
				return err
			}
		}
		return nil
	})
}

// wordFlags are the classes of words.txt.
func wordFlags(name string) uint32 {
	switch name {
	case "given":
		return given
	case "ordinary":
		return ordinary
	case "surname":
		return surname
	case "title":
		return title
	case "provider":
		return provider
	case "patient":
		return patient
	case "dear":
		return dear
	case "pronoun":
		return pronoun
	case "month":
		return month
	case "street":
		return street
	case "asking":
		return asking
	case "particle":
		return particle
	case "speaker":
		return speaker
	case "aged":
		return aged
	}
	return 0
}

// addWords reads the lists of single words: "class: word word ...".
func (m *builder) addWords() error {
	for _, name := range []string{"names", "words"} {
		err := lines(name, func(line string) error {
			class, rest, ok := strings.Cut(line, ":")
			flags := wordFlags(class)
			if !ok || flags == 0 {
				return fmt.Errorf("unknown class %q", class)
			}
			m.flag(rest, flags)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// enter adds a term with its spelling and its plural. "~ectomy" is the ending
// of many words (stem.go). A final "!" means: as
// it stands, without a plural. What an earlier term of the list spells already
// ("depression" and "dépression") counts once, as the earlier.
func (m *builder) enter(text string, t term) error {
	if ending, ok := strings.CutPrefix(text, "~"); ok && len(ending) > 2 && isASCII(ending) {
		t.text = "…" + ending
		m.stems.add(ending, m.add(t))
		return nil
	}
	text, exact := strings.CutSuffix(text, "!")
	if m.spelled(text, t.list, t.sub) {
		return nil
	}
	t.text = text
	id := m.add(t)
	if !m.spell(text, id) {
		return fmt.Errorf("term %q has no word, or more than %d", text, maxPhrase)
	}
	if p := plural(text); !exact && p != "" && !m.spelled(p, t.list, t.sub) {
		m.spell(p, id)
	}
	return nil
}

// plural is the English plural of a term's last word, "" where none is formed.
func plural(text string) string {
	n := len(text)
	if n < 4 || text[n-1] < 'a' || text[n-1] > 'z' {
		return ""
	}
	switch {
	case strings.HasSuffix(text, "is"):
		return text[:n-2] + "es" // diagnosis
	case strings.HasSuffix(text, "s"):
		return ""
	case strings.HasSuffix(text, "y") && !strings.ContainsRune("aeiou", rune(text[n-2])):
		return text[:n-1] + "ies"
	case strings.HasSuffix(text, "x"), strings.HasSuffix(text, "ch"), strings.HasSuffix(text, "sh"):
		return text + "es"
	}
	return text + "s"
}

// eachLine calls f with the two halves of each "text, value" line of a list.
func eachLine(name string, f func(text, value string) error) error {
	return lines(name, func(line string) error {
		i := strings.LastIndexByte(line, ',')
		if i < 0 {
			return fmt.Errorf("line without a comma")
		}
		return f(strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:]))
	})
}

// lines calls f with each line of a list that is neither empty nor a comment.
func lines(name string, f func(line string) error) error {
	data, err := fs.ReadFile(lexicons, "lexicon/"+name+".txt")
	if err != nil {
		return fmt.Errorf("reading lexicon %s: %w", name, err)
	}
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("lexicon %s, line %d: %w", name, n+1, err)
		}
	}
	return nil
}
