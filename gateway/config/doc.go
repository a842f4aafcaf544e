// Package config reads the one configuration file of an installation.
//
// It is a strict reader: unknown and duplicate keys, wrong types, anchors and
// inline secrets are refused, each with file, line, column and, where one is
// near, the word that was meant. All problems of a file are reported at once.
// Every value has a safe default in code (see Defaults), so that an empty
// file lacks nothing but the organization's domains.
//
// It is no policy (that is gateway/policy) and it opens nothing: it reads the
// files that the configuration names only far enough to say that they will
// not do.
//
// Invariants:
//   - no secret is ever part of the file, of a Problem, of Effective or of
//     any formatted value; Secret.Reveal is the only way to one;
//   - relative paths are relative to the directory of the configuration file,
//     not to the directory in which a command happens to be started;
//   - a Config that Load returned is complete and was checked.
package config
