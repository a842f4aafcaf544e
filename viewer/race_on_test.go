//go:build race

package viewer

// underRace: the race detector finds nothing in the browser's part of the
// hundredth page, and makes it slower.
const underRace = true
