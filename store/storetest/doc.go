// Package storetest holds what every implementation of store.Store must do,
// as tests, and what tests of other packages need of a store: one in memory
// (Memory), one that fails as planned (Faulty) and the loop that fails each
// single operation of a journey (Sweep).
//
// It is imported by tests only. Contract and Crash are the meaning of the
// contract in package store; where a sentence there can be tested, it is
// tested here.
package storetest
