//go:build !race

package mailmsg_test

const underRace = false
