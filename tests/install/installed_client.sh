#!/usr/bin/env bash
# Takes the example of the client library's README as a stranger would: installs
# what was built into a temporary folder, builds the example against that, and
# runs it with a cluster of the installed program.
# Usage: installed_client.sh SOURCE_DIRECTORY BUILD_DIRECTORY COMPILER
set -euo pipefail
source=$1
build=$2
compiler=$3

folder=$(mktemp -d)
finish() {
  if [ -e "$folder/cluster/cluster.toml" ]; then
    "$folder/prefix/bin/quorate" local down --dir "$folder/cluster" >/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

# block LANGUAGE: the README's blocks of that language.
block() {
  awk -v fence="\`\`\`$1" '$0 == fence {inside = 1; next}
    /^```$/ {inside = 0} inside' "$source/replica/client/README.md"
}

mkdir "$folder/example"
block cmake >"$folder/example/CMakeLists.txt"
block cpp >"$folder/example/main.cc"
[ -s "$folder/example/main.cc" ] || { echo "the README has no example" >&2; exit 1; }

cmake --install "$build" --prefix "$folder/prefix" >"$folder/install.log" ||
  { cat "$folder/install.log" >&2; exit 1; }
# A client needs neither a store nor a protocol.
if grep -E 'sqlite|_store|_epaxos|_bpaxos|_multipaxos|_replica\b|_node\b' \
  "$folder"/prefix/lib*/cmake/quorate/quorate_targets*.cmake \
  "$folder"/prefix/lib*/*/cmake/quorate/quorate_targets*.cmake 2>/dev/null; then
  echo "the installed client library is linked with parts of a node" >&2
  exit 1
fi

cmake -S "$folder/example" -B "$folder/example/build" \
  -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$folder/prefix" \
  >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log" >&2; exit 1; }
cmake --build "$folder/example/build"

"$folder/prefix/bin/quorate" local up --nodes 3 --dir "$folder/cluster"
for expected in 1 2; do
  output=$("$folder/example/build/visits" "$folder/cluster/cluster.toml")
  [ "$output" = "visits: $expected" ] ||
    { echo "the example printed \"$output\", expected \"visits: $expected\"" >&2; exit 1; }
done
# What it says of a cluster that is not there.
"$folder/prefix/bin/quorate" local down --dir "$folder/cluster" >/dev/null
if "$folder/example/build/visits" "$folder/nowhere.toml" 2>"$folder/error"; then
  echo "the example succeeded without a file" >&2
  exit 1
fi
grep -q 'nowhere.toml' "$folder/error"
