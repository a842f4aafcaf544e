package gateway

import "time"

// Event is one of a closed list of things that evidence records.
type Event string

// The events. A new act needs a new line here before it can happen.
const (
	EventAccepted        Event = "message.accepted"
	EventRefused         Event = "message.refused"
	EventJudged          Event = "envelope.judged"
	EventNoticeMade      Event = "envelope.notice"
	EventFellBack        Event = "envelope.fell_back" // tls became secure
	EventDelivered       Event = "envelope.delivered"
	EventDeferred        Event = "envelope.deferred"
	EventBounced         Event = "envelope.bounced"
	EventDelayNotified   Event = "envelope.delay_notice"
	EventHeld            Event = "envelope.held"
	EventReleased        Event = "envelope.released"
	EventReviewRefused   Event = "envelope.review_refused"
	EventReleaseDenied   Event = "envelope.release_denied" // a reviewer wanted to release mail of their own
	EventReasonAsked     Event = "envelope.reason_asked"   // whoever decides about it is asked why
	EventReasonWithdrawn Event = "envelope.reason_withdrawn"
	EventDropped         Event = "envelope.dropped"
	EventRequeued        Event = "envelope.requeued"
	EventQueuePaused     Event = "queue.paused"
	EventQueueResumed    Event = "queue.resumed"
	EventReportReceived  Event = "report.received" // a bounce of a notice came back
	EventLinkVisited     Event = "link.visited"
	EventCodeSent        Event = "code.sent"
	EventProofTried      Event = "proof.tried" // counted before it is compared
	EventProofFailed     Event = "proof.failed"
	EventProofPassed     Event = "proof.passed"
	EventLinkPaused      Event = "link.paused"
	EventLinkFrozen      Event = "link.frozen"
	EventLinkThawed      Event = "link.thawed"
	EventLinkExpired     Event = "link.expired"
	EventOpened          Event = "message.opened"
	EventFileOpened      Event = "message.file_opened"
	EventLinkRenewed     Event = "link.renewed"
	EventLinkReported    Event = "link.reported"    // not for me, or suspicious
	EventThawClosed      Event = "link.thaw_closed" // too many wrong codes: only staff thaws it
	EventPINPaused       Event = "pin.paused"
	EventPINFrozen       Event = "pin.frozen"
	EventPINThawed       Event = "pin.thawed"
	EventPINChosen       Event = "pin.chosen"
	EventPINRemoved      Event = "pin.removed"
	EventDeviceKept      Event = "device.remembered"
	EventDeviceRevoked   Event = "device.revoked"
	EventAnswered        Event = "answer.accepted" // by the viewer
	EventVerified        Event = "answer.verified" // DKIM, SPF, DMARC and where the mail was placed
	EventAutoReply       Event = "answer.automatic"
	EventStaffTurn       Event = "thread.staff_turn"
	EventStaffOpened     Event = "message.staff_opened"
	EventReminded        Event = "envelope.reminded"
	EventStatusSent      Event = "envelope.status" // the sender was told: opened, unread, about to expire
	EventRecalled        Event = "envelope.recalled"
	EventRecallUndone    Event = "envelope.recall_undone"
	EventShredded        Event = "envelope.shredded"
	EventContactExport   Event = "contact.exported"
	EventContactErased   Event = "contact.erased"
	EventLoginFailed     Event = "login.failed"
	EventLoginPassed     Event = "login.passed"
	EventUserChanged     Event = "user.changed"
	EventContactChanged  Event = "contact.changed"
	EventKeyCreated      Event = "key.created"
	EventKeyRotated      Event = "key.rotated"
	EventKeyDestroyed    Event = "key.destroyed"
	EventConfigLoaded    Event = "config.loaded"
	EventPolicyLoaded    Event = "policy.loaded"
	EventStarted         Event = "server.started"
	EventStopped         Event = "server.stopped"
	EventBackup          Event = "store.backup"
	EventRestored        Event = "store.restored"
	EventExported        Event = "evidence.exported"
	EventReceipt         Event = "sms.receipt"       // the carrier says what became of a message
	EventPartsExpired    Event = "sms.parts_expired" // the rest of a long text never came
	EventSMSReceived     Event = "sms.received"      // from a telephone
	EventAppDelivered    Event = "app.delivered"     // an application took a message from outside
	EventAppDropped      Event = "app.dropped"       // an application did not come for it in time
	EventCancelled       Event = "envelope.cancelled"
	EventReplaced        Event = "envelope.replaced"
	EventConsentChanged  Event = "consent.changed"
)

// Record is one piece of evidence. It may be kept for years and shown to
// strangers, so it holds no address, no name, no subject, no word of a message
// and no value that was found in it, not even masked: of findings it tells types,
// levels, counts and places. Persons stand as PersonRef.
type Record struct {
	At       time.Time         `json:"at"`
	Event    Event             `json:"event"`
	Actor    string            `json:"actor,omitempty"` // "uid:0", "account", "correspondent", "system", "peer"
	Message  MessageID         `json:"message,omitzero"`
	Envelope string            `json:"envelope,omitempty"` // EnvelopeID
	Thread   ThreadID          `json:"thread,omitzero"`
	Link     LinkID            `json:"link,omitzero"`
	Persons  []PersonRef       `json:"persons,omitempty"` // sender first, then recipients
	Detail   map[string]string `json:"detail,omitempty"`  // constant keys; values without personal data
}
