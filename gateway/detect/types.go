package detect

// typeTable numbers the types of findings. The first ones are those that only
// a label tells; then come those of the registry of numbers.
type typeTable struct {
	names []string
	ids   map[string]uint16
	info  []typeInfo
	kinds []kind                // registry, in order; kinds[i].id is its type
	bits  []uint64              // by kind: one bit, which few other types share
	valid []func(v []byte) bool // by kind
	// Indexes into kinds of what is found otherwise than by its shape.
	iban, phone, ip, date uint16
	// Types that are found otherwise than by numbers.
	email, url, name, address, token, password, privateKey, bic, ipTyp uint16
	// Types that context tells from each other.
	caseNumber, account, bankAccount, sortCode, aba uint16
}

// typeInfo says what a value must look like to be this type by its label alone.
type typeInfo struct {
	minLen, maxLen int // letters and digits; maxLen 0: a label alone is not enough
	minDigits      int
	base           int  // weight before the label
	lowers         bool // no type of finding: its words make others less likely
	words          bool // what its label names is made of words: it says nothing of numbers
}

// Types that exist besides the registry. "order" and "sort_code" are no
// findings: they are what else a number may be.
var labelTypes = []struct {
	name string
	typeInfo
}{
	{"mrn", typeInfo{4, 20, 3, 1, false, false}},
	{"account", typeInfo{5, 20, 4, 1, false, false}},
	{"bank_account", typeInfo{6, 20, 6, 1, false, false}},
	{"health_plan_id", typeInfo{5, 20, 3, 1, false, false}},
	{"passport", typeInfo{6, 10, 4, 1, false, false}},
	{"drivers_licence", typeInfo{5, 16, 3, 1, false, false}},
	{"ca.ab_phn", typeInfo{9, 9, 9, 1, false, false}}, // Alberta: no checksum is published
	{"case_number", typeInfo{4, 20, 4, 1, false, false}},
	{"card_security_code", typeInfo{3, 4, 3, 2, false, false}},
	{"date_of_birth", typeInfo{}},
	{"password", typeInfo{}},
	{"token", typeInfo{}},
	{"private_key", typeInfo{}},
	{"email", typeInfo{}},
	{"phone", typeInfo{}},
	{"url", typeInfo{}},
	{"address", typeInfo{words: true}},
	{"name", typeInfo{words: true}},
	{"bic", typeInfo{}},
	{"bitcoin", typeInfo{}},
	{"ethereum", typeInfo{}},
	{"order", typeInfo{lowers: true}},
	{"sort_code", typeInfo{lowers: true}}, // of a bank's branch: everybody may know it
}

func newTypeTable() *typeTable {
	t := &typeTable{ids: map[string]uint16{}}
	for _, l := range labelTypes {
		t.id(l.name)
		t.info[len(t.info)-1] = l.typeInfo
	}
	for _, region := range [][]kind{cardKinds(), commonKinds(), usKinds(), europeKinds(), restKinds()} {
		for _, k := range region {
			k.id = t.id(k.typ)
			switch n := uint16(len(t.kinds)); k.typ {
			case "iban":
				t.iban = n
			case "phone":
				t.phone = n
			case "ip":
				t.ip = n
			case "date_of_birth":
				t.date = n
			}
			t.kinds = append(t.kinds, k)
			t.bits, t.valid = append(t.bits, typeBit(k.id)), append(t.valid, k.valid)
		}
	}
	t.caseNumber, t.account, t.bankAccount = t.ids["case_number"], t.ids["account"], t.ids["bank_account"]
	t.sortCode, t.aba = t.ids["sort_code"], t.ids["aba"]
	t.email, t.url, t.name, t.address, t.ipTyp = t.ids["email"], t.ids["url"], t.ids["name"], t.ids["address"], t.ids["ip"]
	t.token, t.password, t.privateKey, t.bic = t.ids["token"], t.ids["password"], t.ids["private_key"], t.ids["bic"]
	return t
}

// typeBit tells most types from each other.
func typeBit(typ uint16) uint64 { return 1 << (typ & 63) }

// id numbers a type.
func (t *typeTable) id(name string) uint16 {
	if id, ok := t.ids[name]; ok {
		return id
	}
	id := uint16(len(t.names))
	t.ids[name] = id
	t.names = append(t.names, name)
	t.info = append(t.info, typeInfo{})
	return id
}

// Types lists the types of findings that detection knows.
func Types() []string {
	var all []string
	for t, i := newTypeTable(), 0; i < len(t.names); i++ {
		if !t.info[i].lowers {
			all = append(all, t.names[i])
		}
	}
	return all
}
