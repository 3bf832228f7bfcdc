#!/usr/bin/env bash
# Throughput and latency, interval by interval, while one of three nodes is
# killed with SIGKILL and started again: what clients see of a crash.
#
#   bash experiments/kill_picture.sh [--rate N] [--conflict PERCENT]
#        [--seconds N] [--victim N]
#
# Draws timeline.svg and .png beside the result.json they are made from and
# prints the longest time without any answer. Needs gnuplot for the pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

rate=5000
conflict=0
seconds=9
victim=2
while [ $# -gt 0 ]; do
  case $1 in
    --rate) rate=${2:?N}; shift 2 ;;
    --conflict) conflict=${2:?PERCENT}; shift 2 ;;
    --seconds) seconds=${2:?N}; shift 2 ;;
    --victim) victim=${2:?N}; shift 2 ;;
    *) echo "usage: kill_picture.sh [--rate N] [--conflict PERCENT]" \
         "[--seconds N] [--victim N]" >&2
       exit 2 ;;
  esac
done

. experiments/common.sh
need_numbers --rate "$rate"
need_numbers --conflict "$conflict"
need_numbers --seconds "$seconds"
need_numbers --victim "$victim"
build quorate >&2
directory=$(new_directory kill)
start_cluster "$directory/cluster" 3 fsync >&2

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
marks=""
# mark TEXT: it happens now. The window starts after a warm-up of one second.
mark() {
  local at_ms=$(($(now_ms) - started_ms - 1000))
  marks+="${marks:+, }{\"at_s\": $((at_ms / 1000)).$(printf %03d \
    $((at_ms % 1000))), \"text\": \"$1\"}"
}

started_ms=$(now_ms)
"$quorate" bench --config "$directory/cluster/cluster.toml" --rate "$rate" \
  --conflict "$conflict" --warmup 1 --duration "$seconds" --timeline-ms 100 \
  --quiet --out "$directory/result.json" >"$directory/bench.txt" &
bench=$!
sleep $((1 + seconds / 3))
mark "r$victim killed"
"$quorate" local kill "$victim" --dir "$directory/cluster" >&2
sleep $((seconds / 3))
mark "and started"
"$quorate" local start "$victim" --dir "$directory/cluster" >&2
wait "$bench"
sed -i "1s/{/{\"marks\": [$marks],/" "$directory/result.json"
stop_cluster
rm -rf "$directory/cluster"

grep -oE '"longest_silence_ms": *[0-9.]+' "$directory/result.json" | head -n 1
"$quorate" report "$directory/result.json" --out "$directory" >"$directory/report.txt"
echo "saved $directory/timeline.svg" >&2
