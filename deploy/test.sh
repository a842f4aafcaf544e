#!/usr/bin/env bash
# Every test of Gatepost, with the real peers.
#
#   ./deploy/test.sh             needs the peers to be there; lists what is missing and exits 69
#   ./deploy/test.sh --install   installs them first (Debian, as root), then runs everything
#
# Parts: gofmt and vet; all tests under the race detector, with everything that
# fuzzing has found so far (new inputs are looked for by test-long.sh: here the
# same commit gives the same answer); the stories of the whole binary with real peers (deploy/e2e:
# Postfix, Mail::DKIM, OpenDKIM, strace; the viewer: Chromium; short messages:
# Kannel, node-smpp, Net::SMPP; mail clients of the staff: imaplib, curl, isync, fetchmail, OfflineIMAP, NeoMutt). Documents and archives of LibreOffice, zip and tnef are read by the
# tests of gateway/mailmsg. Correctness only: nothing here depends on how fast the machine is.
# axe-core, which looks for barriers in the pages, and node-smpp come from the
# npm registry into the user's cache and are given to the tests as GATEPOST_AXE
# and GATEPOST_NODE_SMPP.
# Outside data sets are read from GATEPOST_TESTDATA and GATEPOST_CORPUS; where
# they are unset those tests skip. Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
placed_policy=""
cleanup() {
  rm -rf "$work"
  if [ -n "$placed_policy" ]; then rm -f "$placed_policy"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

. deploy/peers.sh
npm_or_no_need() { { axe_is_here && smpp_is_here; } || command -v npm; }

# The packages of Debian that make documents are three.
office_is_here() {
  local program
  program=$(dirname "$(readlink -f "$(command -v soffice)")") && [ -e "$program/libswlo.so" ] && [ -e "$program/libsclo.so" ] && [ -e "$program/libsdlo.so" ]
}

# name of the thing, how to see it, Debian packages ("" where it is none)
peers() {
  cat <<'LIST'
Postfix|command -v postfix|postfix
OpenDKIM|command -v opendkim|opendkim
Mail::DKIM|perl -MMail::DKIM::Verifier -e1|libmail-dkim-perl
Chromium|command -v chromium|chromium
strace|command -v strace|strace
Python|command -v python3|python3
C compiler (race detector)|command -v gcc|gcc
curl|command -v curl|curl
NeoMutt|command -v neomutt|neomutt
isync|command -v mbsync|isync
fetchmail|command -v fetchmail|fetchmail
OfflineIMAP|command -v offlineimap|offlineimap3
script|command -v script|bsdutils
systemd-analyze|command -v systemd-analyze|systemd
LibreOffice|office_is_here|libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui
zip|command -v zip|zip
tnef|command -v tnef|tnef
Kannel|command -v bearerbox && command -v smsbox|kannel
Net::SMPP|perl -MNet::SMPP -e1|libnet-smpp-perl
Node|command -v node|nodejs
npm (to fetch axe-core and node-smpp)|npm_or_no_need|npm
axe-core|axe_is_here|
node-smpp|smpp_is_here|
LIST
}

missing() {
  while IFS='|' read -r name test package; do
    eval "$test" >/dev/null 2>&1 || printf '%s|%s\n' "$name" "$package"
  done < <(peers)
}

# unpack_npm fetches one package of exactly these octets into a new folder.
unpack_npm() { # name, version, sha256, folder
  local archive=$1-$2.tgz
  mkdir -p "$4" && (cd "$work" && npm pack --silent "$1@$2" >/dev/null 2>npm.log && sha256sum --check --quiet <<<"$3  $archive" &&
    tar -xzf "$archive" -C "$4" --strip-components=1) || {
    tail -20 "$work/npm.log" >&2
    echo "test.sh: fetching $1 $2 failed" >&2
    exit 69
  }
}

install_axe() {
  ! axe_is_here || return 0
  unpack_npm axe-core "$AXE_VERSION" "$AXE_SHA256" "$work/axe"
  mkdir -p "$(dirname "$GATEPOST_AXE")" && mv "$work/axe/axe.min.js" "$GATEPOST_AXE" || exit 69
}

install_smpp() {
  ! smpp_is_here || return 0
  local modules=$work/smpp/node_modules
  unpack_npm iconv-lite "$ICONV_VERSION" "$ICONV_SHA256" "$modules/iconv-lite"
  unpack_npm safer-buffer "$SAFER_VERSION" "$SAFER_SHA256" "$modules/safer-buffer"
  unpack_npm smpp "$SMPP_VERSION" "$SMPP_SHA256" "$modules/smpp"
  mkdir -p "$GATEPOST_NODE_SMPP" && rm -rf "$GATEPOST_NODE_SMPP/node_modules" && mv "$modules" "$GATEPOST_NODE_SMPP" || exit 69
}

install_peers() {
  local absent packages
  absent=$(missing | grep -v '|$')
  [ -n "$absent" ] || return 0
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "test.sh: --install works on Debian as root" >&2
    exit 69
  fi
  for mta in exim4 opensmtpd sendmail-bin; do
    if dpkg -s "$mta" >/dev/null 2>&1; then
      echo "test.sh: $mta is installed; Postfix cannot be put beside it" >&2
      exit 69
    fi
  done
  if [ ! -e /usr/sbin/policy-rc.d ]; then      # packages must not start their daemons
    placed_policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$placed_policy"
    chmod 755 "$placed_policy"
  fi
  packages=$(cut -d'|' -f2 <<<"$absent" | sort -u | tr '\n' ' ')
  echo "installing: $packages"
  export DEBIAN_FRONTEND=noninteractive
  echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
  # shellcheck disable=SC2086
  apt-get update -qq >"$work/apt.log" 2>&1 && apt-get install -y -qq --no-install-recommends $packages >>"$work/apt.log" 2>&1 || {
    tail -20 "$work/apt.log" >&2
    echo "test.sh: installing the peers failed" >&2
    exit 69
  }
  if [ -n "$placed_policy" ]; then rm -f "$placed_policy"; placed_policy=""; fi
}

case "${1:-}" in
"") ;;
--install) install_peers && install_axe && install_smpp ;;
*) sed -n '2,16p' "$0"; exit 64 ;;
esac

absent=$(missing)
if [ -n "$absent" ]; then
  echo "These peers are missing (./deploy/test.sh --install installs them):" >&2
  cut -d'|' -f1 <<<"$absent" | sed 's/^/  /' >&2
  exit 69
fi

passed=0 failed=0
part() { # name, command…: runs it, says how long it took, counts it as one test
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$work/part.log" 2>&1 </dev/null; then
    passed=$((passed + 1))
    echo "ok    $name ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    echo "FAIL  $name ($((SECONDS - start)) s)"
    tail -40 "$work/part.log"
  fi
}

# suite runs go test and adds its tests to the count.
suite() {
  local name=$1 start=$SECONDS counts
  shift
  go test -json "$@" >"$work/tests.json" 2>"$work/tests.err"
  counts=$(go run ./deploy/testcount <"$work/tests.json" 3>"$work/counts")
  [ -n "$counts" ] && echo "$counts"
  if ! read -r p f s <"$work/counts"; then p=0 f=1 s=0; fi
  if grep -v '^go: downloading' "$work/tests.err"; then :; fi
  passed=$((passed + p)) failed=$((failed + f))
  echo "----  $name: $p passed, $f failed, $s skipped ($((SECONDS - start)) s)"
}

# leaving_out lists the packages whose tests ask whether the detector runs, and
# asking the tests that do, for go test -run.
leaving_out() {
  grep -rlE --include='*_test.go' '^//go:build !?race' . | xargs -n1 dirname | sort -u | grep -v '/deploy/e2e$'
}
asking() {
  local package
  for package in $(leaving_out); do
    awk '/^func / { name = "" } /^func Test/ { name = $2; sub(/\(.*/, "", name) }
      /^(const|\/\/)/ { next }
      /(^|[^A-Za-z])(underRace|stride)([^A-Za-z]|$)/ { print name != "" ? name : "OUTSIDE A TEST: " FILENAME }' "$package"/*_test.go
  done | sort -u | paste -sd '|' | sed 's/.*/^(&)$/'
}

gofmt_clean() { test -z "$(git ls-files '*.go' | xargs gofmt -l)"; }
only_tests_ask() { ! asking | grep OUTSIDE; }
scripts_parse() { for f in deploy/*.sh .ci/run; do bash -n "$f" || return 1; done; }

echo "go $(go env GOVERSION), $(nproc) cores"
part "gofmt" gofmt_clean
part "scripts" scripts_parse
part "tests alone ask for the race detector" only_tests_ask
part "build" go build ./...
part "vet" go vet ./...
export GATEPOST_PEERS=required
# What takes longest begins first, so that nothing waits for it at the end.
packages="./viewer ./gateway/flow ./cmd/gatepost $(go list ./... | grep -vE '/(deploy/e2e|viewer|gateway/flow|cmd/gatepost)$')"
# Under the race detector some tests leave out what it finds nothing in: most
# cases of the sweeps, the browser's looks. They alone run without it, too.
# shellcheck disable=SC2046
suite "tests that do less under the race detector, without it" -timeout 15m -run "$(asking)" $(leaving_out)
# shellcheck disable=SC2086
suite "packages with the race detector" -race -timeout 20m $packages
# The stories wait most of the time, so several are told at once.
suite "stories of the binary with real peers, with the race detector" -race -timeout 30m -parallel 3 ./deploy/e2e

echo "took $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
