package mailbox

import (
	"slices"
	"sync"

	"gatepost/gateway"
)

// Limits of what is remembered of folders after their last session: entries of
// all together, some 40 octets each, and folders.
const (
	keptEntries = 1 << 18
	keptFolders = 1 << 10
)

// recent remembers views of folders that nobody has open any more. Clients
// select the same few folders again and again. A view is used only where the
// folder's record says that it is still so.
type recent struct {
	mu      sync.Mutex
	views   []keptView // the one that was put last is at the end
	entries int
}

type keptView struct {
	owner Owner
	view  *gateway.FolderView
}

// put remembers a view, and forgets the oldest ones for it.
func (r *recent) put(o Owner, v *gateway.FolderView) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(o, v.Folder)
	if len(v.UIDs) > keptEntries {
		return
	}
	r.views = append(r.views, keptView{o, v})
	r.entries += len(v.UIDs)
	for r.entries > keptEntries || len(r.views) > keptFolders {
		r.dropLocked(r.views[0].owner, r.views[0].view.Folder)
	}
}

// take returns the view of a folder, and forgets it; nil when there is none.
// What is added to it is added elsewhere: somebody may hold a longer one.
func (r *recent) take(o Owner, f gateway.Folder) *gateway.FolderView {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.dropLocked(o, f)
	if v == nil {
		return nil
	}
	own := *v
	own.UIDs, own.Marks = slices.Clip(own.UIDs), slices.Clip(own.Marks)
	return &own
}

func (r *recent) dropLocked(o Owner, f gateway.Folder) *gateway.FolderView {
	i := slices.IndexFunc(r.views, func(k keptView) bool { return k.owner == o && k.view.Folder == f })
	if i < 0 {
		return nil
	}
	v := r.views[i].view
	r.views = slices.Delete(r.views, i, i+1)
	r.entries -= len(v.UIDs)
	return v
}
