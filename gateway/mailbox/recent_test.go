package mailbox

import (
	"testing"

	"gatepost/gateway"
)

// TestWhatIsRememberedIsBounded, in folders and in entries; what was put last
// stays.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	var r recent
	owner := func(n int) Owner { return Owner{byte(n), byte(n >> 8)} }
	for n := range keptFolders + 10 {
		r.put(owner(n), &gateway.FolderView{Folder: gateway.FolderInbox, UIDs: make([]gateway.UID, 1)})
	}
	if len(r.views) != keptFolders || r.entries != keptFolders || r.take(owner(9), gateway.FolderInbox) != nil {
		t.Errorf("%d folders, %d entries", len(r.views), r.entries)
	}
	large := &gateway.FolderView{Folder: gateway.FolderOpened, UIDs: make([]gateway.UID, keptEntries-5)}
	r.put(owner(1), large)
	if len(r.views) != 6 || r.entries != keptEntries {
		t.Errorf("%d folders, %d entries", len(r.views), r.entries)
	}
	r.put(owner(1), &gateway.FolderView{Folder: gateway.FolderOpened, UIDs: make([]gateway.UID, keptEntries+1)})
	if len(r.views) != 5 || r.entries != 5 || r.take(owner(keptFolders+9), gateway.FolderInbox) == nil || r.entries != 4 {
		t.Errorf("%d folders, %d entries", len(r.views), r.entries)
	}
}
