package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// helpWithExamples prints kong's help and what people type most.
func helpWithExamples(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	var words []string
	for _, p := range ctx.Path {
		if p.Command != nil {
			words = append(words, p.Command.Name)
		}
	}
	lines := examples(strings.Join(words, " "))
	if len(lines) == 0 {
		return nil
	}
	fmt.Fprintln(ctx.Stdout, "\nExamples:")
	for _, l := range lines {
		fmt.Fprintln(ctx.Stdout, "  "+l)
	}
	return nil
}

func examples(path string) []string { return allExamples()[path] }

// allExamples is what people type most, by command.
func allExamples() map[string][]string {
	return map[string][]string{
		"":                         {"gatepost demo", "gatepost init --domain clinic.example --via mail.clinic.example:25", "gatepost serve --config /etc/gatepost/gatepost.yaml", "gatepost queue list --json"},
		"init":                     {"gatepost init --domain clinic.example --trust 192.0.2.0/28 --via mail.clinic.example:25"},
		"serve":                    {"gatepost serve", "gatepost serve --config /etc/gatepost/gatepost.yaml"},
		"demo":                     {"gatepost demo", "gatepost demo --dir ./demo-data", "gatepost demo --once --dir ./demo-data"},
		"check":                    {"gatepost check", "gatepost check --effective"},
		"doctor":                   {"gatepost doctor", "gatepost doctor --json"},
		"explain":                  {"gatepost explain mail.eml", "gatepost explain --to pat@out.example - < mail.eml", "gatepost explain --verify 0cs9k2l7v3o1j4u8m5t6q9r2ng sent.eml", "gatepost explain --verify 0cs9k2l7v3o1j4u8m5t6q9r2ng --policy last-year.yaml sent.eml"},
		"policy show":              {"gatepost policy show > to-be-signed.txt"},
		"policy test":              {"gatepost policy test --json cases.jsonl > verdicts.jsonl"},
		"policy diff":              {"gatepost policy diff policy.yaml draft.yaml cases.jsonl"},
		"queue list":               {"gatepost queue list", "gatepost queue list --state held --json"},
		"queue summary":            {"gatepost queue summary", "gatepost queue summary --since 168h --json"},
		"queue show":               {"gatepost queue show 0cs9k2l7v3o1j4u8m5t6q9r2ng.0", "gatepost queue show KRKG-JJ7A"},
		"queue retry":              {"gatepost queue retry --all", "gatepost queue retry 0cs9k2l7v3o1j4u8m5t6q9r2ng.0"},
		"queue hold":               {"gatepost queue hold 0cs9k2l7v3o1j4u8m5t6q9r2ng.0"},
		"queue drop":               {"gatepost queue drop 0cs9k2l7v3o1j4u8m5t6q9r2ng.0"},
		"queue pause":              {"gatepost queue pause"},
		"queue resume":             {"gatepost queue resume"},
		"held list":                {"gatepost held list"},
		"held show":                {"gatepost held show 0cs9k2l7v3o1j4u8m5t6q9r2ng.0"},
		"held release":             {"gatepost held release 0cs9k2l7v3o1j4u8m5t6q9r2ng.0 --reason 'checked with Dr Ann'"},
		"held refuse":              {"gatepost held refuse 0cs9k2l7v3o1j4u8m5t6q9r2ng.0 --reason 'wrong recipient'"},
		"message show":             {"gatepost message show 0cs9k2l7v3o1j4u8m5t6q9r2ng", "gatepost message show KRKG-JJ7A"},
		"message recall":           {"gatepost message recall 0cs9k2l7v3o1j4u8m5t6q9r2ng", "gatepost message recall 0cs9k2l7v3o1j4u8m5t6q9r2ng --recipient pat@out.example", "gatepost message recall KRKG-JJ7A", "gatepost message recall 0cs9k2l7v3o1j4u8m5t6q9r2ng --undo"},
		"link thaw":                {"gatepost link thaw KRKG-JJ7A", "gatepost link thaw 7v3o1j4u8m5t6q9r2ng0cs9k2l", "gatepost link thaw pat@out.example"},
		"user add":                 {"gatepost user add ann@clinic.example --password-file pw --role staff"},
		"user passwd":              {"gatepost user passwd ann@clinic.example --password-file - < pw"},
		"user role":                {"gatepost user role cora@clinic.example compliance", "gatepost user role cora@clinic.example staff"},
		"user list":                {"gatepost user list", "gatepost user list --json"},
		"user enable":              {"gatepost user enable ann@clinic.example --password-file - < pw"},
		"user disable":             {"gatepost user disable ann@clinic.example"},
		"user app-password add":    {"gatepost user app-password add ann@clinic.example --label Thunderbird"},
		"user app-password list":   {"gatepost user app-password list ann@clinic.example"},
		"user app-password remove": {"gatepost user app-password remove ann@clinic.example k7mwqz"},
		"contact import":           {"gatepost contact import patients.csv"},
		"contact show":             {"gatepost contact show pat@out.example"},
		"contact export":           {"gatepost contact export pat@out.example > pat.jsonl"},
		"contact erase":            {"gatepost contact erase pat@out.example --yes"},
		"contact devices revoke":   {"gatepost contact devices revoke pat@out.example", "gatepost contact devices revoke pat@out.example 7v3o1j4u8m5t6q9r2ng0cs9k2l"},
		"contact pin drop":         {"gatepost contact pin drop pat@out.example"},
		"consent list":             {"gatepost consent list", "gatepost consent list --csv > stops.csv", "gatepost consent list +15551234567 --json"},
		"consent stop":             {"gatepost consent stop +15551234567", "gatepost consent stop +15551234567 --line CLINIC"},
		"consent resume":           {"gatepost consent resume +15551234567"},
		"audit show":               {"gatepost audit show 0cs9k2l7v3o1j4u8m5t6q9r2ng", "gatepost audit show KRKG-JJ7A"},
		"audit verify":             {"gatepost audit verify", "gatepost audit verify --checkpoint last-month.note", "gatepost audit verify --export today.jsonl --checkpoint today.note --key \"$KEY\""},
		"audit export":             {"gatepost audit export --format rfc5424 > evidence.log", "gatepost audit export --note today.note > today.jsonl", "gatepost audit export --checkpoint > this-month.note"},
		"key list":                 {"gatepost key list"},
		"key rotate":               {"gatepost key rotate spool"},
		"key destroy":              {"gatepost key destroy 20270521.K1MU0QB510DFCMDF --yes"},
		"backup":                   {"gatepost backup /var/backups/gatepost/2026-11-21"},
		"restore":                  {"gatepost restore /var/backups/gatepost/2026-11-21", "gatepost queue resume"},
		"store dump":               {"gatepost store dump"},
		"sendmail":                 {"gatepost sendmail -f ann@clinic.example pat@out.example < mail.eml", "gatepost sendmail -t < mail.eml"},
		"version":                  {"gatepost version"},
	}
}
