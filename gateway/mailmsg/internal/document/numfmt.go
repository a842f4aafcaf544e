package document

import (
	"strconv"
	"strings"
	"time"
)

// How a sheet shows the numbers of its cells (ECMA-376 part 1 section 18.8.30),
// as far as it matters for identifiers: digits at their places among fixed
// signs, zeros in front, and days.

const (
	maxFormats   = 70_000 // styles of cells that a program may write are fewer
	maxFormat    = 255    // octets of one, as in Excel
	maxFormatted = 20     // digits
	lastDay      = 2958465
)

// cellFormats are the formats of a sheet's cells by the number of their style.
func cellFormats(src string) []string {
	codes := map[string]string{}
	for _, id := range [...]string{"14", "15", "16", "17", "22", "27", "30", "36", "50", "57"} {
		codes[id] = "yyyy-mm-dd"
	}
	var list []string
	cells := false
	for {
		_, after, found := strings.Cut(src, "<")
		if !found || len(list) >= maxFormats {
			return list
		}
		var tag string
		tag, src = cutTag(after)
		switch localName(tag) {
		case "numFmt":
			codes[attribute(tag, "numFmtId")] = attribute(tag, "formatCode")
		case "cellXfs":
			cells = tag[0] != '/'
		case "xf":
			if cells && tag[0] != '/' {
				list = append(list, codes[attribute(tag, "numFmtId")])
			}
		}
	}
}

// localName is the name of a tag without its prefix.
func localName(tag string) string {
	name := strings.Trim(tag, "/")
	if i := strings.IndexAny(name, " \t\r\n/"); i >= 0 {
		name = name[:i]
	}
	return name[strings.IndexByte(name, ':')+1:]
}

// formatted is a number as its format shows it; formats that are not followed
// here show it as it is.
func formatted(format, number string) string {
	if format == "" || len(format) > maxFormat || len(number) > maxFormatted {
		return number
	}
	section, _, _ := strings.Cut(format, ";")
	if limit, ok := strings.CutPrefix(section, "[<="); ok {
		limit, _, _ = strings.Cut(limit, "]")
		if most, err := strconv.ParseFloat(limit, 64); err == nil && asNumber(number) > most {
			_, section, _ = strings.Cut(format, ";")
			section, _, _ = strings.Cut(section, ";")
		}
	}
	places, ok := placesOf(section)
	switch {
	case !ok:
		return number
	case places.day:
		return dayOf(number)
	case strings.Trim(number, "0123456789") != "" || places.count == 0:
		return number
	}
	return places.fill(number)
}

func asNumber(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64)
	return v
}

// dayOf is the day of a serial number; the days before March 1900 are counted
// otherwise, and are nobody's.
func dayOf(number string) string {
	v := asNumber(number)
	if v < 61 || v > lastDay {
		return number
	}
	return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(v)).Format(time.DateOnly)
}

// places are the signs of a section: digits, and what stands between them.
type places struct {
	signs []byte // '0' and '#' for digits, 0 before a sign that stands for itself
	count int    // of digits
	day   bool
}

// placesOf reads a section. ok is false for fractions, thousands and the like.
func placesOf(section string) (p places, ok bool) {
	for section != "" {
		c := section[0]
		section = section[1:]
		switch c {
		case '"':
			var text string
			text, section, _ = strings.Cut(section, `"`)
			p.literal(text)
		case '\\':
			p.literal(section[:min(1, len(section))])
			section = section[min(1, len(section)):]
		case '_', '*':
			section = section[min(1, len(section)):]
		case '[':
			_, section, _ = strings.Cut(section, "]")
		case '0', '#', '?':
			p.signs = append(p.signs, c)
			p.count++
		case 'y', 'Y', 'd', 'D':
			p.day = true
		case '-', ' ', '(', ')', '/', ':', '+', '$', '.':
			if c == '.' && p.count > 0 && !p.day {
				return p, false
			}
			p.literal(string(c))
		case ',', '%', 'E', 'e', '@':
			return p, p.day
		}
	}
	return p, true
}

func (p *places) literal(s string) {
	for _, c := range []byte(s) {
		p.signs = append(p.signs, 0, c)
	}
}

// fill puts the digits of a number to their places, from the last one on. Those
// that are left stand before the first place.
func (p *places) fill(number string) string {
	var back []byte // from the last sign to the first
	left := p.count
	for i := len(p.signs) - 1; i >= 0; i-- {
		if i > 0 && p.signs[i-1] == 0 {
			back = append(back, p.signs[i])
			i--
			continue
		}
		n := 1
		if left--; left == 0 {
			n = max(1, len(number))
		}
		for ; n > 0; n-- {
			if number != "" {
				back = append(back, number[len(number)-1])
				number = number[:len(number)-1]
			} else if p.signs[i] == '0' {
				back = append(back, '0')
			}
		}
	}
	for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
		back[i], back[j] = back[j], back[i]
	}
	return string(back)
}
