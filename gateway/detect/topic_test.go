package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gatepost/gateway"
)

// TestWhatBuyersAskFor: the lines of the built-in policy's table, as far as
// they rest on text, and sentences of the same kinds. want is the rule that
// protects, "" for none.
func TestWhatBuyersAskFor(t *testing.T) {
	d := newTest(t)
	for _, c := range []struct{ text, want string }{
		// Appointments, refills, re-orders, pick-ups.
		{"Reminder: your dental appointment is on Tuesday at 10.", ""},
		{"Reminder: your appointment with Dr Ann is on Monday at 9:30. Reply C to confirm.", ""},
		{"Your refill is due. Please call the pharmacy to have it filled.", ""},
		{"Time to re-order your contact lenses. Order again on our website.", ""},
		{"Your order is ready for pick-up at the front desk until 6 pm.", ""},
		{"Recordatorio: su cita es el martes a las 10.", ""},
		{"Rappel de rendez-vous : mardi à 10 h.", ""},
		{"Terminerinnerung: Ihr Termin ist am Dienstag um 10 Uhr.", ""},
		// A reminder that tells too much is none.
		{"Reminder: your appointment for chemotherapy of your breast cancer after the mastectomy is on Monday.", "health"},
		{"Your HIV test result is positive. Reminder: your appointment is on Tuesday at 10.", "health"},
		{"You have been diagnosed with herpes. Your refill is ready for pick-up.", "health"},
		// Results.
		{"Your STD results: chlamydia positive.", "health"},
		{"Your STD panel: gonorrhea positive.", "health"},
		{"Your lab result: HbA1c 11.2%, start insulin today.", "health"},
		// Health.
		{"Your biopsy result is back, please call Dr Ann.", "health"},
		{"Your HIV test result is positive. Please come in to talk about treatment.", "health"},
		{"You were diagnosed with type 2 diabetes. Here is how to live with diabetes and take your insulin.", "health"},
		{"I have had chest pain and shortness of breath since Monday, what should I do?", "health"},
		{"Mary Miller was started on metformin for her diabetes.", "health"},
		{"Su biopsia muestra un carcinoma; el tratamiento con quimioterapia comienza el lunes.", "health"},
		{"Votre prise de sang montre un diabète, voici votre ordonnance.", "health"},
		{"Ihr Befund zeigt einen Bluthochdruck; Ihre Blutwerte sind auffällig.", "health"},
		// Health of nobody.
		{"A 45-year-old man presents with chest pain and dyspnea. Which of the following is the most likely diagnosis?", ""},
		{"What is the first line treatment of hypertension in diabetes mellitus?", ""},
		{"Metformin is a medicine for type 2 diabetes.", ""},
		// Money.
		{"Your loan application was declined because of your credit score and the balance of your account.", "finance"},
		{"Please confirm: transfer $250 from checking to the savings account.", "finance"},
		{"Ihr Kontostand beträgt 12 Euro; Ihre Lastschrift wurde zurückgegeben.", "finance"},
		{"Refinance now! Lowest mortgage rates, no obligation, apply now. Click here to unsubscribe.", ""},
		{"The budget of the project is 12,400 dollars.", ""},
		// Law.
		{"Your divorce settlement: your attorney filed the custody motion with the court yesterday.", "legal"},
		{"Settlement agreement in case 24-CV-01934 is ready for review.", "legal"},
		{"The court ruled on copyright law.", ""},
		// Identifiers and secrets.
		{"Her social security number is 536-22-8145.", "ids"},
		{"The password is: Tr0ub4dor&3x", "secrets"},
		{"The security code is 737.", "cvv"},
		// Nothing.
		{"The meeting moves to room 12.", ""},
		{"Hi Mary Miller, lunch at noon?", ""},
		{"I look forward to hearing from you, Mary Miller.", ""},
	} {
		if got := protective(d.Scan(text(c.text))); got != c.want {
			t.Errorf("%q: %q, want %q; %+v", c.text, got, c.want, d.Scan(text(c.text)))
		}
	}
}

// TestQuestionsAboutNobody: a clinical question is no secret before it has a
// person: with a name it is.
func TestQuestionsAboutNobody(t *testing.T) {
	d := newTest(t)
	for _, q := range []string{
		"A 62-year-old woman with hypertension and chronic kidney disease develops hyperkalemia on lisinopril. What is the next step?",
		"A 7-year-old boy has fever, rash and conjunctivitis. Which complication is feared most?",
		"In a man with atrial fibrillation and a creatinine clearance of 20, which anticoagulant is preferred?",
		"What are the side effects of metformin in patients with renal failure?",
		"How is community acquired pneumonia treated in outpatients?",
		"Which antibodies are found in systemic lupus?",
		"A 30-year-old G2P1 at 34 weeks of gestation presents with headache and visual changes. She has proteinuria. " +
			strings.Repeat("Her laboratory studies are pending and the examination shows brisk reflexes and mild edema of the legs. ", 8) +
			"Which of the following is the most appropriate next step?",
		"How is a type I fracture of the radius treated, and which I.V. antibiotics help?",
		"Does the vaccine against influenza protect against pneumonia?",
		"What is the difference between ulcerative colitis and Crohn's disease?",
		"A patient with asthma uses albuterol daily. Should inhaled fluticasone be added?",
	} {
		if got := protective(d.Scan(text(q))); got != "" {
			t.Errorf("%q: %q", q, got)
		}
		if got := protective(d.Scan(text("Mary Miller: " + q))); got != "health" {
			t.Errorf("with a name, %q: %q", q, got)
		}
	}
}

// TestEverydayMail: people, money, contracts and colds stand in every office's
// mail; names beside such words are no secret.
func TestEverydayMail(t *testing.T) {
	d := newTest(t)
	for _, s := range []string{
		"Hi John Smith, please find attached the invoice for March. Payment is due within 30 days. Best regards, Mary Miller",
		"Dear Peter, the contract for the new office is ready to sign. Let me know if clause 4 works for you. Mary Miller",
		"Mary Miller and I will review the budget on Thursday; the marketing costs are over plan.",
		"Hi Anna Schmidt, could you send me the purchase order? Accounting needs it to pay the invoice.",
		"Team, our quarterly earnings call is at 3 pm. James Brown will present revenue and cash flow.",
		"Hi Tom Baker, the doctor's office called, your appointment moved to Friday at 9.",
		"Sarah Connor is out sick today with a headache, please reschedule the stand-up.",
		"The court ruled yesterday in the case of the software giant, says Robert Half in the Times.",
		"Please welcome Linda Evans, our new legal counsel. She joins the law department on Monday.",
		"Hey Mike Jones, can you lend me 20 dollars till payday? I'll pay you back.",
		"David Miller from the bank will attend the investment conference in Paris.",
		"Your package will be delivered today. Order number 123-4567890-1234567.",
		"Karen White asked whether the software license agreement covers two copies.",
		"Hi Bob Dylan, I have a cold and a bad cough, so I'll work from home.",
		"Our insurance policy for the car needs renewal, ask Paul Simon about the premium.",
		"Meeting notes: Eric Clapton will file the expense report; Phil Collins handles travel.",
		"Hi Emma Stone, my son has soccer practice so I leave early. See you at dinner with Jack Black.",
		"Our gym offers yoga for back pain every Monday with trainer Chris Evans.",
	} {
		if got := protective(d.Scan(text(s))); got != "" {
			t.Errorf("%q: %q, %+v", s, got, d.Scan(text(s)).Topics)
		}
	}
}

func TestNames(t *testing.T) {
	d := newTest(t)
	for _, c := range []struct{ text, inside string }{
		{"we saw Mary Miller today", "Mary Miller"},
		{"MARY MILLER called", "MARY MILLER"},
		{"we saw Mary O'Neil-Smith today", "Mary O'Neil-Smith"},
		{"Mary J. van der Berg wrote", "Mary J. van der Berg"},
		{"for José Hernández from", "José Hernández"},
		{"for Shane Hall from", "Shane Hall"},
		{"met Mr. Xyloph yesterday", "Xyloph"},
		{"Name: Qarth Vuzz", "Qarth Vuzz"},
		{"Patient: Qarth Vuzz, 58", "Qarth Vuzz"},
		{"Dear Quentara,", "Quentara"},
		{"Dear Customer,", ""},
		{"Dear Sir or Madam,", ""},
		{"Hi there,", ""},
		{"Jordan River and Austin Park", ""},
		{"mary had a little lamb", ""},
		{"Will You Please Call", ""},
		{"In April Monday is", ""},
		{"thank Dr. Miller", ""}, // a professional is LOW
	} {
		got := ""
		for _, f := range d.Scan(text(c.text)).Findings {
			if f.Type == "name" && f.Level >= gateway.Medium {
				got = string([]rune(c.text)[f.Start:f.End])
			}
		}
		if got != c.inside {
			t.Errorf("%q: %q, want %q", c.text, got, c.inside)
		}
	}
}

func TestKinds(t *testing.T) {
	d := newTest(t)
	for text1, want := range map[string]string{
		"Your verification code is 482193. Do not share this code.": "one_time_code",
		"Thank you for your order! Order number 48219, total paid":  "receipt",
		"Special offer: buy now and save up to 50%! Unsubscribe":    "marketing",
		"Reminder of your appointment on Monday":                    "reminder",
		"See you":                                                   "",
	} {
		if got := strings.Join(d.Scan(text(text1)).Kinds, " "); got != want {
			t.Errorf("%q: %q, want %q", text1, got, want)
		}
	}
}

// TestTopicTerms: what is shown of a topic are the lexicon's words, the
// heaviest first, without what a longer term holds.
func TestTopicTerms(t *testing.T) {
	out := newTest(t).Scan(text("Your LUNG cancer; fever and a biopsy, biopsy."))
	if len(out.Topics) != 1 || fmt.Sprint(out.Topics[0].Terms) != "[lung cancer biopsy fever]" {
		t.Errorf("%+v", out.Topics)
	}
}

// TestLongTextIsNoTopic: one term in a book is not its topic, but a short part
// beside a long one still is judged by itself.
func TestLongTextIsNoTopic(t *testing.T) {
	d, book := newTest(t), strings.Repeat("the meeting moves to another room and the chairs go with it. ", 400)
	if out := d.Scan(text(book + "biopsy")); slices.ContainsFunc(out.Topics, func(s gateway.TopicScore) bool { return s.Level > gateway.Low }) {
		t.Errorf("one term in a book: %+v", out.Topics)
	}
	out := d.Scan(append(text("Your biopsy result is back."), text(book)...))
	if len(out.Topics) == 0 || out.Topics[0].Level < gateway.Medium || !out.AddressedToReader {
		t.Errorf("beside a book: %+v", out)
	}
}

// TestLexiconsAreSane: lists hold some hundred terms, none twice.
func TestLexiconsAreSane(t *testing.T) {
	least := map[string]int{"health": 1000, "finance": 300, "legal": 300, "labels": 400}
	for name, n := range least {
		seen := map[string]bool{}
		if err := eachLine(name, func(text, _ string) error {
			if seen[text] {
				t.Errorf("%s: %q stands twice", name, text)
			}
			seen[text] = true
			return nil
		}); err != nil || len(seen) < n {
			t.Errorf("%s: %d terms, %v", name, len(seen), err)
		}
	}
}

// TestStems: words that no list holds are known by how medicine forms them.
func TestStems(t *testing.T) {
	d := newTest(t)
	for _, c := range []struct{ text, want string }{
		{"a Hemilaminectomy was planned", "…ectomy"}, {"takes zofenosartan", "…sartan"}, {"sialadenitis", "…itis"},
		{"a strange dichotomy", ""}, {"nostalgia for academia", ""}, {"sosartan", ""}, {"x9sartanitis", ""}, {"http://a.example/adenitis", ""},
	} {
		got := ""
		for _, s := range d.Scan(text(c.text)).Topics {
			got += strings.Join(s.Terms, " ")
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
