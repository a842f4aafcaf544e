package detect_test

// Values for the generated tests. Nothing here comes from the detector: each
// formula is written down again, another way where there is one, so that an
// error in one of the two shows.

import (
	"crypto/sha256"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
)

type rnd = *rand.Rand

// pick is one of a choice separated by spaces.
func pick(r rnd, choice string) string {
	f := strings.Fields(choice)
	return f[r.IntN(len(f))]
}

// fill replaces in a pattern each "#" by a digit, "+" by a digit from 1, "A" by
// a capital, "*" by either.
func fill(r rnd, pattern string) string {
	return strings.Map(func(c rune) rune {
		switch c {
		case '#':
			return rune('0' + r.IntN(10))
		case '+':
			return rune('1' + r.IntN(9))
		case 'A':
			return rune('A' + r.IntN(26))
		case '*':
			return rune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r.IntN(36)])
		}
		return c
	}, pattern)
}

// completed tries all last characters of an alphabet until ok; it begins anew
// when none is.
func completed(begin func() string, alphabet string, ok func(string) bool) string {
	for {
		stem := begin()
		for _, c := range alphabet {
			if v := stem + string(c); ok(v) {
				return v
			}
		}
	}
}

const digits = "0123456789"

// weighted is the sum of the characters' values times weights, which repeat.
func weighted(v string, weights ...int) (sum int) {
	for i, c := range v {
		sum += int(c-'0') * weights[i%len(weights)]
	}
	return sum
}

// luhnOK sums from the right by a table of doubled digits.
func luhnOK(v string) bool {
	sum := 0
	for i := range len(v) {
		c := v[len(v)-1-i] - '0'
		if i%2 == 1 {
			c = "\x00\x02\x04\x06\x08\x01\x03\x05\x07\x09"[c]
		}
		sum += int(c)
	}
	return sum%10 == 0
}

func makeSSN(r rnd) string {
	for {
		area, group, serial := 1+r.IntN(899), 1+r.IntN(99), 1+r.IntN(9999)
		v := fmt.Sprintf("%03d%02d%04d", area, group, serial)
		if area != 666 && !slices.Contains([]string{"078051120", "219099999", "123456789", "457555462"}, v) && strings.Trim(v, v[:1]) != "" {
			return v
		}
	}
}

func badSSN(r rnd) string {
	v := makeSSN(r)
	switch r.IntN(5) {
	case 0:
		return "000" + v[3:]
	case 1:
		return "666" + v[3:]
	case 2:
		return v[:3] + "00" + v[5:]
	case 3:
		return v[:5] + "0000"
	}
	return "9" + v[1:]
}

func makeITIN(r rnd) string {
	group := pick(r, "50 57 65 70 75 81 88 90 91 92 94 97 99")
	return fill(r, "9##"+group+"####")
}

func makeCard(r rnd) string {
	form := pick(r, "4############### 4############### 4############ 51############## 55############## 2221############ 2720############ 34############# 37############# "+
		"6011############ 65############## 3528############ 3589############ 36############ 38############ 62############## 50############## 6759############ 2201############")
	return completed(func() string { return fill(r, form[:len(form)-1]) }, digits, luhnOK)
}

// ibanForms are structures of the account part, "#" digit, "A" letter, "*" both.
const ibanForms = "DE################## GB:AAAA############## FR##########***********## ES#################### IT:A##########************ NL:AAAA########## " +
	"BE############ CH#####************ AT################ PL######################## PT##################### SE#################### NO########### " +
	"DK############## FI############## IE:AAAA############## LU###************* GR#######**************** CZ#################### SK#################### " +
	"HU######################## RO:AAAA**************** HR################# BG:AAAA######******** SI############### LT################ LV:AAAA************* " +
	"EE################ MT:AAAA#####****************** CY########**************** TR######**************** SA##****************** AE################### " +
	"QA:AAAA********************* KW:AAAA********************** IL################### UA######******************* GE:AA################ AL########**************** " +
	"BR#######################A* PK:AAAA**************** JO:AAAA####****************** LB####******************** MC##########***********## SM:A##########************ " +
	"AD########************ MD******************** RS################## XK################ ME################## MK###**********## BA################ KZ###************* " +
	"AZ:AAAA******************** GI:AAAA*************** LI#####************ IS###################### FO############## GL############## MU:AAAA###################AAA " +
	"TN#################### MR####################### DO:****#################### CR################## GT:************************ SV:AAAA#################### VG:AAAA################ " +
	"BH:AAAA************** EG######################### IQ:AAAA############### LY##################### SC:AAAA####################AAA LC:AAAA************************ " +
	"ST##################### TL################### BY:****####**************** VA################## BI####################### DJ####################### SD############## " +
	"SO################### RU##############*************** MN################ NI:AAAA#################### FK:AA############ OM###**************** YE:AAAA####****************** HN:AAAA####################"

// makeIBAN computes the check digits with big integers.
func makeIBAN(r rnd) string {
	form := strings.ReplaceAll(pick(r, ibanForms), ":", "")
	country, account := form[:2], fill(r, form[2:])
	number := ""
	for _, c := range account + country + "00" {
		if c >= 'A' {
			number += fmt.Sprint(c - 'A' + 10)
		} else {
			number += string(c)
		}
	}
	n, _ := new(big.Int).SetString(number, 10)
	return fmt.Sprintf("%s%02d%s", country, 98-new(big.Int).Mod(n, big.NewInt(97)).Int64(), account)
}

func makeABA(r rnd) string {
	return completed(func() string { return pick(r, "01 02 05 07 11 12 21 26 28 31 32") + fill(r, "######") }, digits,
		func(v string) bool { return weighted(v, 3, 7, 1)%10 == 0 })
}

func makeNPI(r rnd) string {
	return completed(func() string { return pick(r, "1 2") + fill(r, "########") }, digits, func(v string) bool { return luhnOK("80840" + v) })
}

func makeDEA(r rnd) string {
	return completed(func() string { return pick(r, "A B F G M") + fill(r, "A######") }, digits, func(v string) bool {
		d := v[2:]
		odd, even := int(d[0]-'0'+d[2]-'0'+d[4]-'0'), int(d[1]-'0'+d[3]-'0'+d[5]-'0')
		return (odd+2*even)%10 == int(d[6]-'0')
	})
}

const mbiLetters = "A C D E F G H J K M N P Q R T U V W X Y"

func makeMBI(r rnd) string {
	l := func() string { return pick(r, mbiLetters) }
	n := func() string { return fill(r, "#") }
	either := func() string {
		if r.IntN(2) == 0 {
			return l()
		}
		return n()
	}
	return fill(r, "+") + l() + either() + n() + l() + either() + n() + l() + l() + n() + n()
}

func makeNHS(r rnd) string {
	return completed(func() string { return pick(r, "4 6 7 9") + fill(r, "########") }, digits,
		func(v string) bool { return weighted(v, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0 })
}

func makeNINO(r rnd) string {
	return pick(r, "AB CE JG KL MW NR PX SH TY WM ZA OA") + fill(r, "######") + pick(r, "A B C D")
}

func makeSIN(r rnd) string {
	return completed(func() string { return pick(r, "1 2 3 4 5 6 7 9") + fill(r, "#######") }, digits, luhnOK)
}

func makeOHIP(r rnd) string {
	return completed(func() string { return fill(r, "+########") }, digits, luhnOK)
}

func makeRAMQ(r rnd) string {
	month := 1 + r.IntN(12) + 50*r.IntN(2)
	return fill(r, "AAAA##") + fmt.Sprintf("%02d%02d", month, 1+r.IntN(28)) + fill(r, "##")
}

func makePHN(r rnd) string {
	return completed(func() string { return "9" + fill(r, "########") }, digits,
		func(v string) bool { return weighted(v[1:], 2, 4, 8, 5, 10, 9, 7, 3, 1)%11 == 0 })
}

func makeTFN(r rnd) string {
	return completed(func() string { return fill(r, "+#######") }, digits,
		func(v string) bool { return weighted(v, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 })
}

func makeMedicare(r rnd) string {
	return completed(func() string { return pick(r, "2 3 4 5 6") + fill(r, "#######") }, digits,
		func(v string) bool { return weighted(v[:8], 1, 3, 7, 9)%10 == int(v[8]-'0') }) + fill(r, "+")
}

// makeAadhaar uses Verhoeff's group as symmetries of a pentagon: rotations 0-4
// and reflections 5-9 as maps i -> a+i and i -> a-i modulo 5.
func makeAadhaar(r rnd) string {
	apply := func(g, i int) int {
		if g < 5 {
			return (g + i) % 5
		}
		return (g - 5 + 5 - i) % 5
	}
	product := func(g, h int) int {
		at, next := apply(g, apply(h, 0)), apply(g, apply(h, 1))
		if (next-at+5)%5 == 1 {
			return at
		}
		return 5 + at
	}
	swap := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	return completed(func() string { return pick(r, "2 3 4 5 6 7 8 9") + fill(r, "##########") }, digits, func(v string) bool {
		sum := 0
		for i := range len(v) {
			d := int(v[len(v)-1-i] - '0')
			for range i % 8 {
				d = swap[d]
			}
			sum = product(sum, d)
		}
		return sum == 0
	})
}

func makePAN(r rnd) string {
	return fill(r, "AAA") + pick(r, "P P P C F H T A B L J G") + fill(r, "A") + fill(r, "###+") + fill(r, "A")
}

const spanish = "TRWAGMYFPDXBNJZSQVHLCKE"

func makeDNI(r rnd) string {
	n := 1000000 + r.IntN(98000000)
	return fmt.Sprintf("%08d%c", n, spanish[n%23])
}

func makeNIE(r rnd) string {
	first, n := r.IntN(3), r.IntN(10000000)
	return fmt.Sprintf("%c%07d%c", "XYZ"[first], n, spanish[(first*10000000+n)%23])
}

func makeNIR(r rnd) string {
	department := fmt.Sprintf("%02d", 1+r.IntN(95))
	if department == "20" {
		department = "2A"
	}
	v := pick(r, "1 2") + fill(r, "##") + fmt.Sprintf("%02d", 1+r.IntN(12)) + department + fill(r, "######")
	n, _ := new(big.Int).SetString(strings.Replace(v, "2A", "19", 1), 10) // as INSEE computes Corsica
	return v + fmt.Sprintf("%02d", 97-new(big.Int).Mod(n, big.NewInt(97)).Int64())
}

// makeSteuerID repeats one of ten digits and leaves one out.
func makeSteuerID(r rnd) string {
	begin := func() string {
		p := r.Perm(10)
		p[9] = p[r.IntN(9)]
		r.Shuffle(10, func(i, j int) { p[i], p[j] = p[j], p[i] })
		if p[0] == 0 {
			p[0], p[9] = p[9], p[0]
		}
		v := ""
		for _, d := range p {
			v += fmt.Sprint(d)
		}
		return v
	}
	return completed(begin, digits, func(v string) bool {
		product := 10
		for _, c := range v[:10] {
			sum := (int(c-'0')+product-1)%10 + 1
			product = sum * 2 % 11
		}
		return (11-product)%10 == int(v[10]-'0') && v[0] != '0'
	})
}

func makeKVNR(r rnd) string {
	letter := fill(r, "A")
	return completed(func() string { return letter + fill(r, "########") }, digits, func(v string) bool {
		long := fmt.Sprintf("%02d%s", v[0]-'A'+1, v[1:9])
		sum := 0
		for i, c := range long {
			d := int(c-'0') * (1 + i%2)
			sum += d%10 + d/10
		}
		return sum%10 == int(v[9]-'0')
	})
}

func makeCodice(r rnd) string {
	consonants := "B C D F G L M N P R S T V Z"
	c := func() string { return pick(r, consonants) }
	begin := func() string {
		day := 1 + r.IntN(28) + 40*r.IntN(2)
		return c() + c() + c() + c() + c() + c() + fill(r, "##") + pick(r, "A B C D E H L M P R S T") + fmt.Sprintf("%02d", day) + pick(r, "A B C D E F G H I L M Z") + fill(r, "###")
	}
	value := map[byte]int{}
	for i, place := range []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23} {
		if value['A'+byte(i)] = place; i < 10 {
			value['0'+byte(i)] = place
		}
	}
	return completed(begin, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", func(v string) bool {
		sum := 0
		for i := range 15 {
			switch {
			case i%2 == 0:
				sum += value[v[i]]
			case v[i] <= '9':
				sum += int(v[i] - '0')
			default:
				sum += int(v[i] - 'A')
			}
		}
		return sum%26 == int(v[15]-'A')
	})
}

func makeBSN(r rnd) string {
	return completed(func() string { return fill(r, "+#######") }, digits,
		func(v string) bool { return (weighted(v[:8], 9, 8, 7, 6, 5, 4, 3, 2)-int(v[8]-'0'))%11 == 0 })
}

func makePESEL(r rnd) string {
	born := fmt.Sprintf("%02d%02d%02d", r.IntN(100), 1+r.IntN(12)+20*r.IntN(2), 1+r.IntN(28))
	return completed(func() string { return born + fill(r, "####") }, digits,
		func(v string) bool { return (weighted(v[:10], 1, 3, 7, 9)+int(v[10]-'0'))%10 == 0 })
}

func makeBIC(r rnd) string {
	return fill(r, "AAAA") + pick(r, "DE FR GB US ES IT NL PL CH AT BE CA AU IN JP SG") + fill(r, "**") + []string{"", "XXX", "500"}[r.IntN(3)]
}

func makeBitcoin(r rnd) string {
	raw := make([]byte, 21)
	for i := range raw {
		raw[i] = byte(r.IntN(256))
	}
	raw[0] = []byte{0, 5}[r.IntN(2)]
	one := sha256.Sum256(raw)
	two := sha256.Sum256(one[:])
	n := new(big.Int).SetBytes(append(slices.Clone(raw), two[:4]...))
	v, rest := "", new(big.Int)
	for n.Sign() > 0 {
		n.DivMod(n, big.NewInt(58), rest)
		v = string("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest.Int64()]) + v
	}
	for _, b := range append(slices.Clone(raw), two[:4]...) {
		if b != 0 {
			break
		}
		v = "1" + v
	}
	return v
}

func makeEthereum(r rnd) string {
	v := "0x"
	for range 40 {
		v += string("0123456789abcdef"[r.IntN(16)])
	}
	return v
}
