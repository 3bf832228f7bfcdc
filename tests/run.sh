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

# run PRESET [TARGET ...]: builds a preset (or only these targets of it) and runs
# the tests that it has.
run() {
  local preset=$1 report="build/$1/junit.xml"
  shift
  echo "== $preset: configure and build"
  mkdir -p "build/$preset"
  # Many sources in one go share what they include and instantiate: a clean
  # build takes half of the time.
  cmake --preset "$preset" -DCMAKE_UNITY_BUILD=ON \
    -DCMAKE_UNITY_BUILD_BATCH_SIZE=16 >"build/$preset/configure.log" 2>&1 ||
    { cat "build/$preset/configure.log"; return 1; }
  cmake --build "build/$preset" -j "$jobs" ${@:+--target "$@"}
  echo "== $preset: tests"
  rm -f "$report"
  # Targets that were not built show up as tests of that name.
  ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure \
    --timeout 300 -E _NOT_BUILT --output-junit "$PWD/$report" || true
  # A test that did not run has not passed.
  local tests successes
  tests=$(grep -c '<testcase ' "$report" || true)
  successes=$(grep -c '<testcase .* status="run"' "$report" || true)
  passed=$((passed + successes))
  failed=$((failed + tests - successes))
}

run release
if [ "$quick" = no ]; then
  # Memory and undefined behaviour, where bytes from outside, threads' hand-overs
  # and pointers into shared batches are handled.
  run asan quorate_wire_test fuzz_peer_frame fuzz_client_frame fuzz_record \
    fuzz_frame_reader fuzz_machine fuzz_config storage_test executor_test \
    epaxos_test replica_test sessions_test shell_test node_test
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
