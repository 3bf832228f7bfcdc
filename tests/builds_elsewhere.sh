#!/usr/bin/env bash
# Builds the product and runs its unit tests on Debian 12 and 13, each from a
# minimal root of its own, with g++ and clang. Outside CI: it takes the time of
# four clean builds, a gigabyte or two of packages for each release, and root.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'END'
usage: sudo bash tests/builds_elsewhere.sh [OPTION]... [RELEASE/COMPILER]...

  bookworm/g++-12 bookworm/clang++-14 trixie/g++-14 trixie/clang++-19
                  what is built if nothing is named

  --mirror URL    where packages come from; else $QUORATE_MIRROR, else
                  http://deb.debian.org/debian
  --roots DIR     where the roots are kept, and used again
                  (default /var/tmp/quorate-roots)
  --jobs N        compilers at once (default: as many as there are cores)
  --compile-only  no tests
  --keep          keep the build directories, in the roots
  --help

What is built is the last commit, without -Werror: a newer compiler may warn of
more. A line a build says what came of it; the whole output is in DIR/*.log.
Exit codes: 0 all passed, 1 something did not, 2 wrong usage.
END
}

mirror=${QUORATE_MIRROR:-http://deb.debian.org/debian}
roots=/var/tmp/quorate-roots
jobs=$(nproc)
tests=yes
keep=no
builds=()
while [ $# -gt 0 ]; do
  case $1 in
    --help) usage; exit 0 ;;
    --mirror | --roots | --jobs)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      case $1 in
        --mirror) mirror=$2 ;;
        --roots) roots=$2 ;;
        --jobs) jobs=$2 ;;
      esac
      shift ;;
    --compile-only) tests=no ;;
    --keep) keep=yes ;;
    [a-z]*/*) builds+=("$1") ;;
    *) echo "unknown: $1; see --help" >&2; exit 2 ;;
  esac
  shift
done
[ ${#builds[@]} -gt 0 ] ||
  builds=(bookworm/g++-12 bookworm/clang++-14 trixie/g++-14 trixie/clang++-19)

[ "$(id -u)" -eq 0 ] || { echo "this needs root: sudo bash $0" >&2; exit 1; }
command -v debootstrap >/dev/null ||
  { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

inside() { # ROOT COMMAND...: in the root, with nothing of this machine's settings
  local root=$1
  shift
  env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} chroot "$root" "$@"
}

# The root of a release, with what a build needs but the compiler.
make_root() {
  local release=$1 root=$roots/$1
  if [ ! -e "$root/.complete" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase "$release" "$root" "$mirror"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    inside "$root" apt-get update -qq
    # What draws pictures and makes networks is not for compilers.
    inside "$root" apt-get install -y -qq --no-install-recommends \
      $(grep -vxE 'g\+\+|gnuplot-nox|nftables|iproute2|ccache|lld' \
        experiments/packages.txt)
    touch "$root/.complete"
  fi
}

package_of() { # g++-12 is a package of that name, clang++-14 is in clang-14
  case $1 in
    clang++*) echo "clang${1#clang++}" ;;
    *) echo "$1" ;;
  esac
}

# Units: programs that need neither networks nor minutes.
build_and_test() { # RELEASE COMPILER
  local release=$1 compiler=$2 root=$roots/$1
  make_root "$release"
  inside "$root" apt-get install -y -qq --no-install-recommends \
    "$(package_of "$compiler")"
  rm -rf "$root/quorate"
  mkdir "$root/quorate"
  git -c safe.directory="$PWD" archive HEAD | tar -x -C "$root/quorate"
  inside "$root" cmake -S /quorate -B /quorate/build -G Ninja \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=16
  inside "$root" cmake --build /quorate/build -j "$jobs"
  [ "$tests" = yes ] || return 0
  # The processor's own devices are enough.
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  local status=0
  inside "$root" bash -euc '
    cd /quorate/build
    count=0
    for test in tests/*/*_test; do
      case $test in */e2e_test | */node_test) continue ;; esac
      echo "== $test"
      "./$test" --gtest_brief=1
      count=$((count + 1))
    done
    [ "$count" -gt 0 ]
    echo "$count programs of unit tests passed"
  ' || status=$?
  umount "$root/proc"
  return "$status"
}

mkdir -p "$roots"
failed=0
for build in "${builds[@]}"; do
  log=$roots/${build//\//-}.log
  began=$SECONDS
  # In a shell of its own, so that the first failure ends this build alone.
  status=0
  (set -e; build_and_test "${build%%/*}" "${build#*/}") >"$log" 2>&1 &
  wait $! || status=$?
  if [ "$status" -eq 0 ]; then
    echo "$build: passed in $((SECONDS - began)) s ($(tail -n 1 "$log"))"
  else
    echo "$build: FAILED after $((SECONDS - began)) s; the end of $log:" >&2
    tail -n 20 "$log" >&2
    failed=1
  fi
  [ "$keep" = yes ] || rm -rf "$roots/${build%%/*}/quorate"
done
exit "$failed"
