#!/usr/bin/env bash
# Two builds of quorate in turn, row by row of the speed table, and the ratio of
# their medians: has a change cost anything?
#
#   bash experiments/compare_builds.sh OLD NEW [--seconds N] [--rounds N]
#                                      [--rows "LABEL ..."]
#   bash experiments/compare_builds.sh ../before/build/release/bin/quorate \
#     build/release/bin/quorate --rounds 5
#
# OLD and NEW are programs. Each round of a row begins a cluster of its own with
# each, the one that goes first changing from round to round. Three nodes, puts of
# 16 bytes. Rows: memory-12000, fsync-12000, fsync-256, fsync-1.
set -euo pipefail

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
  exit "$1"
}
[ "${1:-}" != --help ] || usage 0
[ $# -ge 2 ] || usage 2
old=$(realpath "$1")
new=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."

seconds=5
rounds=5
rows="memory-12000 fsync-12000 fsync-256 fsync-1"
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift 2 ;;
    --rounds) rounds=${2:?N}; shift 2 ;;
    --rows) rows=${2:?LABELS}; shift 2 ;;
    *) usage 2 ;;
  esac
done
for program in "$old" "$new"; do
  [ -x "$program" ] || { echo "$program is no program; build it first" >&2; exit 2; }
done

. experiments/common.sh
need_numbers --seconds "$seconds"
need_numbers --rounds "$rounds"
directory=$(new_directory builds)

# measure PROGRAM LABEL PLACE: prints the throughput in commands a second.
measure() {
  local quorate=$1 durability=${2%-*} clients pipeline run=$3
  case $2 in
    *-12000) clients=120 pipeline=100 ;;
    *-256) clients=256 pipeline=1 ;;
    *-1) clients=1 pipeline=1 ;;
    *) echo "no row \"$2\"; rows are memory-12000, fsync-12000, fsync-256," \
         "fsync-1" >&2
       return 2 ;;
  esac
  mkdir -p "$run"
  start_cluster "$run/cluster" 3 "$durability" >&2
  "$quorate" bench --config "$run/cluster/cluster.toml" --clients "$clients" \
    --pipeline "$pipeline" --warmup 1 --duration "$seconds" --quiet \
    --out "$run/result.json" >"$run/bench.txt"
  stop_cluster
  rm -rf "$run/cluster"
  sed -n 's/.*"throughput_ops_s": *\([0-9.]*\).*/\1/p' "$run/result.json"
}

# median NUMBER...
median() {
  printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

echo "| row | old, median commands/s | new | new / old | pairs in which new was faster |"
echo "|---|---|---|---|---|"
for row in $rows; do
  olds=() news=() faster=0
  for round in $(seq "$rounds"); do
    echo "== $row, round $round of $rounds" >&2
    if [ $((round % 2)) -eq 1 ]; then
      a=$(measure "$old" "$row" "$directory/$row $round old")
      b=$(measure "$new" "$row" "$directory/$row $round new")
    else
      b=$(measure "$new" "$row" "$directory/$row $round new")
      a=$(measure "$old" "$row" "$directory/$row $round old")
    fi
    olds+=("$a") news+=("$b")
    if awk "BEGIN { exit !($b > $a) }"; then faster=$((faster + 1)); fi
  done
  a=$(median "${olds[@]}") b=$(median "${news[@]}")
  printf '| %s | %.0f | %.0f | %.3f | %d of %d |\n' "$row" "$a" "$b" \
    "$(awk "BEGIN { print $b / $a }")" "$faster" "$rounds"
done | tee "$directory/table.md"
echo "saved $directory/table.md" >&2
