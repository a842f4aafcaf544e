#!/usr/bin/env bash
# Ratios and sizes of Gatepost on this machine. Never a gate: it prints, it
# does not judge. Parts, all of them without an argument:
#
#   binary     memory and throughput of the whole program
#   packages   go test -bench of every package
#   viewer     readers a second and their slowest hundredth, without and with argon2
#   postfix    mails a second beside Postfix, where GATEPOST_BENCH names the folder
#              of the harness, and what bounds each row; RUNS (1) and PROFILES
#              (s20-5k,s20-100k,s1-5k) go to it
#   policy     the same with the whole default policy on realistic MIME (s20-mime),
#              beside Postfix with rspamd
#   secured    the same where every mail is secured and a signed notice leaves,
#              beside Postfix with a milter that replaces the body
#   fsyncs     calls of the fsync family per mail
#   idle       memory of 1,000 idle connections of SMTP and of IMAP
#   smpp       short messages a second beside node-smpp and Kannel, by the same
#              harness, and what bounds each row; RUNS (1) and WINDOWS (1,10,100) go to it
#   imap       lists, bodies and APPEND of 10,000 messages (MESSAGES) beside Dovecot with
#              mdbox, by the same harness, and what bounds each row
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

# against runs the harness once: targets file, targets, profiles.
against() {
  (
    cd "$GATEPOST_BENCH" || exit 1
    python3 bench.py smtp --add "$1" --targets "$2" --profiles "$3" --runs "${RUNS:-1}" && python3 bench.py table
  ) && deploy/bench_table.py <"$BENCH_DIR/results.jsonl"
}

postfix() {
  harness "beside Postfix" || return 0
  against gatepost-smtp.json direct,postfix,gatepost "${PROFILES:-s20-5k,s20-100k,s1-5k}"
}

policy() {
  harness "the whole policy, beside Postfix with rspamd" || return 0
  against gatepost-smtp-policy.json direct,postfix+rspamd,gatepost-policy "${PROFILES:-s20-mime}"
}

secured() {
  harness "every mail secured, beside Postfix with a milter" || return 0
  # The target of the plain relay, with a policy that secures whatever comes.
  python3 - "$GATEPOST_BENCH/gatepost-smtp.json" >"$work/secured.json" <<'PY' || return 1
import json, sys
target = json.load(open(sys.argv[1]))
target["name"] = "gatepost-secured"
target["files"]["{dir}/policy.yaml"] = ["policy: all\n", "default: secure\n", "on_error: secure\n", "rules: []\n"]
print(json.dumps(target))
PY
  against "$work/secured.json" direct,postfix+milter-replace,gatepost-secured "${PROFILES:-s20-5k}"
}

fsyncs() {
  harness "fsyncs per mail" || return 0
  (cd "$GATEPOST_BENCH" && python3 bench.py fsyncs --add gatepost-smtp.json --targets postfix,gatepost) &&
    deploy/bench_table.py <"$BENCH_DIR/results.jsonl"
}

idle() {
  idle_smtp
  idle_imap
}

idle_smtp() {
  harness "idle connections" || return 0
  (cd "$GATEPOST_BENCH" && python3 bench.py idle --add gatepost-smtp.json --targets postfix-tuned,gatepost) &&
    deploy/bench_table.py <"$BENCH_DIR/results.jsonl"
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

imap() {
  harness "beside Dovecot" || return 0
  (
    cd "$GATEPOST_BENCH" || exit 1
    sed 's/seq 1 100/seq 1 2/' gatepost-imap.json >"$work/gatepost-imap.json" # who logs in here; each password is hashed
    python3 bench.py imap --add "$work/gatepost-imap.json" --targets dovecot-mdbox,gatepost-imap --messages "${MESSAGES:-10000}" --runs "${RUNS:-1}" &&
      python3 bench.py table
  ) && imap_bounds <"$BENCH_DIR/results.jsonl"
}

idle_imap() {
  harness "idle beside Dovecot" || return 0
  (
    cd "$GATEPOST_BENCH" || exit 1
    python3 bench.py idle --add gatepost-imap.json --targets dovecot-mdbox,gatepost-imap --runs "${RUNS:-1}" &&
      python3 bench.py table
  ) && imap_bounds <"$BENCH_DIR/results.jsonl"
}

# imap_bounds reads the harness' results: the aims, in seconds of CPU of the
# server, and what a row cannot get past.
imap_bounds() {
  python3 -c '
import json, os, statistics, sys
rows = [json.loads(l) for l in sys.stdin]
def med(target, key, **has):
    v = [r[key] for r in rows if r["target"] == target and r.get(key) is not None and not r.get("error") and all(r.get(k) == x for k, x in has.items())]
    return statistics.median(v) if v else None
us, them, cores = "gatepost-imap", "dovecot-mdbox", os.cpu_count()
shown = []
for what, aim, why in (
    ("append 10k, 1 conn", "", "one key to seal and one commit to a message; the next waits for it"),
    ("append 10k, 4 conns", "", "one key to seal to a message; commits are shared"),
    ("list ENVELOPE, first", "", "a record of its own to open for each message"),
    ("list ENVELOPE, again", "1", "lines kept ready; memory and the network"),
    ("list FLAGS", "", "memory and the network"),
    ("fetch bodies, 1 conn", "1", "one key to open to a message, the first time"),
    ("fetch bodies, 4 conns", "1", "four sealed records to open for each message"),
    ("fetch one by one", "1", "four sealed records to open for each message; a round trip each"),
    ("select", "", "the view of the folder is shared"),
):
    a, b = med(us, "cpu_s", what=what), med(them, "cpu_s", what=what)
    if a is None:
        continue
    secs, other = med(us, "secs", what=what) or 0, med(us, "foreign", what=what) or 0
    busy = a / secs / cores if secs else 0
    noise = f"; other work took {other:.0%}" if other > 0.12 else ""
    ratio = f"{a / b:.2f}" if b else "-"
    theirs = f"{b:.2f}" if b is not None else "-"
    shown.append(f"| {what} | {a:.2f} | {theirs} | {ratio} | {aim} | CPU {busy:.0%} of {cores} cores: {why}{noise} |")
if shown:
    print("\n| operation | CPU s | of Dovecot | ratio | aim | bounded by |\n|---|---|---|---|---|---|")
    print("\n".join(shown))
a, b = med(us, "mib_per_1000", proto="imap"), med(them, "mib_per_1000", proto="imap")
if a is not None:
    ratio, theirs = (f"{a / b:.3f}", f"{b:.0f}") if b else ("-", "-")
    print(f"\n| idle | MiB a 1,000 | of Dovecot | ratio | aim | bounded by |\n|---|---|---|---|---|---|\n| connections | {a:.0f} | {theirs} | {ratio} | 0.1 | stacks of goroutines and the buffers of a connection |")
'
}

echo "go $(go env GOVERSION), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
case "${1:-all}" in
binary | packages | viewer | postfix | policy | secured | fsyncs | idle | smpp | imap) "$1" ;;
all) binary; packages; viewer; postfix; policy; secured; fsyncs; idle; smpp; imap ;;
*) sed -n '2,21p' "$0"; exit 64 ;;
esac
