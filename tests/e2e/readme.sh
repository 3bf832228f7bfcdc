#!/usr/bin/env bash
# Executes every ```sh block of the README, in order, as a newcomer would, in a
# folder of its own. Usage: readme.sh README BUILD_DIRECTORY
set -euo pipefail
readme=$1
build=$2

folder=$(mktemp -d)
finish() {
  local cluster
  for cluster in "$folder"/out/*/cluster.toml; do
    [ -e "$cluster" ] || continue
    "$build/bin/quorate" local down --dir "${cluster%/*}" >/dev/null 2>&1 || true
  done
  rm -rf "$folder"
}
trap finish EXIT

mkdir "$folder/build"
ln -s "$build" "$folder/build/release"
awk '/^```sh$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$readme" \
  >"$folder/commands.sh"
[ -s "$folder/commands.sh" ] || { echo "no sh block in $readme" >&2; exit 1; }
cd "$folder"
bash -euxo pipefail commands.sh
