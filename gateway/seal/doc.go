// Package seal holds every key of Gatepost and is the only package that
// encrypts. It seals bodies, the data keys of bodies, and the values of the
// store; it does not know what a body says, who may read it, or where it lies.
//
// The keyring lies outside the data, in key_dir:
//
//	keyring/keyring.key       the keyring's id
//	keyring/mac.key           key of MAC: index keys, pepper, loop marks
//	keyring/evidence.key      ed25519 key that signs evidence checkpoints
//	keyring/metadata-N.key    epochs of the key that seals store values
//	keyring/spool-N.key       epochs of the key that wraps what couriers may read
//	keyring/groups/DAY/X.key  private keys of key groups, by retention day
//	destroyed.log             ids of destroyed keys: a restored copy of keyring/ cannot bring them back
//	journal/                  what a restored copy of the data must be told
//	checkpoint                newest signed checkpoint of the evidence
//	keyring.lock              held by the one process that writes
//
// Invariants:
//
//   - A data key seals exactly one body. Encrypt refuses a key that has sealed
//     before or that came out of a wrap, so no nonce is ever used twice.
//   - A wrap opens only for the message and the purpose that it was made for.
//   - Wrapping for staff or a correspondent takes public keys only; a group
//     takes at most 256 wraps, all of one retention day.
//   - Key files are written once, under a new name, and are durable before the
//     first use of the key. Nothing overwrites a key file except destroying it.
//   - A key is destroyed only after the evidence of it was taken, and never
//     while something sealed with it may still be on its way to the store.
//   - What holds a key redacts itself under every fmt verb and under log/slog.
//
// The body format, the wraps and the sealed values carry a version octet or a
// version in their label, so that a later format can stand beside them.
package seal
