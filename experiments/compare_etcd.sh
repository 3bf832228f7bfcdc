#!/usr/bin/env bash
# The same load on etcd and on Quorate: three members each on this machine, every
# write synced to disk, puts of 16 bytes, one outstanding a client.
#
#   bash experiments/compare_etcd.sh [--seconds N] [--clients "1 256"]
#
# Prints one table. etcd's clients talk to its leader, which saves it a hop.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10
clients="1 256"
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift 2 ;;
    --clients) clients=${2:?LIST}; shift 2 ;;
    *) echo 'usage: compare_etcd.sh [--seconds N] [--clients "1 256"]' >&2
       exit 2 ;;
  esac
done

bash experiments/install_packages.sh --peers
. experiments/common.sh
build quorate etcd_load
directory=$(new_directory etcd)
results=()
etcd=experiments/peers/etcd_cluster.sh

stop_all() {
  bash "$etcd" down "$directory/etcd-members"
  stop_cluster
}
trap stop_all EXIT

echo "== etcd" >&2
endpoints=$(bash "$etcd" up "$directory/etcd-members")
pids=$(bash "$etcd" pids "$directory/etcd-members")
sleep 2 # for its election
for n in $clients; do
  build/release/experiments/peers/etcd_load --endpoints "$endpoints" \
    --pids "$pids" --clients "$n" --duration "$seconds" --warmup 2 \
    --out "$directory/etcd $n/result.json" >&2
  results+=("$directory/etcd $n/result.json")
done
bash "$etcd" down "$directory/etcd-members"

echo "== quorate" >&2
for n in $clients; do
  start_cluster "$directory/cluster-$n" 3 fsync >&2
  "$quorate" bench --config "$cluster/cluster.toml" --clients "$n" \
    --duration "$seconds" --warmup 2 --quiet \
    --out "$directory/quorate $n/result.json" >&2
  results+=("$directory/quorate $n/result.json")
  stop_cluster
done
"$quorate" report --table "${results[@]}" | tee "$directory/table.md"
echo "saved $directory/table.md" >&2
