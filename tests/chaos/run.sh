#!/usr/bin/env bash
# Real nodes, real faults, recorded histories. See README.md.
#
#   bash tests/chaos/run.sh                         the short mix of default CI
#   bash tests/chaos/run.sh --nemesis kill_one --seed 7 --seconds 20 --nodes 5
#   bash tests/chaos/run.sh --soak                  everything, 3 and 5 nodes
#   bash tests/chaos/run.sh --protocol multipaxos   any of these, another protocol
#
# --keep leaves the folder with histories and logs. Exit code 0: every promise
# was kept.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
original=("$@")

seed=$((RANDOM + 1))
seconds=""
nodes=""
wanted=""
mode=mix
keep=no
protocol=epaxos
build=$here/../../build/release
usage() {
  echo "usage: run.sh [--nemesis NAME[,NAME]] [--seed N] [--seconds N]" \
    "[--nodes N] [--protocol P] [--soak] [--keep] [--build FOLDER]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --nemesis) wanted=${2:?NAME}; mode=one; shift 2 ;;
    --seed) seed=${2:?N}; shift 2 ;;
    --seconds) seconds=${2:?N}; shift 2 ;;
    --nodes) nodes=${2:?N}; shift 2 ;;
    --protocol) protocol=${2:?P}; shift 2 ;;
    --build) build=${2:?FOLDER}; shift 2 ;;
    --soak) mode=soak; shift ;;
    --keep) keep=yes; shift ;;
    *) usage ;;
  esac
done
quorate=$build/bin/quorate
lincheck=$build/tests/lincheck/quorate-lincheck
disk_trouble=$build/tests/chaos/libchaos_disk_trouble.so

# Everything happens in namespaces of mounts and processes that end with this
# script, however it ends: no process, mount or network is left behind.
if [ -z "${CHAOS_NAMESPACES:-}" ]; then
  own=(unshare --mount --pid --fork --kill-child --mount-proc)
  export CHAOS_NAMESPACES=yes
  if command -v ip nft >/dev/null; then
    if "${own[@]}" true 2>/dev/null; then
      exec "${own[@]}" bash "${BASH_SOURCE[0]}" "${original[@]}" --seed "$seed"
    fi
    if "${own[@]}" --map-root-user true 2>/dev/null; then
      exec "${own[@]}" --map-root-user bash "${BASH_SOURCE[0]}" \
        "${original[@]}" --seed "$seed"
    fi
  fi
  export CHAOS_NAMESPACES=no
fi
namespaces=$CHAOS_NAMESPACES
RANDOM=$seed

. "$here/network.sh"
. "$here/nodes.sh"
. "$here/nemeses.sh"

network_nemeses=" partition_halves partition_isolated partition_one_way
  partition_ring partition_bridge reset loss disk_full "
every_nemesis="kill_one kill_minority kill_all pause rolling_restart
  partition_halves partition_isolated partition_one_way partition_ring
  partition_bridge reset loss slow_sync sync_error disk_full refusals wiped"

work=""
broken=0
cleanup() {
  stop_all_nodes
  [ -n "$work" ] && [ "$keep" = no ] && [ "$broken" = 0 ] || return 0
  umount "$work"/r? 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fault() { echo "$*" >>"$work/faults"; }

# load NAME SECONDS FLAG...: clients on a few hot keys of this nemesis.
load() {
  local name=$1 duration=$2
  shift 2
  in_hub "$quorate" bench --config "$config" --duration "$duration" --warmup 0 \
    --zipf 0.9 --keys 24 --key-prefix "$name." --quiet "$@" >/dev/null
}

# Reads every key at every node: what was acknowledged is there, everywhere.
read_everything() {
  local node
  for node in "${all_nodes[@]}"; do
    load "$1" 20 --reads 100 --operations 120 --clients 4 --node "r$node" \
      --seed "$node" --history "$work/reads.jsonl" --out "$work/reads.json" ||
      fault "the last reads at r$node failed"
    # Clients of their own.
    sed "s/\"c\":/\"c\":${node}000/" "$work/reads.jsonl" >>"$history"
  done
}

number_of() { # number_of FIELD FILE: the first such number of a result
  grep -oE "\"$1\": *[0-9.]+" "$2" | head -n 1 | grep -oE '[0-9.]+$' || echo 0
}

# run_nemesis NAME SECONDS: one row of the table.
run_nemesis() {
  local name=$1 duration=$2 node checked verdict=kept
  history=$work/$name.jsonl
  cycles=0
  : >"$work/faults"
  if [ "$namespaces" = no ] && [[ $network_nemeses == *" $name "* ]]; then
    printf '%-20s %5s  needs namespaces (root, ip, nft)\n' "$name" -
    return
  fi
  # Few blind adds: while a key stands still they pile up, and which of them a
  # later read has seen is a question of subset sums.
  load "$name" "$duration" --rate 1200 --clients 24 --reads 45 --cas 10 \
    --adds 2 --appends 5 --seed "$seed" --history "$history" \
    --out "$work/$name.json" 2>"$work/$name.err" &
  local loader=$!
  # The clients get to know the nodes; the last half second is without faults.
  last_ms 200
  deadline_ms=$(($(now_ms) + duration * 1000 - 700))
  "nemesis_$name"
  heal
  for node in "${all_nodes[@]}"; do
    [ -n "${process[$node]:-}" ] || start "$node" || true
  done
  wait "$loader" || fault "the clients ended with exit code $?"
  settle
  read_everything "$name"
  checked=0
  "$lincheck" --max-seconds 30 "$history" >"$work/$name.verdict" 2>&1 ||
    checked=$?
  case $checked in
    0) ;;
    3) verdict=undecided ;; # too many operations at once, for both checkers
    *) fault "the history is not linearizable: $work/$name.verdict" ;;
  esac
  if [ -s "$work/faults" ]; then
    verdict=BROKEN
    broken=$((broken + 1))
  fi
  printf '%-20s %5s %6s %10s %8s %12.0f  %s\n' "$name" "${#all_nodes[@]}" \
    "$cycles" "$(wc -l <"$history")" "$(grep -c '"unknown"' "$history" || true)" \
    "$(number_of longest_silence_ms "$work/$name.json")" "$verdict"
  [ "$verdict" != BROKEN ] || {
    sed 's/^/    /' "$work/faults"
    echo "    again: bash tests/chaos/run.sh --nemesis $name --seed $seed" \
      "--seconds $duration --nodes ${#all_nodes[@]} --protocol $protocol"
  }
}

# run_cluster NODES SECONDS NEMESIS[:SECONDS]...: on one cluster, one after the
# other.
run_cluster() {
  local count=$1 duration=$2 node name
  shift 2
  all_nodes=($(seq "$count"))
  minority=$(((count - 1) / 2))
  work=$(mktemp -d "${TMPDIR:-/tmp}/quorate-chaos-XXXXXX")
  config=$work/cluster.toml
  network_up
  write_config
  for node in "${all_nodes[@]}"; do start "$node"; done
  for name in "$@"; do
    case $name in
      *:*) run_nemesis "${name%:*}" "${name#*:}" ;;
      *) run_nemesis "$name" "$duration" ;;
    esac
  done
  for node in "${all_nodes[@]}"; do stop_node "$node"; done
  if [ "$broken" = 0 ] && [ "$keep" = no ]; then
    umount "$work"/r? 2>/dev/null || true
    rm -rf "$work"
  else
    echo "left in $work"
  fi
  network_down
}

echo "$protocol, seed $seed, namespaces: $namespaces"
printf '%-20s %5s %6s %10s %8s %12s  %s\n' nemesis nodes cycles operations \
  unknown "silence (ms)" "promises"
case $mode in
  one) run_cluster "${nodes:-3}" "${seconds:-10}" ${wanted//,/ } ;;
  mix)
    run_cluster 3 "${seconds:-2}" kill_one:10 kill_all:4 pause \
      partition_isolated partition_one_way reset loss sync_error disk_full \
      refusals wiped
    run_cluster 5 "${seconds:-2}" kill_minority:3 partition_halves
    ;;
  soak)
    for count in ${nodes:-3 5}; do
      run_cluster "$count" "${seconds:-60}" $every_nemesis
    done
    ;;
esac
[ "$broken" = 0 ]
