#!/usr/bin/env bash
# Ratios and sizes of Gatepost on this machine. Never a gate: it prints, it
# does not judge. Parts, all of them without an argument:
#
#   binary     memory and throughput of the whole program
#   packages   go test -bench of every package
#   viewer     readers a second and their slowest hundredth, without and with argon2
#   postfix    messages a second beside Postfix, where GATEPOST_BENCH names the
#              folder of the harness; RUNS (1) and PROFILES (s20-5k,s20-100k) go to it
#   smpp       short messages a second beside node-smpp and Kannel, by the same
#              harness, and what bounds each row; RUNS (1) and WINDOWS (1,10,100) go to it
set -uo pipefail
cd "$(dirname "$0")/.."
. deploy/peers.sh
work=$(mktemp -d)
chmod 755 "$work" # Postfix runs as another user
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

binary() {
  echo "== the whole binary"
  GATEPOST_MEASURE=1 go test -count=1 -timeout 10m -run '^TestMeasure' -v ./deploy/e2e 2>&1 | grep -E 'MEASURED|FAIL|SKIPPED|answered'
}

packages() {
  echo "== packages"
  go test -run '^$' -bench . -benchtime 300ms -timeout 20m ./... 2>&1 | grep -E '^(Benchmark|pkg:|FAIL|panic)'
}

viewer() {
  echo "== the viewer: pages; and proofs with codes (argon2 off) and with PINs (on)"
  go test -run '^$' -bench 'Viewer|WrongPINs' -benchtime 300x ./viewer 2>&1 | grep -E '^(Benchmark|FAIL|panic)'
  go test -run '^$' -bench 'Prove' -benchtime 200x ./gateway/flow 2>&1 | grep -E '^(Benchmark|FAIL|panic)'
}

# harness builds the binary for a part of the outside harness, or says why not.
harness() { # part
  if [ -z "${GATEPOST_BENCH:-}" ]; then
    echo "== $1: SKIPPED, GATEPOST_BENCH is not set"
    return 1
  fi
  echo "== $1"
  go build -o "$work/gatepost" ./cmd/gatepost || exit 1
  export PATH="$work:$PATH" BENCH_DIR="$work/${1// /-}"
  mkdir -p "$BENCH_DIR"
}

postfix() {
  harness "beside Postfix" || return 0
  (
    cd "$GATEPOST_BENCH" || exit 1
    python3 bench.py smtp --add gatepost-smtp.json --targets postfix,gatepost --profiles "${PROFILES:-s20-5k,s20-100k}" --runs "${RUNS:-1}" &&
      python3 bench.py table
  )
}

smpp() {
  harness "beside node-smpp and Kannel" || return 0
  if [ -z "${BENCH_PEERS:-}" ]; then # what test.sh --install fetched, where the harness looks for it
    if ! smpp_is_here; then
      echo "SKIPPED: node-smpp is not there (deploy/test.sh --install fetches it)"
      return
    fi
    export BENCH_PEERS="$work/peers"
    mkdir -p "$BENCH_PEERS/smpp" && ln -sfn "$GATEPOST_NODE_SMPP/node_modules" "$BENCH_PEERS/smpp/node_modules"
  fi
  (
    cd "$GATEPOST_BENCH" || exit 1
    python3 bench.py limits --runs 1 --secs 1 >"$work/limits.log" 2>&1
    python3 bench.py smpp --add gatepost-smpp.json --targets direct-smpp,node-smpp-durable,kannel-file,gatepost-smpp --windows "${WINDOWS:-1,10,100}" --runs "${RUNS:-1}" &&
      python3 bench.py table
  ) && smpp_bounds <"$BENCH_DIR/results.jsonl"
}

# smpp_bounds reads the harness' results: the aims, and what a row cannot get past.
smpp_bounds() {
  python3 -c '
import json, os, statistics, sys
rows = [json.loads(l) for l in sys.stdin]
def med(kind, target, window, key):
    v = [r[key] for r in rows if r["kind"] == kind and r["target"] == target and r.get("window") == window and r.get(key) and not r.get("error")]
    return statistics.median(v) if v else 0
cores = os.cpu_count()
sync = med("limit", "append+fsync 4k, 1 writer", None, "p50_us")
print("\n| window | accepted/s | of durable node-smpp (aim) | relayed/s | of Kannel, file store (aim) | bounded by |\n|---|---|---|---|---|---|")
for w, aim in (1, 1.5), (10, 2), (100, 2):
    us, rate, e2e = "gatepost-smpp", "per_s", "e2e_per_s"
    mine, passed = med("smpp", us, w, rate), med("smpp", us, w, e2e)
    node, kannel, top = med("smpp", "node-smpp-durable", w, rate), med("smpp", "kannel-file", w, e2e), med("smpp", "direct-smpp", w, rate)
    if not mine:
        continue
    busy = med("smpp", us, w, "cpu_us_per_msg") * passed / 1e6 / cores + (passed / top if top else 0)
    p50 = med("smpp", us, w, "p50_us")
    why = f"CPU: {busy:.0%} of {cores} cores, load included" if busy > 0.75 else f"the round trip of one commit: p50 {p50:.0f} us, fsync alone {sync:.0f} us, CPU {busy:.0%}" if w == 1 else f"commits in turn: p50 {p50:.0f} us, fsync alone {sync:.0f} us, CPU {busy:.0%}"
    of = lambda x, y: f"{x / y:.2f}" if y else "-"
    print(f"| {w} | {mine:,.0f} | {of(mine, node)} ({aim}) | {passed:,.0f} | {of(passed, kannel)} (3) | {why} |")
'
}

echo "go $(go env GOVERSION), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
case "${1:-all}" in
binary | packages | viewer | postfix | smpp) "$1" ;;
all) binary; packages; viewer; postfix; smpp ;;
*) sed -n '2,11p' "$0"; exit 64 ;;
esac
