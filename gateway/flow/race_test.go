//go:build race

package flow

// underRace: the race detector makes a sweep several times slower and finds
// nothing in the hundredth repetition, so the journeys in which things happen
// at the same time are enough. Without it all are swept.
const underRace = true
