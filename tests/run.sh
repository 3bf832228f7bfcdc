#!/usr/bin/env bash
# Installs what is missing, builds, and passes every test. Safe to run again and
# again; needs root (or sudo) only if a package is missing.
#
#   bash tests/run.sh            everything that belongs to default CI
#   bash tests/run.sh --quick    unit tests of a release build only, without those
#                                of experiments
#
# Everything is: a release build (g++, its warnings are errors) with simulator,
# explorer, whole clusters and what measures, and the unit tests under sanitizers
# (clang, which compiles them in half of the time).
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
case "${1:-}" in
  "") ;;
  --quick) quick=yes ;;
  *) echo "usage: bash tests/run.sh [--quick]" >&2; exit 2 ;;
esac

bash experiments/install_packages.sh $([ "$quick" = yes ] || echo --tests)
jobs=$(nproc)
passed=0
failed=0

# run PRESET LABEL OPTION...: builds a preset and runs its tests, or only the
# target and the tests of that name, unless it is empty.
run() {
  local preset=$1 label=$2 report="build/$1/junit.xml" began=$SECONDS
  shift 2
  echo "== $preset: configure and build"
  mkdir -p "build/$preset"
  # Many sources in one go share what they include and instantiate: a clean
  # build takes half of the time.
  cmake --preset "$preset" -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 "$@" >"build/$preset/configure.log" 2>&1 ||
    { cat "build/$preset/configure.log"; return 1; }
  cmake --build "build/$preset" -j "$jobs" ${label:+--target "$label"}
  echo "== $preset: tests (built in $((SECONDS - began)) s)"
  began=$SECONDS
  rm -f "$report"
  # A program that was not built shows up as a test that fails. One more than
  # there are cores: some wait for clusters.
  ctest --test-dir "build/$preset" -j "$((jobs + 1))" --output-on-failure \
    --timeout 300 ${label:+-L "^$label\$"} --output-junit "$PWD/$report" || true
  # A test that did not run has not passed.
  local tests successes
  tests=$(grep -c '<testcase ' "$report" || true)
  successes=$(grep -c '<testcase .* status="run"' "$report" || true)
  passed=$((passed + successes))
  failed=$((failed + tests - successes))
  echo "== $preset: $successes of $tests tests passed in $((SECONDS - began)) s"
}

# Warnings are errors here, and for nobody who only builds it.
if [ "$quick" = yes ]; then
  run release unit -DQUORATE_WERROR=ON -DQUORATE_EXPERIMENTS=OFF \
    -DQUORATE_SANITIZED_TESTS=ON
else
  run release "" -DQUORATE_WERROR=ON -DQUORATE_EXPERIMENTS=ON \
    -DQUORATE_SANITIZED_TESTS=OFF
  run asan sanitized
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
