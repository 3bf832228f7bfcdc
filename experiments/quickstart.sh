#!/usr/bin/env bash
# From a fresh Debian 12 to a measured cluster: installs what is missing, builds,
# starts three durable replicas on this machine, loads them for 15 seconds and
# shows what their clients saw. Safe to run again and again.
#
#   bash experiments/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -eq 0 ] || { echo "usage: bash experiments/quickstart.sh" >&2; exit 2; }

echo "== packages"
bash experiments/install_packages.sh
. experiments/common.sh

echo "== build (some minutes the first time)"
build quorate

echo "== three replicas, every write synced to disk before it is answered"
directory=$(new_directory quickstart)
start_cluster "$directory/cluster" 3 fsync

echo "== load: 64 clients, each putting one value after the other for 15 s"
"$quorate" bench --config "$directory/cluster/cluster.toml" \
  --clients 64 --conflict 2 --warmup 3 --duration 12 --timeline-ms 250 \
  --out "$directory/result.json" >/dev/null
stop_cluster

echo
echo "== what the clients saw"
"$quorate" report "$directory/result.json" --out "$directory"
cat <<END
result    $directory/result.json
nodes     $directory/cluster (stopped; data and logs)

Try next:
  $quorate local up --nodes 3 --dir out/c
  $quorate kv put greeting hello --config out/c/cluster.toml
  $quorate kv get greeting --config out/c/cluster.toml --node r3
  $quorate bench --config out/c/cluster.toml --rate 5000 --workload a
  $quorate local down --dir out/c
END
