#!/usr/bin/env bash
# Many more seeds than default CI has, one after the other, at the lowest
# priority. It can be stopped at any time and goes on where it was.
#
#   bash tests/sim/soak.sh                            10,000 seeds a protocol
#   bash tests/sim/soak.sh --protocol bpaxos          of one protocol only
#   bash tests/sim/soak.sh --seeds 100 --first 50001 --dir out/short
#   bash tests/sim/soak.sh --show                     what has been found so far
#
# --seeds N      seeds a protocol, divided over the rows of the table below
# --first N      the first seed of every row; default CI has those up to 300
# --program F    another quorate-sim
# --dir D        where it keeps what it knows (out/sim-soak): `failures` has a
#                line that replays each failing seed, `reports` what it said,
#                `done` how far each row is, `figures` one line a piece of work
# Exit code 0: every seed ran and kept every promise.
set -euo pipefail
cd "$(dirname "$0")/../.."

seeds=10000 first=10001 wanted="" dir=out/sim-soak show=no
program=build/release/tests/sim/quorate-sim
usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' tests/sim/soak.sh; }
while [ $# -gt 0 ]; do
  case $1 in
    --seeds) seeds=${2:?N}; shift 2 ;;
    --first) first=${2:?N}; shift 2 ;;
    --protocol) wanted=${2:?P}; shift 2 ;;
    --program) program=${2:?F}; shift 2 ;;
    --dir) dir=${2:?D}; shift 2 ;;
    --show) show=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
for number in "$seeds" "$first"; do
  if ! [[ $number =~ ^[1-9][0-9]{0,8}$ ]]; then
    echo "soak.sh: \"$number\" is no number of seeds" >&2
    exit 2
  fi
done

# Of a thousand seeds of a protocol, so many in which worlds.
rows() {
  local rule
  for rule in epaxos atlas unanimous; do
    echo "epaxos 120 --replicas 3 --fast-path $rule"
    echo "epaxos 120 --replicas 5 --fast-path $rule"
    echo "epaxos 30 --replicas 7 --fast-path $rule"
  done
  cat <<END
epaxos 95 --replicas 3 --impatient
epaxos 95 --replicas 5 --impatient
bpaxos 200 --replicas 3 --roles together
bpaxos 200 --replicas 3 --roles separate
bpaxos 200 --replicas 5 --roles together
bpaxos 200 --replicas 5 --roles separate
bpaxos 100 --replicas 3 --impatient
bpaxos 100 --replicas 5 --impatient
multipaxos 450 --replicas 3
multipaxos 350 --replicas 5
multipaxos 100 --replicas 3 --impatient
multipaxos 100 --replicas 5 --impatient
END
}
# A row's seeds are run in so many pieces, a piece of each row in turn: who
# stops early has seen something of every row.
pieces=40

key_of() { tr -d ' ' <<<"$*"; }
done_through() { awk -v key="$1" '$1 == key { n = $2 } END { print n + 0 }' "$dir/done"; }

# piece PROTOCOL FIRST LAST OPTION...: a check that fails inside a machine ends
# the program; what comes before and after that seed is run all the same.
piece() {
  local protocol=$1 from=$2 to=$3 code=0 aborted said
  shift 3
  [ "$from" -le "$to" ] || return 0
  said=$(nice -n 19 "$program" --protocol "$protocol" "$@" \
    --seeds "$from..$to" 2>&1) || code=$?
  if [ "$code" -le 1 ]; then
    grep -h '^replay: ' <<<"$said" | sed 's/^replay: //' >>"$dir/failures" || true
    if [ "$code" -eq 1 ]; then printf '%s\n' "$said" >>"$dir/reports"; fi
    echo "$protocol $* $from..$to: $(grep -E '^[0-9]+ seeds, ' <<<"$said")" >>"$dir/figures"
    return 0
  fi
  aborted=$(grep -o '^replay: .*' <<<"$said" | grep -o -e '--seed=[0-9]*' | tail -1 | cut -d= -f2)
  if [ -z "$aborted" ]; then
    printf '%s\n' "$said" >&2
    echo "soak.sh: \"$program\" ended with $code in seeds $from..$to of $protocol $*" >&2
    exit 2
  fi
  grep '^replay: ' <<<"$said" | tail -1 | sed 's/^replay: //' >>"$dir/failures"
  printf '%s\n' "$said" >>"$dir/reports"
  echo "$protocol $* $aborted..$aborted: 1 seeds, 1 failed: a check inside a machine" >>"$dir/figures"
  piece "$protocol" "$from" $((aborted - 1)) "$@"
  piece "$protocol" $((aborted + 1)) "$to" "$@"
}

show() {
  # A piece that was cut off and run again counts once.
  sort -u "$dir/figures" | awk '
    { at = match($0, / [0-9]+\.\.[0-9]+: /)
      row = substr($0, 1, at - 1)
      split(substr($0, at + 1), range, /\.\.|: /)
      ran = range[2] - range[1] + 1
      failed = $0; sub(/.* seeds, /, "", failed); failed += 0
      operations = $0; if (!sub(/.* failed: /, "", operations)) operations = 0
      hours = $0; if (!sub(/.* faults [(][^)]*[)], /, "", hours)) hours = 0
      if (!(row in seeds)) { order[++rows] = row; low[row] = range[1] + 0 }
      if (range[1] + 0 < low[row]) low[row] = range[1] + 0
      if (range[2] + 0 > high[row]) high[row] = range[2] + 0
      seeds[row] += ran; fails[row] += failed
      done[row] += operations + 0; time[row] += hours + 0 }
    END {
      format = "%-46s %-14s %6s %7s %11s %9s\n"
      printf format, "worlds", "seeds", "ran", "failed", "operations", "hours"
      for (i = 1; i <= rows; ++i) {
        row = order[i]
        printf format, row, low[row] ".." high[row], seeds[row], fails[row], \
          done[row], sprintf("%.1f", time[row])
        split(row, word, " ")
        of[word[1]] += seeds[row]; bad[word[1]] += fails[row]
        answered[word[1]] += done[row]; hours_of[word[1]] += time[row] }
      for (protocol in of)
        printf format, "all of " protocol, "", of[protocol], bad[protocol], \
          answered[protocol], sprintf("%.1f", hours_of[protocol]) }'
  if [ -s "$dir/failures" ]; then
    echo "what failed, and how to run it again:"
    sort -u "$dir/failures"
  fi
}

mkdir -p "$dir"
touch "$dir/done" "$dir/failures" "$dir/figures"
if [ $show = yes ]; then show; exit 0; fi
if ! [ -x "$program" ]; then
  echo "soak.sh: no \"$program\"; cmake --build build/release --target quorate-sim" >&2
  exit 2
fi
exec 8>"$dir/lock"
flock -n 8 || { echo "soak.sh: another one works in \"$dir\"" >&2; exit 2; }

for ((part = 1; part <= pieces; ++part)); do
  while read -r protocol share options; do
    if [ -n "$wanted" ] && [ "$protocol" != "$wanted" ]; then continue; fi
    of_row=$((seeds * share / 1000))
    last=$((first + of_row * part / pieces - 1))
    from=$((first + of_row * (part - 1) / pieces))
    [ "$from" -le "$last" ] || continue
    key=$(key_of "$protocol" "$options")
    through=$(done_through "$key")
    if [ "$through" -ge "$from" ]; then from=$((through + 1)); fi
    [ "$from" -le "$last" ] || continue
    # shellcheck disable=SC2086  # options are words
    piece "$protocol" "$from" "$last" $options
    echo "$key $last" >>"$dir/done"
    printf '%s part %d of %d: %s %s through %d, %d failing seeds so far\n' \
      "$(date +%T)" "$part" "$pieces" "$protocol" "$options" "$last" \
      "$(sort -u "$dir/failures" | wc -l)"
  done < <(rows)
done
show
[ ! -s "$dir/failures" ]
