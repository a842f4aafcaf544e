#!/usr/bin/env bash
# Ratios and sizes of Gatepost on this machine, beside Postfix where the
# harness is there. Never a gate: it prints, it does not judge.
#
#   ./deploy/bench.sh                 memory and throughput of the binary; benchmarks of the packages
#   GATEPOST_BENCH=DIR ./deploy/bench.sh   also messages a second beside Postfix (the harness in DIR)
#
# RUNS (default 1) and PROFILES (default s20-5k,s20-100k) go to the harness.
set -uo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in "") ;; *) sed -n '2,9p' "$0"; exit 64 ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "go $(go env GOVERSION), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"

echo "== the whole binary"
GATEPOST_MEASURE=1 go test -count=1 -timeout 10m -run '^TestMeasure' -v ./deploy/e2e 2>&1 | grep -E 'MEASURED|FAIL|SKIPPED|answered'

echo "== packages"
go test -run '^$' -bench . -benchtime 300ms -timeout 20m ./... 2>&1 | grep -E '^(Benchmark|pkg:|FAIL|panic)'

if [ -z "${GATEPOST_BENCH:-}" ]; then
  echo "== beside Postfix: SKIPPED, GATEPOST_BENCH is not set"
  exit 0
fi
echo "== beside Postfix"
go build -o "$work/gatepost" ./cmd/gatepost || exit 1
export PATH="$work:$PATH" BENCH_DIR="$work/bench"
mkdir -p "$BENCH_DIR"
add="--add $GATEPOST_BENCH/gatepost-smtp.json"
# shellcheck disable=SC2086
(cd "$GATEPOST_BENCH" && python3 bench.py smtp $add --targets postfix,gatepost --profiles "${PROFILES:-s20-5k,s20-100k}" --runs "${RUNS:-1}" \
  && python3 bench.py table)
