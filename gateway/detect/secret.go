package detect

import (
	"bytes"

	"gatepost/gateway"
)

// secretForms are how well-known tokens begin, and how long they are at
// least, prefix included.
var secretForms = []struct {
	prefix string
	length int
}{
	{"AKIA", 20}, {"ASIA", 20}, {"ABIA", 20}, {"AIza", 39}, {"eyJ", 40}, {"ya29.", 30}, {"EAACEdEose0cBA", 30},
	{"ghp_", 40}, {"gho_", 40}, {"ghu_", 40}, {"ghs_", 40}, {"ghr_", 40}, {"github_pat_", 60},
	{"glpat-", 26}, {"gldt-", 25}, {"glrt-", 25}, {"glsa_", 40}, {"glc_", 40},
	{"xoxb-", 24}, {"xoxp-", 24}, {"xoxa-", 24}, {"xoxr-", 24}, {"xoxs-", 24}, {"xoxe-", 24}, {"xapp-", 24},
	{"sk_live_", 24}, {"sk_test_", 24}, {"rk_live_", 24}, {"rk_test_", 24}, {"whsec_", 30},
	{"sk-ant-", 40}, {"sk-proj-", 40}, {"sk-svcacct-", 40}, {"sk-", 40}, {"hf_", 34}, {"gsk_", 40}, {"nvapi-", 50}, {"xai-", 60},
	{"npm_", 40}, {"pypi-", 60}, {"dckr_pat_", 30}, {"rubygems_", 50}, {"dop_v1_", 60}, {"doo_v1_", 60},
	{"SG.", 60}, {"key-", 36}, {"hvs.", 40}, {"hvb.", 60}, {"sgp_", 44}, {"ntn_", 48}, {"secret_", 46},
	{"shpat_", 38}, {"shpss_", 38}, {"shpca_", 38}, {"lin_api_", 40}, {"figd_", 40}, {"PMAK-", 50}, {"pul-", 40},
	{"AGE-SECRET-KEY-1", 60}, {"tskey-", 30}, {"sq0csp-", 40}, {"EAA", 100}, {"s-s4t2ud-", 40}, {"s-s4t2af-", 40}, {"LTAI", 20}, {"phc_", 40}, {"dapi", 36},
}

// secretTable groups secretForms by first octet, with a filter for the first two.
type secretTable struct {
	forms  [128][]int
	begins endings
}

func newSecretTable() *secretTable {
	t := &secretTable{}
	for i, f := range secretForms {
		t.forms[f.prefix[0]] = append(t.forms[f.prefix[0]], i)
		k := endingBit(f.prefix[1], f.prefix[0])
		t.begins[k>>6] |= 1 << (k & 63)
	}
	return t
}

// flagSecrets makes the first words of the forms known, so that a text without
// them costs nothing.
func (m *builder) flagSecrets() {
	for _, f := range secretForms {
		i := 0
		for i < len(f.prefix) && class[f.prefix[i]]&(letter|digit) != 0 {
			i++
		}
		if i < len(f.prefix) {
			m.flag(f.prefix[:i], starts)
		}
	}
	m.flag("begin www", starts)
	for d, words := range digitWords {
		m.flag(words, numeral|uint32(d)<<digitBits)
	}
}

// token reports a well-known token at start. It returns its end, else 0.
func (s *scan) token(start, end int) int {
	if s.b[start] >= 128 || start > 0 && s.b[start-1] == '_' {
		return 0
	}
	if n := end - start; n >= minWallet && n <= maxWallet {
		if to := s.wallet(start, end); to > 0 {
			return to
		}
	}
	if s.b[end] == '~' && s.b[end-1] == 'Q' && class[s.b[end-2]] == digit {
		return s.azureSecret(start, end)
	}
	if !s.d.secrets.begins.has(s.b, start+2) {
		return 0
	}
	for _, i := range s.d.secrets.forms[s.b[start]] {
		f := &secretForms[i]
		if !bytes.HasPrefix(s.b[start:s.n], []byte(f.prefix)) {
			continue
		}
		to := s.secretRun(start)
		v := s.b[start:to]
		if len(v) < f.length || !mixed(v[len(f.prefix):min(len(v), 80)]) || f.prefix == "eyJ" && bytes.Count(v, []byte(".")) < 2 {
			continue
		}
		s.endSequence()
		s.numbered, s.quiet = to, to
		s.find(s.d.types.token, start, to, v, gateway.Step{Name: "known form of a token", Weight: highSum})
		return to
	}
	return 0
}

// azureSecret reports a client secret of Entra ID, whose fourth and fifth
// characters are "Q~"; start is where its first word begins.
func (s *scan) azureSecret(start, end int) int {
	from := end - 4
	for i := from; i < start; i++ {
		if i < 0 || !secretOctet(s.b[i]) {
			return 0
		}
	}
	to := s.secretRun(end)
	if n := to - from; from < 0 || n < 37 || n > 40 || !mixed(s.b[end:to]) {
		return 0
	}
	s.endSequence()
	s.numbered, s.quiet = to, to
	s.find(s.d.types.ids["token"], from, to, s.b[from:to], gateway.Step{Name: "known form of a token", Weight: highSum})
	return to
}

// secretRun is the end of the run of token characters at i. It is kept, so
// that a run is walked once however many prefixes it holds.
func (s *scan) secretRun(i int) int {
	if i >= s.runEnd {
		for s.runEnd = i; s.runEnd < s.n && s.runEnd-i < 4096 && secretOctet(s.b[s.runEnd]); s.runEnd++ {
		}
	}
	return s.runEnd
}

func secretOctet(c byte) bool {
	return class[c]&(letter|digit) != 0 && c < 0x80 || c == '_' || c == '-' || c == '.' || c == '~'
}

// mixed reports whether v looks random: digits and letters, and neither all
// the same nor a row of x.
func mixed(v []byte) bool {
	letters, digits, kinds := 0, 0, [256]bool{}
	n := 0
	for _, c := range v {
		switch class[c] {
		case letter:
			letters++
		case digit:
			digits++
		}
		if !kinds[c] {
			kinds[c] = true
			n++
		}
	}
	return letters > 0 && digits > 0 && n >= 6
}

// begins handles a word that starts something: a token, a key, a web address.
func (s *scan) begins(start, end int) {
	switch {
	case s.b[end] == '.' && low(s.b[start]) == 'w':
		s.web(start, end+1)
	case start >= 5 && bytes.Equal(s.b[start-5:start], []byte("-----")):
		s.privateKey(start - 5)
	default:
		s.token(start, end)
	}
}

// privateKey reports a PEM private key (RFC 7468) that begins at start, to
// its end line or to where the text ends.
func (s *scan) privateKey(start int) {
	line := s.b[start:min(start+80, s.n)]
	i := bytes.Index(line, []byte("PRIVATE KEY"))
	if i < 0 || !bytes.Contains(line[i:], []byte("-----")) {
		return
	}
	to := min(start+i+len("PRIVATE KEY-----"), s.n)
	if to >= s.noEnd {
		until := min(to+16<<10, s.n)
		if j := bytes.Index(s.b[to:until], []byte("-----END")); j >= 0 {
			to += j + len("-----END")
		} else {
			s.noEnd = until
		}
	}
	s.quiet, s.numbered = to, to
	s.find(s.d.types.privateKey, start, to, s.b[start:to], gateway.Step{Name: "PEM header", Weight: highSum})
}

// labelledSecret reports the password or token that follows label l: after
// ":" or "=" or "is", one word without spaces.
func (s *scan) labelledSecret(l label, weak int) {
	b := s.b
	if int(l.start) < s.secretEnd {
		return
	}
	i, signs := s.afterLabel(int(l.end))
	if !signs {
		i, signs = s.afterWords(int(l.end))
	}
	to := i
	for to < s.n && to-i < 256 && b[to] > ' ' && b[to] != '"' && b[to] != '\'' && b[to] != '<' && b[to] != '`' && b[to] != unknownMark {
		to++
	}
	for to > i && trailing(b[to-1]) && b[to-1] != '!' {
		to--
	}
	if !signs || to-i < 4 {
		return
	}
	weight := strength(b[i:to])
	if weight == 0 {
		return
	}
	s.secretEnd = to
	s.find(l.typ, i, to, b[i:to], gateway.Step{Name: "secret's label before", Weight: weak},
		gateway.Step{Name: "mixture of characters", Weight: weight})
}

// afterLabel skips what may stand between a label at i and its value; signs
// says whether there was a sign or a verb that announces one.
func (s *scan) afterLabel(i int) (to int, signs bool) {
	b := s.b
	for end := i + 24; i < end; i++ {
		switch c := b[i]; {
		case c == ':' || c == '=' || c == '>' && i > 0 && (b[i-1] == '-' || b[i-1] == '='):
			signs = true
		case c == ' ' || c == '"' || c == '\'' || c == '\t' || c == '`' || c == '*':
		case c == '-' && b[i+1] == '>':
		case b[i-1] == ' ' && announces(b, i) > 0:
			signs = true
			i += announces(b, i) - 1
		default:
			return i, signs
		}
	}
	return i, signs
}

// afterWords is afterLabel for a label at i with words behind it: "password for
// the portal is". A verb must announce the value then.
func (s *scan) afterWords(i int) (to int, signs bool) {
	b := s.b
	for words := 0; words < 5 && b[i] == ' '; words++ {
		if words > 0 && announces(b, i+1) > 0 {
			return s.afterLabel(i)
		}
		for i++; class[b[i]] == letter; i++ {
		}
	}
	return i, false
}

// announces is the length of the verb or the scheme (RFC 7235) at i that a
// value follows, 0 when there is none.
func announces(b []byte, i int) int {
	j := i
	for class[b[j]] == letter && j-i < 8 {
		j++
	}
	switch string(b[i:j]) {
	case "is", "ist", "est", "es", "was", "IS", "Basic", "basic", "Bearer", "bearer",
		"lautet", "war", "heisst", "heist", "sera", "era":
		return j - i
	}
	return 0
}

// strength weighs how little v looks like a word of a sentence.
func strength(v []byte) int {
	var kinds [4]int
	for _, c := range v {
		switch {
		case class[c] == digit:
			kinds[0] = 1
		case isUpper(c):
			kinds[1] = 1
		case class[c] == letter:
			kinds[2] = 1
		default:
			kinds[3] = 1
		}
	}
	n := kinds[0] + kinds[1] + kinds[2] + kinds[3]
	switch {
	case n >= 3 && len(v) >= 6:
		return 4
	case n == 2 && kinds[0] == 1 && kinds[1]+kinds[2] == 1 && len(v) >= 6:
		return 3
	case kinds[1] == 1 && n == 2 && v[0]|0x20 == v[0]:
		return 2
	}
	return 0
}
