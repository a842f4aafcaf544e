package flow

import (
	"strings"

	"gatepost/gateway"
)

// Classes of readers. What a reader's program calls itself is not kept, only
// the class that follows from it.
const (
	readerPerson  = "person"
	readerMachine = "machine"
)

// readerOf guesses whether a person or a program is reading. A program can
// pass for a person; the guess serves who wonders at an opening in the night,
// and decides nothing.
func readerOf(v gateway.Visitor) string {
	if v.Ahead || machine(v.Agent) {
		return readerMachine
	}
	return readerPerson
}

// machine reports whether a User-Agent is that of a link scanner, a library or
// no browser at all. Every browser since 1994 calls itself Mozilla or Opera.
func machine(agent string) bool {
	agent = strings.ToLower(agent)
	if !strings.HasPrefix(agent, "mozilla/") && !strings.HasPrefix(agent, "opera/") {
		return true
	}
	for _, word := range scanners() {
		if strings.Contains(agent, word) {
			return true
		}
	}
	return false
}

// scanners are words in the names of programs that fetch links by themselves:
// mail filters, previews of chats, crawlers, browsers without a screen.
func scanners() []string {
	return []string{
		"bot", "crawl", "spider", "scan", "preview", "headless", "phantomjs", "selenium", "puppeteer", "playwright", "lighthouse",
		"barracuda", "proofpoint", "mimecast", "safelinks", "fireeye", "trendmicro", "trend micro", "sophos", "symantec", "messagelabs",
		"forcepoint", "ironport", "cisco", "zscaler", "bitdefender", "kaspersky", "mcafee", "fortinet", "cloudmark", "vade", "urlscan",
		"virustotal", "googleimageproxy", "yahoomailproxy", "facebookexternalhit", "whatsapp", "slack", "skypeuripreview", "telegram",
		"curl", "wget", "python", "java/", "go-http", "okhttp", "libwww", "httpclient", "node-fetch", "axios",
	}
}
