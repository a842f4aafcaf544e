//go:build !race

package viewer

const underRace = false
