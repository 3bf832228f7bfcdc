#!/usr/bin/env bash
# What one node in trouble costs the other two: their throughput beside a node
# whose disk takes 200 ms a sync, and their memory beside a node that is stopped.
#
#   bash experiments/trouble_table.sh [--seconds N] [--pipeline N]
#
# Clients are at the two nodes that are well. All rows of a kind come from one
# cluster, one after the other. N seconds a row (default 5); the peer is stopped
# for 60 s.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=5
pipelines="1 100"
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift 2 ;;
    --pipeline) pipelines=${2:?N}; shift 2 ;;
    *) echo "usage: trouble_table.sh [--seconds N] [--pipeline N]" >&2; exit 2 ;;
  esac
done

. experiments/common.sh
need_numbers --seconds "$seconds"
need_numbers --pipeline "$pipelines"
build quorate chaos_disk_trouble >&2
directory=$(new_directory trouble)

# load PIPELINE: 32 clients at r1 and 32 at r2; prints commands/s of both.
load() {
  local node benches=()
  for node in r1 r2; do
    "$quorate" bench --config "$cluster/cluster.toml" --node "$node" \
      --clients 32 --pipeline "$1" --key-prefix "$node." --warmup 1 \
      --duration "$seconds" --quiet --force --out "$directory/$node.json" \
      >"$directory/$node.txt" &
    benches+=("$!")
  done
  wait "${benches[@]}"
  cat "$directory/r1.json" "$directory/r2.json" |
    awk -F '[:,]' '/"throughput_ops_s"/ { sum += $2 } END { printf "%.0f", sum }'
}

memory_mib() {
  awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' \
    "/proc/$(head -n 1 "$cluster/r$1.pid")/status"
}

echo "| node 3 | outstanding | commands/s at nodes 1 and 2 |"
echo "|---|---|---|"
for pipeline in $pipelines; do
  start_cluster "$directory/slow-$pipeline" 3 fsync >&2
  row() { echo "| $1 | 64 x $pipeline | $(load "$pipeline") |"; }
  row "well"
  row "well"
  "$quorate" local kill 3 --dir "$cluster" >&2
  row "dead"
  LD_PRELOAD=build/release/tests/chaos/libchaos_disk_trouble.so \
    CHAOS_SYNC_MS=200 "$quorate" local start 3 --dir "$cluster" >&2
  row "200 ms a sync"
  row "200 ms a sync"
  stop_cluster
done

start_cluster "$directory/stopped" 3 fsync >&2
"$quorate" bench --config "$cluster/cluster.toml" --node r1 --clients 64 \
  --pipeline 100 --warmup 0 --duration 75 --quiet \
  --out "$directory/stopped.json" >"$directory/stopped.txt" &
bench=$!
sleep 10
before=$(memory_mib 1)
"$quorate" local pause 3 --dir "$cluster" >&2
largest=0
for ((second = 0; second < 60; ++second)); do
  sleep 1
  now=$(memory_mib 1)
  [ "$now" -le "$largest" ] || largest=$now
done
"$quorate" local resume 3 --dir "$cluster" >&2
wait "$bench"
echo
echo "memory of node 1 at full load: $before MiB with all well, at most" \
  "$largest MiB while node 3 was stopped for 60 s"
stop_cluster
