#!/usr/bin/env bash
# Ratios and sizes of Gatepost on this machine. Never a gate: it prints, it
# does not judge. Parts, all of them without an argument:
#
#   binary     memory and throughput of the whole program
#   packages   go test -bench of every package
#   viewer     readers a second and their slowest hundredth, without and with argon2
#   postfix    messages a second beside Postfix, where GATEPOST_BENCH names the
#              folder of the harness; RUNS (1) and PROFILES (s20-5k,s20-100k) go to it
set -uo pipefail
cd "$(dirname "$0")/.."
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

postfix() {
  if [ -z "${GATEPOST_BENCH:-}" ]; then
    echo "== beside Postfix: SKIPPED, GATEPOST_BENCH is not set"
    return
  fi
  echo "== beside Postfix"
  go build -o "$work/gatepost" ./cmd/gatepost || exit 1
  export PATH="$work:$PATH" BENCH_DIR="$work/bench"
  mkdir -p "$BENCH_DIR"
  (
    cd "$GATEPOST_BENCH" || exit 1
    python3 bench.py smtp --add gatepost-smtp.json --targets postfix,gatepost --profiles "${PROFILES:-s20-5k,s20-100k}" --runs "${RUNS:-1}" &&
      python3 bench.py table
  )
}

echo "go $(go env GOVERSION), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
case "${1:-all}" in
binary | packages | viewer | postfix) "$1" ;;
all) binary; packages; viewer; postfix ;;
*) sed -n '2,10p' "$0"; exit 64 ;;
esac
