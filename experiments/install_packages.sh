#!/usr/bin/env bash
# Installs the Debian packages that building and drawing need (packages.txt);
# with --tests those of the sanitized tests too (packages_tests.txt), with --peers
# those of the comparison with other stores (packages_peers.txt). Does nothing,
# and needs no root, when all are there.
set -euo pipefail
cd "$(dirname "$0")"

lists=(packages.txt)
case "${1:-}" in
  "") ;;
  --tests | --peers) lists+=("packages_${1#--}.txt") ;;
  *) echo "usage: install_packages.sh [--tests | --peers]" >&2; exit 2 ;;
esac

missing=()
while read -r package; do
  state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done < <(cat "${lists[@]}")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo)
else
  echo "These packages are missing, and installing them needs root. Please run:" >&2
  echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "installing ${missing[*]}"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
  apt-get install -y -qq --no-install-recommends "${missing[@]}")
# The package lists may be missing or old: fetch them only if need be.
"${install[@]}" >/dev/null 2>&1 || {
  "${as_root[@]}" apt-get update -qq
  "${install[@]}" >/dev/null
}
