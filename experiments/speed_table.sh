#!/usr/bin/env bash
# The project's speed table: three and five nodes and the client together on this
# machine, puts of 16 bytes, N seconds a row (default 10).
#
#   bash experiments/speed_table.sh [--seconds N] [--nodes 3|5]
#
# Prints a Markdown table; each row's result.json stays under out/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10
sizes="3 5"
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift 2 ;;
    --nodes) sizes=${2:?N}; shift 2 ;;
    *) echo "usage: speed_table.sh [--seconds N] [--nodes 3|5]" >&2; exit 2 ;;
  esac
done

. experiments/common.sh
need_numbers --seconds "$seconds"
need_numbers --nodes "$sizes"
build quorate >&2
directory=$(new_directory speed)
results=()

# row NODES DURABILITY CLIENTS PIPELINE CONFLICT: a cluster of its own for each
# row, so that no row pays for what an earlier one left behind.
row() {
  local nodes=$1 durability=$2 clients=$3 pipeline=$4 conflict=$5
  local run="$directory/$nodes nodes, $durability, $conflict % conflicts"
  run+=", $clients x $pipeline"
  mkdir -p "$run"
  echo "== ${run##*/}" >&2
  start_cluster "$run/cluster" "$nodes" "$durability" >&2
  if "$quorate" bench --config "$run/cluster/cluster.toml" \
    --clients "$clients" --pipeline "$pipeline" --conflict "$conflict" \
    --warmup 2 --duration "$seconds" --quiet --out "$run/result.json" \
    >"$run/bench.txt"; then
    results+=("$run/result.json")
  else
    echo "   failed: $run/bench.txt" >&2
  fi
  stop_cluster
  # Data of a durable run can be large; the figures are in result.json.
  rm -rf "$run/cluster"
}

for nodes in $sizes; do
  for conflict in 0 2 100; do row "$nodes" memory 120 100 "$conflict"; done
  row "$nodes" memory 12 100 0
  row "$nodes" fsync 120 100 0
  row "$nodes" fsync 256 1 0
  row "$nodes" fsync 1 1 0
done
"$quorate" report --table "${results[@]}" | tee "$directory/table.md"
echo "saved $directory/table.md" >&2
