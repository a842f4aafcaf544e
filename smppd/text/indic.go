package text

import "strings"

// Languages of South Asia (3GPP TS 23.038 annexes A.2.4 to A.2.13 and A.3.4 to
// A.3.13). Their tables follow a rule: what every text needs stands at the same
// septets in all of them, the letters fill the rest in the order of Unicode.
const (
	bengali   = 4
	gujarati  = 5
	hindi     = 6
	kannada   = 7
	malayalam = 8
	oriya     = 9
	punjabi   = 10
	tamil     = 11
	telugu    = 12
	urdu      = 13
)

// indicFixed is what all locking tables share; NUL is a place for a letter.
const indicFixed = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\n\x00\x00\r\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1b\x00\x00\x00\x00" +
	" !\x00\x00\x00\x00\x00\x00)(\x00\x00,\x00.\x00" +
	"0123456789:;\x00\x00\x00?" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
	"\x00abcdefghijklmno" +
	"pqrstuvwxyz\x00\x00\x00\x00\x00"

// fillLocking puts letters into the places of indicFixed, in order.
func fillLocking(letters []rune) *page {
	p := *lockingPage(indicFixed)
	for i, r := range p {
		if r == 0 {
			p[i], letters = letters[0], letters[1:]
		}
	}
	return &p
}

// brahmic is the locking table of a script whose block of Unicode is laid out
// as the Indian standard has it: signs, vowels and consonants up to the virama
// at 0x4D, of which 0x04, 0x3A and 0x3B have no place, then six letters of its
// own. Missing are the septets whose letter the script does not have: a space.
func brahmic(block rune, missing, tail string) *page {
	var letters []rune
	for r := rune(0x01); r <= 0x4D; r++ {
		if r != 0x04 && r != 0x3A && r != 0x3B {
			letters = append(letters, block+r)
		}
	}
	p := *fillLocking(append(letters, []rune(tail)...))
	for i := range len(missing) {
		p[missing[i]] = ' '
	}
	return &p
}

// indicShift is the single shift table with the capitals and signs that all
// share, and characters of the language at the free septets from 0x19. NUL
// leaves one out.
func indicShift(own string) *page {
	p := *shiftPage("\x00@\x01£\x02$\x03¥\x04¿\x05\"\x06¤\x07%\x08&\x09'\x0A\f\x0B*\x0C+\x0E-\x0F/" +
		"\x10<\x11=\x12>\x13¡\x14^\x15¡\x16_\x17#\x18*\x28{\x29}\x2F\\\x3C[\x3D~\x3E]\x40|\x65€")
	for c := 'A'; c <= 'Z'; c++ {
		p[c] = c
	}
	at := 0x19
	for _, r := range own {
		for p[at] != 0 || at == escape {
			at++
		}
		p[at] = r
		if r == 0 {
			at++
		}
	}
	return &p
}

// digits are the ten digits from zero.
func digits(zero rune) string {
	var s strings.Builder
	for i := range rune(10) {
		s.WriteRune(zero + i)
	}
	return s.String()
}

const dandas = "\u0964\u0965"

func indicLockingPages(pages *[urdu + 1]*page) {
	pages[bengali] = brahmic(0x0980, "\x0C\x0E\x11\x12\x3C\x45\x47\x48\x49\x57\x58\x5B\x5C", "\u09CE\u09D7\u09DC\u09DD\u09F0\u09F1")
	pages[gujarati] = brahmic(0x0A80, "\x0E\x12\x3C\x45\x48\x58\x5C", "\u0AD0\u0AE0\u0AE1\u0AE2\u0AE3\u0AF1")
	pages[hindi] = brahmic(0x0900, "", "\u0950\u0972\u097B\u097C\u097E\u097F")
	pages[kannada] = brahmic(0x0C80, "\x00\x0C\x11\x3C\x48\x57\x5B", "\u0CD5\u0CD6\u0CE0\u0CE1\u0CE2\u0CE3")
	pages[malayalam] = brahmic(0x0D00, "\x00\x0C\x11\x3C\x4E\x57\x5B", "\u0D57\u0D60\u0D61\u0D62\u0D63\u0D79")
	pages[oriya] = brahmic(0x0B00, "\x0C\x0E\x11\x12\x3C\x45\x48\x57\x58\x5B\x5C", "\u0B56\u0B57\u0B60\u0B61\u0B62\u0B63")
	pages[punjabi] = brahmic(0x0A00, "\x09\x0B\x0C\x0E\x11\x12\x3C\x45\x48\x4B\x4F\x55\x56\x57\x58\x5B\x5C",
		"\u0A51\u0A70\u0A71\u0A72\u0A73\u0A74")
	pages[tamil] = brahmic(0x0B80, "\x00\x09\x0B\x0C\x11\x16\x17\x18\x1C\x1E\x23\x24\x25\x2A\x2B\x2D\x3E\x40\x41\x4E\x4F\x55\x56\x57\x5B",
		"\u0BD0\u0BD7\u0BF0\u0BF1\u0BF2\u0BF9")
	pages[telugu] = brahmic(0x0C00, "\x0C\x11\x3C\x48\x4E\x57\x5B", "\u0C55\u0C56\u0C60\u0C61\u0C62\u0C63")
	pages[urdu] = fillLocking([]rune("\u0627\u0622\u0628\u067B\u0680\u067E\u06A6\u062A\u06C2\u067F" +
		"\u0679\u067D\u067A\u067C\u062B\u062C\u0681\u0684\u0683\u0685\u0686\u0687\u062D\u062E\u062F" +
		"\u068C\u0688\u0689\u068A\u068F\u068D\u0630\u0631\u0691\u0693\u0699\u0632\u0696\u0698" +
		"\u069A\u0633\u0634\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06A9\u06AA\u06AB\u06AF\u06B3\u06B1" +
		"\u0644\u0645\u0646\u06BA\u06BB\u06BC\u0648\u06C4\u06D5\u06C1\u06BE\u0621\u06CC\u06D0\u06D2" +
		"\u064D\u0650\u064F\u0657\u0654\u0655\u0651\u0653\u0656\u0670"))
}

func indicShiftPages(pages *[urdu + 1]*page) {
	pages[bengali] = indicShift(digits(0x09E6) + "\u09DF\u09E0\u09E1\u09E2\u09E3\u09F2\u09F3\u09F4\u09F5\u09F6\u09F7\u09F8\u09F9\u09FA")
	pages[gujarati] = indicShift(dandas + digits(0x0AE6))
	pages[hindi] = indicShift(dandas + digits(0x0966) + "\u0951\u0952\u0953\u0954\u0958\u0959\u095A\u095B\u095C\u095D\u095E\u095F" +
		"\u0960\u0961\u0962\u0963\u0970\u0971")
	pages[kannada] = indicShift(dandas + digits(0x0CE6) + "\u0CDE\u0CF1\u0CF2")
	pages[malayalam] = indicShift(dandas + digits(0x0D66) + "\u0D70\u0D71\u0D72\u0D73\u0D74\u0D75\u0D7A\u0D7B\u0D7C\u0D7D\u0D7E\u0D7F")
	pages[oriya] = indicShift(dandas + digits(0x0B66) + "\u0B5C\u0B5D\u0B5F\u0B70\u0B71")
	pages[punjabi] = indicShift(dandas + digits(0x0A66) + "\u0A59\u0A5A\u0A5B\u0A5C\u0A5E\u0A75")
	pages[tamil] = indicShift(dandas + digits(0x0BE6) + "\u0BF3\u0BF4\u0BF5\u0BF6\u0BF7\u0BF8\u0BFA")
	pages[telugu] = indicShift("\x00\x00" + digits(0x0C66) + "\u0C58\u0C59\u0C78\u0C79\u0C7A\u0C7B\u0C7C\u0C7D\u0C7E\u0C7F")
	pages[urdu] = indicShift("\u0600\u0601" + digits(0x06F0) + "\u060C\u060D\u060E\u060F\u0610\u0611\u0612\u0613\u0614\u061B\u061F" +
		"\u0640\u0652\u0658\u066B\u066C\u0672\u0673\u06CD\u06D4")
}
