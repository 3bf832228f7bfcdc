#!/usr/bin/env bash
# Installs what is missing, builds, and passes every test. Safe to run again and
# again; needs root (or sudo) only if a package is missing.
#
#   bash tests/run.sh            everything that belongs to default CI
#   bash tests/run.sh --quick    unit tests of a release build only
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
case "${1:-}" in
  "") ;;
  --quick) quick=yes ;;
  *) echo "usage: bash tests/run.sh [--quick]" >&2; exit 2 ;;
esac

bash experiments/install_packages.sh
jobs=$(nproc)
passed=0
failed=0

# run PRESET REGEX: builds one preset and runs the tests whose names match.
run() {
  local preset=$1 filter=$2 report
  echo "== $preset: configure and build"
  cmake --preset "$preset" >"build-$preset.log" 2>&1 ||
    { cat "build-$preset.log"; return 1; }
  rm -f "build-$preset.log"
  cmake --build "build/$preset" -j "$jobs"
  echo "== $preset: tests"
  report="build/$preset/junit.xml"
  rm -f "$report"
  ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure \
    --timeout 300 -R "$filter" --output-junit "$PWD/$report" || true
  local tests failures
  tests=$(sed -n 's/.*<testsuite .*tests="\([0-9]*\)".*/\1/p' "$report" | head -n 1)
  [ -n "$tests" ] || tests=$(grep -c '<testcase ' "$report")
  failures=$(grep -c '<failure' "$report" || true)
  passed=$((passed + tests - failures))
  failed=$((failed + failures))
}

run release '.'
if [ "$quick" = no ]; then
  # Memory and undefined behaviour: everything but the end-to-end runs.
  run asan '^(?!E2e)'
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
