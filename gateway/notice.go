package gateway

// NoticeKind says what a notice is for.
type NoticeKind string

// The kinds. The zero value is NoticeFirst.
const (
	NoticeFirst    NoticeKind = ""         // a message waits
	NoticeReminder NoticeKind = "reminder" // it still waits
	NoticeExpiring NoticeKind = "expiring" // its link ends soon
)

// CodeKind says what a one-time code is for.
type CodeKind string

// The kinds. The zero value is CodeOpen.
const (
	CodeOpen  CodeKind = ""      // to read
	CodeThaw  CodeKind = "thaw"  // to unlock a link that was locked after wrong tries
	CodeRenew CodeKind = "renew" // to make an expired link work again
)
