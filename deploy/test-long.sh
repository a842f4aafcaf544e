#!/usr/bin/env bash
# What takes too long for test.sh. Parts, all of them without an argument:
#
#   fuzz     each fuzz target (or those of FUZZ_ONLY, a regular expression) for FUZZ_SECONDS (300) by
#            FUZZ_PARALLEL (1) workers; adds a line for each to deploy/docs/fuzzing.tsv
#   fuzzed   prints from that log how long each target ran in all
#   kills    KILLS (200) times kill -9 of the binary under load of mail, SMS_KILLS (20) times of short messages,
#            IMAP_KILLS (25) times of mail clients
#   cuts     CUTS (50) times the power of the disk under load, what was not flushed is lost
#   sweep    each operation of the store, the bodies, the network and the clock failing in turn, in every journey
#   drill    restore of a backup made under load, DRILL (5000) mails before and after it
#   carrier  STORM (60s) of each trouble that a carrier of short messages can make, under load
#   abuse    ABUSE (2m) of attackers of every class on all protocols at once, beside good clients, each of which has to
#            be served in less than 2 s; memory stays below 1 GiB
#   probes   crash and next-hop probes from outside, where GATEPOST_TOOLS names their folder
#   repeat   the stories with real peers TIMES (10) times under the race detector
#   soak     SOAK_MINUTES (30) of mixed traffic on all four protocols; memory, goroutines and open files stay flat,
#            and each warning of the log is one that the traffic explains
#   thunderbird  a day in Thunderbird, under Xvfb; its screenshots go to SHOTS (a new folder). Needs the packages
#            thunderbird, xvfb and imagemagick of Debian; "thunderbird --install" installs them, as root
#   scale    SCALE (1000000) messages in the store, and DEFERRED (200000) that wait for a next hop that is away
#
# Ends with "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/peers.sh
work=$(mktemp -d)
children=()
cleanup() {
  for pid in ${children[@]+"${children[@]}"}; do kill "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

part() { # name, command…
  local name=$1 start=$SECONDS
  shift
  if "$@" >"$work/part.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    echo "FAIL  $name ($((SECONDS - start)) s)"
    tail -60 "$work/part.log"
  fi
  grep -hE 'accepted over|again because|all there after|UIDs seen|MEASURED' "$work/part.log" | head -12
}

# fuzz_logged runs one target and adds a line about it to the log: what ran, at
# which commit, and what it found. Failing inputs fail the part.
fuzz_logged() { # package, target
  local before=$SECONDS last found=0 status=0
  if [ "$linked" != "$1" ]; then # one binary for the targets of a package
    linked=""
    go test -c -vet=off -fuzz=. -o "$work/fuzz.test" "$1" || return 1
    linked=$1
  fi
  (cd "$1" && nice -n 19 "$work/fuzz.test" -test.paniconexit0 -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "${FUZZ_SECONDS:-300}s" -test.parallel "${FUZZ_PARALLEL:-1}" \
    -test.fuzzcachedir "$corpora/${1#./}") >"$work/fuzz.log" 2>&1 || status=1
  cat "$work/fuzz.log"
  if grep -q 'Failing input' "$work/fuzz.log"; then
    found=1
  elif grep -q 'context deadline exceeded' "$work/fuzz.log"; then # the engine's own deadline, nothing that fails
    status=0
  fi
  last=$(grep -o 'elapsed: [0-9hms]*, execs: [0-9]*.*' "$work/fuzz.log" | grep -v 'gathering' | tail -1)
  if [ -n "$last" ]; then
    sed -E "s/^elapsed: ([0-9hms]*), execs: ([0-9]*).*new interesting: ([0-9]*).*/\1 \2 \3/" <<<"$last" |
      awk -v OFS='\t' -v day="$(date -u +%F)" -v commit="$commit" -v target="${1#./} $2" -v found="$found" '
        { n = split($1, t, /[hms]/); s = n == 2 ? t[1] : n == 3 ? 60 * t[1] + t[2] : 3600 * t[1] + 60 * t[2] + t[3]
          print day, commit, target, s, $2, $3, found }' >>"${FUZZ_LOG:-deploy/docs/fuzzing.tsv}"
  fi
  return $status
}

# fuzz_targets lists package and target, those whose line FUZZ_ONLY (a regular
# expression) finds.
fuzz_targets() {
  grep -r --include='*_test.go' '^func Fuzz' . | sed -E 's|^(.*)/[^/]*\.go:func (Fuzz[A-Za-z0-9_]*).*|\1 \2|' | sort | grep -E "${FUZZ_ONLY:-.}"
}

fuzz() {
  local package target commit corpora linked=""
  corpora=$(go env GOCACHE)/fuzz/$(go list -m) # where go test keeps them
  commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- '*.go' || echo +)
  while read -r package target; do
    part "fuzz $package $target" fuzz_logged "$package" "$target"
  done < <(fuzz_targets)
  fuzzed
}

# fuzzed prints how long each target has run in all, by the log; the least first.
fuzzed() {
  { fuzz_targets | sed 's|^\./||' | awk -v OFS='\t' '{ print "", "", $0, 0, 0, 0, 0 }'; cat deploy/docs/fuzzing.tsv; } |
    awk -F '\t' '!/^#/ && NF == 7 { s[$3] += $4; e[$3] += $5; f[$3] += $7 } END { for (t in s) printf "%7d s %12d inputs %3d failed  %s\n", s[t], e[t], f[t], t }' | sort -n
}

kills() {
  part "${KILLS:-200} kills" env GATEPOST_KILLS="${KILLS:-200}" go test -count=1 -timeout 60m -run '^TestKilledServerLosesNothing$' -v ./deploy/e2e
  part "${SMS_KILLS:-20} kills, short messages" env GATEPOST_PEERS=required GATEPOST_KILLS="${SMS_KILLS:-20}" go test -count=1 -timeout 60m -run '^TestSMSKilled' -v ./deploy/e2e
  part "${IMAP_KILLS:-25} kills, mail clients" env GATEPOST_KILLS="${IMAP_KILLS:-25}" go test -count=1 -timeout 60m -run '^TestIMAPKilledUnderLoad$' -v ./deploy/e2e
}

cuts() { part "${CUTS:-50} power cuts" env GATEPOST_PEERS=required GATEPOST_CUTS="${CUTS:-50}" go test -count=1 -timeout 60m -run '^TestPowerCutLosesNothing$' -v ./deploy/e2e; }

sweep() { part "sweep of every operation" env GATEPOST_SWEEP=all go test -count=1 -timeout 3h -run '^TestSweep$' -v ./gateway/flow; }

drill() { part "restore drill" env GATEPOST_DRILL="${DRILL:-5000}" go test -count=1 -timeout 60m -run '^TestRestoreDrill$' -v ./deploy/e2e; }

carrier() { part "a carrier in trouble for ${STORM:-60s} each" env GATEPOST_PEERS=required GATEPOST_SMS_STORM="${STORM:-60s}" go test -count=1 -timeout 60m -run '^TestSMSBrokenCarrier$|^TestSMSCarrierComesBack$' -v ./deploy/e2e; }

abuse() { part "abuse for ${ABUSE:-2m}" env GATEPOST_ABUSE="${ABUSE:-2m}" go test -count=1 -timeout 30m -run '^TestAbuseAllAtOnce$' -v ./deploy/e2e; }

repeat() { part "stories ${TIMES:-10} times" env GATEPOST_PEERS=required go test -race -count="${TIMES:-10}" -timeout 5h ./deploy/e2e; }

soak() { part "soak of ${SOAK_MINUTES:-30} minutes" env GATEPOST_PEERS=required GATEPOST_SOAK="${SOAK_MINUTES:-30}m" go test -count=1 -timeout 24h -run "^TestSoak\$" -v ./deploy/e2e; }

# The packages of Debian are more than test.sh asks for: with them comes a desktop.
thunderbird() { # --install
  local shots
  if ! type -P thunderbird Xvfb import >/dev/null; then
    if [ "${1:-}" != --install ]; then
      echo "SKIPPED thunderbird: needs the packages thunderbird, xvfb and imagemagick (deploy/test-long.sh thunderbird --install)"
      return
    fi
    part "installing Thunderbird" eval 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends thunderbird xvfb imagemagick'
  fi
  shots=$(realpath -m "${SHOTS:-$(mktemp -d)}")
  part "a day in Thunderbird" env GATEPOST_PEERS=required GATEPOST_THUNDERBIRD="$shots" go test -count=1 -timeout 30m -run '^TestADayInThunderbird$' -v ./deploy/e2e
  echo "      screenshots: $shots"
}

scale() { part "scale: ${SCALE:-1000000} messages, ${DEFERRED:-200000} deferred" env GATEPOST_SCALE="${SCALE:-1000000}" GATEPOST_SCALE_DEFERRED="${DEFERRED:-200000}" go test -count=1 -timeout 24h -run '^TestScale$' -v ./deploy/e2e; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# configure DIR RELAY SINK: a gate whose only next hop is the probe's.
configure() {
  mkdir -p "$1"
  cat >"$1/gatepost.yaml" <<YAML
mode: enforce
organization: {name: Probe, domains: [sender.test]}
data_dir: $1/data
key_dir: $1/keys
policy: $1/policy.yaml
listen: {relay: "127.0.0.1:$2"}
relay: {trusted: [127.0.0.0/8]}
routes: [{domain: "*", via: "127.0.0.1:$3", tls: none}]
queue: {first_retry: 1s, max_retry: 2s}
YAML
  printf 'policy: none\ndefault: pass\non_error: secure\nrules: []\n' >"$1/policy.yaml"
}

probes() {
  if [ -z "${GATEPOST_TOOLS:-}" ]; then
    echo "SKIPPED probes: GATEPOST_TOOLS is not set"
    return
  fi
  go build -o "$work/gatepost" ./cmd/gatepost || { failed=$((failed + 1)); return; }
  local relay sink
  relay=$(free_port) sink=$(free_port)
  configure "$work/crash" "$relay" "$sink"
  part "crash probe" python3 "$GATEPOST_TOOLS/crash_probe.py" --start "exec $work/gatepost serve --config $work/crash/gatepost.yaml" \
    --smtp "127.0.0.1:$relay" --sink-port "$sink" --kills "${PROBE_KILLS:-50}" --chaos
  tail -1 "$work/part.log"
  relay=$(free_port) sink=$(free_port)
  configure "$work/upstream" "$relay" "$sink"
  "$work/gatepost" serve --config "$work/upstream/gatepost.yaml" 2>"$work/upstream/log" &
  children+=($!)
  sleep 2
  part "next-hop probe" python3 "$GATEPOST_TOOLS/upstream_probe.py" --smtp "127.0.0.1:$relay" --sink-port "$sink" --bounces
  tail -1 "$work/part.log"
}

case "${1:-all}" in
fuzz | kills | cuts | sweep | drill | carrier | abuse | probes | repeat | soak | thunderbird | scale) "$@" ;;
fuzzed) fuzzed; exit ;;
all) fuzz; kills; cuts; sweep; drill; carrier; abuse; probes; repeat; soak; thunderbird; scale ;;
*) sed -n '2,23p' "$0"; exit 64 ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
