# shellcheck shell=bash
# Sourced by the scripts beside it, with `set -euo pipefail` and the root of the
# tree as working directory: building, and clusters that always get stopped.

quorate=${QUORATE:-build/release/bin/quorate}

# build TARGET...: a release build of these targets. A directory that is there
# stays configured as it is; a new one compiles many sources in one go, as
# tests/run.sh does.
build() {
  local log together=()
  if [ ! -e build/release/CMakeCache.txt ]; then
    together=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16)
  fi
  log=$(mktemp)
  cmake --preset release "${together[@]}" >"$log" 2>&1 ||
    { cat "$log" >&2; rm "$log"; return 1; }
  rm "$log"
  cmake --build build/release --target "$@"
}

# need_numbers FLAG VALUE: what a flag was given reaches awk, sed and
# gnuplot, which take a text apart: only numbers may. VALUE may hold several.
need_numbers() {
  local number
  for number in $2; do
    [[ $number =~ ^[0-9]+(\.[0-9]+)?$ ]] && continue
    echo "$1 $2: \"$number\" is no number" >&2
    exit 2
  done
}

# new_directory PREFIX: creates and prints out/PREFIX-<time>.
new_directory() {
  local name directory n=1
  name=out/$1-$(date +%Y%m%d-%H%M%S)
  directory=$name
  while ! mkdir -p "$(dirname "$directory")" || ! mkdir "$directory" 2>/dev/null; do
    n=$((n + 1))
    directory=$name-$n
    [ "$n" -lt 100 ] || { echo "cannot create $name" >&2; return 1; }
  done
  echo "$directory"
}

cluster=""

# start_cluster DIRECTORY NODES DURABILITY [OPTION...]: sets $cluster; the
# options are those of "quorate local up".
start_cluster() {
  cluster=$1
  "$quorate" local up --dir "$1" --nodes "$2" --durability "$3" "${@:4}"
}

# Stops the nodes that are recorded in $cluster, and nothing else.
stop_cluster() {
  [ -n "$cluster" ] || return 0
  "$quorate" local down --dir "$cluster" >/dev/null || true
  cluster=""
}
trap stop_cluster EXIT
# A signal ends the script, which runs the trap above.
trap 'exit 130' INT
trap 'exit 143' TERM
