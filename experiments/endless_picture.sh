#!/usr/bin/env bash
# Memory and disk of three nodes, second by second, under load that does not end:
# does what they keep level off?
#
#   bash experiments/endless_picture.sh [--minutes N] [--conflict PERCENT]
#        [--clients N] [--pipeline N]
#
# With --conflict 100 every command goes to one key. Samples what the kernel says
# of each process and of each data folder, and prints the largest values of the
# second minute and of the last one: they should be alike. Draws endless.svg and
# .png beside samples.tsv and result.json. Needs gnuplot for the pictures.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=10
conflict=0
clients=120
pipeline=100
usage() {
  echo "usage: endless_picture.sh [--minutes N] [--conflict PERCENT]" \
    "[--clients N] [--pipeline N]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --minutes) minutes=$2 ;;
    --conflict) conflict=$2 ;;
    --clients) clients=$2 ;;
    --pipeline) pipeline=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[[ $minutes =~ ^[0-9]+$ ]] && [ "$minutes" -ge 3 ] || {
  echo "--minutes $minutes: at least 3, so that the second and the last can be" \
    "compared" >&2
  exit 2
}

. experiments/common.sh
need_numbers --conflict "$conflict"
need_numbers --clients "$clients"
need_numbers --pipeline "$pipeline"
build quorate >&2
directory=$(new_directory endless)
start_cluster "$directory/cluster" 3 fsync >&2

"$quorate" bench --config "$directory/cluster/cluster.toml" \
  --clients "$clients" --pipeline "$pipeline" --conflict "$conflict" --warmup 0 \
  --duration $((minutes * 60)) --quiet --out "$directory/result.json" \
  >"$directory/bench.txt" &
bench=$!

memory_mib() {
  awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' \
    "/proc/$(head -n 1 "$directory/cluster/r$1.pid")/status"
}
# A file may go while it is looked at.
disk_mib() {
  { du -s --block-size=1 "$directory/cluster/r$1" 2>/dev/null || true; } |
    awk '{ printf "%.1f", $1 / 1048576 }'
}

samples=$directory/samples.tsv
printf 's\tr1 MiB\tr2 MiB\tr3 MiB\tr1 disk\tr2 disk\tr3 disk\n' >"$samples"
SECONDS=0
minute=1
while sleep 1 && kill -0 "$bench" 2>/dev/null; do
  line=$SECONDS
  for node in 1 2 3; do line+=$'\t'$(memory_mib "$node"); done
  for node in 1 2 3; do line+=$'\t'$(disk_mib "$node"); done
  echo "$line" >>"$samples"
  if [ "$SECONDS" -ge $((minute * 60)) ]; then
    echo "$minute of $minutes minutes" >&2
    minute=$((minute + 1))
  fi
done
wait "$bench" || { cat "$directory/bench.txt" >&2; exit 1; }
stop_cluster
rm -rf "$directory/cluster"

# largest FROM TO: of both kinds, over all nodes, in these seconds.
largest() {
  awk -F '\t' -v from="$1" -v to="$2" '
    NR > 1 && $1 > from && $1 <= to {
      for (i = 2; i <= 4; ++i) if ($i > memory) memory = $i
      for (i = 5; i <= 7; ++i) if ($i > disk) disk = $i
    }
    END { printf "%.0f MiB of memory, %.0f MiB of disk\n", memory, disk }' \
    "$samples"
}
grep -m 1 -oE '"throughput_ops_s": *[0-9.]+' "$directory/result.json"
echo "second minute: $(largest 60 120)"
echo "last minute:   $(largest $((minutes * 60 - 60)) $((minutes * 60)))"

command -v gnuplot >/dev/null || {
  echo "no picture: gnuplot is not installed" >&2
  exit 0
}
for terminal in "svg size 900,600" "pngcairo size 900,600"; do
  extension=${terminal%%[ c]*}
  gnuplot <<END
set terminal $terminal font "sans,11"
set output "$directory/endless.$extension"
set datafile separator "\t"
set multiplot layout 2,1 title "Three nodes, $clients x $pipeline outstanding, \
$conflict % conflicts"
set grid
set key bottom right
set yrange [0:*]
set ylabel "memory, MiB"
plot for [i=2:4] "$samples" using 1:i with lines title "r".(i-1)
set ylabel "disk, MiB"
set xlabel "seconds"
plot for [i=5:7] "$samples" using 1:i with lines title "r".(i-4)
END
done
echo "saved $directory/endless.svg" >&2
