package text

// National languages of 3GPP TS 23.038 section 6.2.1.2.4.
const (
	turkish    = 1
	spanish    = 2
	portuguese = 3
)

// use takes the table that an element names into t; false for one that is not
// known, which leaves t as it is (section 6.2.1.2.1).
func (t *tongue) use(e element) bool {
	if len(e.data) != 1 {
		return false
	}
	pages := &shiftPages
	if e.id == ieLocking {
		pages = &lockingPages
	}
	n := int(e.data[0])
	if n >= len(pages) || pages[n] == nil {
		return false
	}
	if e.id == ieLocking {
		t.locking = pages[n]
	} else {
		t.shift = pages[n]
	}
	return true
}

// shiftPages are the national language single shift tables (annex A.2).
var shiftPages = func() (pages [urdu + 1]*page) {
	pages[turkish] = shiftPage("\x0A\f\x14^\x28{\x29}\x2F\\\x3C[\x3D~\x3E]\x40|" +
		"\x47Ğ\x49İ\x53Ş\x63ç\x65€\x67ğ\x69ı\x73ş")
	pages[spanish] = shiftPage("\x09ç\x0A\f\x14^\x28{\x29}\x2F\\\x3C[\x3D~\x3E]\x40|" +
		"\x41Á\x49Í\x4FÓ\x55Ú\x61á\x65€\x69í\x6Fó\x75ú")
	pages[portuguese] = shiftPage("\x05ê\x09ç\x0A\f\x0BÔ\x0Cô\x0EÁ\x0Fá\x12Φ\x13Γ\x14^\x15Ω\x16Π\x17Ψ\x18Σ\x19Θ\x1FÊ" +
		"\x28{\x29}\x2F\\\x3C[\x3D~\x3E]\x40|\x41À\x49Í\x4FÓ\x55Ú\x5BÃ\x5CÕ\x61Â\x65€\x69í\x6Fó\x75ú\x7Bã\x7Cõ\x7Fâ")
	indicShiftPages(&pages)
	return pages
}()

// lockingPages are the national language locking shift tables (annex A.3);
// Spanish has none.
var lockingPages = func() (pages [urdu + 1]*page) {
	pages[turkish] = lockingPage("@£$¥€éùıòÇ\nĞğ\rÅå" +
		"Δ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ" +
		" !\"#¤%&'()*+,-./" +
		"0123456789:;<=>?" +
		"İABCDEFGHIJKLMNO" +
		"PQRSTUVWXYZÄÖÑÜ§" +
		"çabcdefghijklmno" +
		"pqrstuvwxyzäöñüà")
	pages[portuguese] = lockingPage("@£$¥êéúíóç\nÔô\rÁá" +
		"Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ" +
		" !\"#º%&'()*+,-./" +
		"0123456789:;<=>?" +
		"ÍABCDEFGHIJKLMNO" +
		"PQRSTUVWXYZÃÕÚÜ§" +
		"~abcdefghijklmno" +
		"pqrstuvwxyzãõ`üà")
	indicLockingPages(&pages)
	return pages
}()
