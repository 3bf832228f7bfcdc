#!/usr/bin/env bash
# Measures the tables of FIGURES.md again and puts them in their places there,
# with the date, the machine and the build they are of. What is written between
# the tables stays.
#
#   bash experiments/figures.sh                   all three: about 20 minutes
#   bash experiments/figures.sh speed protocols   these (speed, etcd, protocols)
#   bash experiments/figures.sh --seconds 2       less time a row
#   bash experiments/figures.sh --print           to standard output, page untouched
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=5
page=experiments/FIGURES.md
print=no
tables=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift ;;
    --print) print=yes ;;
    speed | etcd | protocols) tables+=("$1") ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
[ ${#tables[@]} -gt 0 ] || tables=(speed etcd protocols)

measure() {
  case $1 in
    speed) bash experiments/speed_table.sh --seconds "$seconds" ;;
    etcd) bash experiments/compare_etcd.sh --seconds "$seconds" --rounds 3 ;;
    protocols) bash experiments/protocols.sh --seconds "$seconds" ;;
  esac
}

# put TABLE FILE: the file's text between the two marks of that table.
put() {
  awk -v begin="<!-- $1 -->" -v end="<!-- end of $1 -->" -v file="$2" '
    $0 == begin { print; while ((getline line < file) > 0) print line; skip = 1; found = 1 }
    $0 == end { skip = 0 }
    !skip { print }
    END { if (!found) exit 1 }' "$page" >"$page.new" || {
    rm -f "$page.new"
    echo "$page has no line <!-- $1 -->; put one where the table belongs" >&2
    return 1
  }
  mv "$page.new" "$page"
}

text=$(mktemp)
trap 'rm -f "$text"' EXIT
for table in "${tables[@]}"; do
  measure "$table" >"$text.table"
  {
    echo
    echo "$(date +%F), $(git describe --always --dirty), $(nproc) cores of" \
      "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $seconds s a row:"
    echo
    cat "$text.table"
    echo
  } >"$text"
  rm -f "$text.table"
  if [ "$print" = yes ]; then cat "$text"; else put "$table" "$text"; fi
done
