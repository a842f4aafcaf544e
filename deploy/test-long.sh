#!/usr/bin/env bash
# What takes too long for test.sh. Parts, all of them without an argument:
#
#   fuzz     each fuzz target for FUZZ_SECONDS (300)
#   kills    KILLS (200) times kill -9 of the binary under load of mail, SMS_KILLS (20) times of short messages
#   carrier  STORM (60s) of each trouble that a carrier of short messages can make, under load
#   probes   crash and next-hop probes from outside, where GATEPOST_TOOLS names their folder
#   repeat   the stories with real peers TIMES (10) times under the race detector
#   soak     SOAK_MINUTES (30) of mixed traffic; memory and open files must not grow
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
  grep -hE 'accepted over|again because|all there after|MEASURED' "$work/part.log" | head -12
}

fuzz() {
  local package target
  while read -r package; do
    while read -r target; do
      part "fuzz $package $target" go test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZ_SECONDS:-300}s" "$package"
    done < <(go test -list '^Fuzz' "$package" 2>/dev/null | grep '^Fuzz')
  done < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
}

kills() {
  part "${KILLS:-200} kills" env GATEPOST_KILLS="${KILLS:-200}" go test -count=1 -timeout 60m -run '^TestKilledServerLosesNothing$' -v ./deploy/e2e
  part "${SMS_KILLS:-20} kills, short messages" env GATEPOST_PEERS=required GATEPOST_KILLS="${SMS_KILLS:-20}" go test -count=1 -timeout 60m -run '^TestSMSKilled' -v ./deploy/e2e
}

carrier() { part "a carrier in trouble for ${STORM:-60s} each" env GATEPOST_PEERS=required GATEPOST_SMS_STORM="${STORM:-60s}" go test -count=1 -timeout 60m -run '^TestSMSBrokenCarrier$|^TestSMSCarrierComesBack$' -v ./deploy/e2e; }

repeat() { part "stories ${TIMES:-10} times" env GATEPOST_PEERS=required go test -race -count="${TIMES:-10}" -timeout 5h ./deploy/e2e; }

soak() { part "soak of ${SOAK_MINUTES:-30} minutes" env GATEPOST_SOAK="${SOAK_MINUTES:-30}m" go test -count=1 -timeout 24h -run '^TestSoak$' -v ./deploy/e2e; }

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
fuzz | kills | carrier | probes | repeat | soak) "$1" ;;
all) fuzz; kills; carrier; probes; repeat; soak ;;
*) sed -n '2,12p' "$0"; exit 64 ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
