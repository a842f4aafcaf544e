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
	path := ""
	if node := ctx.Selected(); node != nil {
		path = strings.TrimPrefix(node.Path(), "gatepost ")
	} else if len(ctx.Path) > 1 {
		path = ctx.Path[len(ctx.Path)-1].Node().Name
	}
	lines := examples(path)
	if len(lines) == 0 {
		return nil
	}
	fmt.Fprintln(ctx.Stdout, "\nExamples:")
	for _, l := range lines {
		fmt.Fprintln(ctx.Stdout, "  "+l)
	}
	return nil
}

func examples(path string) []string {
	all := map[string][]string{
		"":               {"gatepost demo", "gatepost init --domain clinic.example --via mail.clinic.example:25", "gatepost serve --config /etc/gatepost/gatepost.yaml", "gatepost queue list --json"},
		"init":           {"gatepost init --domain clinic.example --trust 192.0.2.0/28 --via mail.clinic.example:25"},
		"serve":          {"gatepost serve", "gatepost serve --config /etc/gatepost/gatepost.yaml"},
		"demo":           {"gatepost demo", "gatepost demo --dir ./demo-data"},
		"check":          {"gatepost check", "gatepost check --effective"},
		"doctor":         {"gatepost doctor", "gatepost doctor --json"},
		"explain":        {"gatepost explain mail.eml", "gatepost explain --to pat@out.example - < mail.eml"},
		"policy test":    {"gatepost policy test --json cases.jsonl > verdicts.jsonl"},
		"policy diff":    {"gatepost policy diff policy.yaml draft.yaml cases.jsonl"},
		"policy show":    {"gatepost policy show > to-be-signed.txt"},
		"queue list":     {"gatepost queue list", "gatepost queue list --state held --json"},
		"queue retry":    {"gatepost queue retry --all", "gatepost queue retry 0cs9k2l7v3o1j4u8m5t6q9r2ng.0"},
		"held list":      {"gatepost held list"},
		"held release":   {"gatepost held release 0cs9k2l7v3o1j4u8m5t6q9r2ng.0 --reason 'checked with Dr Ann'"},
		"held refuse":    {"gatepost held refuse 0cs9k2l7v3o1j4u8m5t6q9r2ng.0 --reason 'wrong recipient'"},
		"message show":   {"gatepost message show 0cs9k2l7v3o1j4u8m5t6q9r2ng"},
		"link thaw":      {"gatepost link thaw 7v3o1j4u8m5t6q9r2ng0cs9k2l"},
		"user add":       {"gatepost user add ann@clinic.example --password-file pw --role staff"},
		"contact import": {"gatepost contact import patients.csv"},
		"contact show":   {"gatepost contact show pat@out.example"},
		"audit verify":   {"gatepost audit verify", "gatepost audit verify --checkpoint last-month.note"},
		"audit show":     {"gatepost audit show 0cs9k2l7v3o1j4u8m5t6q9r2ng"},
		"audit export":   {"gatepost audit export --format rfc5424 > evidence.log"},
		"key list":       {"gatepost key list"},
		"key rotate":     {"gatepost key rotate spool"},
		"key destroy":    {"gatepost key destroy 20261121-3 --yes"},
		"backup":         {"gatepost backup /var/backups/gatepost-2026-11-21"},
		"restore":        {"gatepost restore /var/backups/gatepost-2026-11-21", "gatepost queue resume"},
		"sendmail":       {"gatepost sendmail -f ann@clinic.example pat@out.example < mail.eml"},
	}
	return all[path]
}
