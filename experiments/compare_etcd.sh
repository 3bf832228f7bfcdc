#!/usr/bin/env bash
# The same load on etcd and on Quorate: three members each on this machine, every
# write synced to disk, puts of 16 bytes, one outstanding a client.
#
#   bash experiments/compare_etcd.sh [--seconds N] [--clients "1 256"] [--rounds N]
#
# Prints one table, one row a round; "lazy" is a second Quorate cluster with
# --lazy-fast-commit and --thrifty. etcd's clients talk to its leader, which
# saves it a hop.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10
rounds=3
clients="1 256"
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?N}; shift 2 ;;
    --rounds) rounds=${2:?N}; shift 2 ;;
    --clients) clients=${2:?LIST}; shift 2 ;;
    *) echo 'usage: compare_etcd.sh [--seconds N] [--clients "1 256"]' \
         '[--rounds N]' >&2
       exit 2 ;;
  esac
done

bash experiments/install_packages.sh --peers
. experiments/common.sh
need_numbers --seconds "$seconds"
need_numbers --rounds "$rounds"
need_numbers --clients "$clients"
build quorate etcd_load >&2
directory=$(new_directory etcd)
results=()
etcd=experiments/peers/etcd_cluster.sh

stop_all() {
  bash "$etcd" down "$directory/etcd-members"
  stop_cluster
  cluster=$directory/lazy
  stop_cluster
}
trap stop_all EXIT

# All stay up and take turns, so that whatever else the machine does meanwhile
# meets all alike; those that wait are idle.
endpoints=$(bash "$etcd" up "$directory/etcd-members")
pids=$(bash "$etcd" pids "$directory/etcd-members")
start_cluster "$directory/lazy" 3 fsync --lazy-fast-commit --thrifty >&2
start_cluster "$directory/cluster" 3 fsync >&2
sleep 2 # for etcd's election
for n in $clients; do
  for round in $(seq "$rounds"); do
    echo "== $n clients, round $round" >&2
    run="$directory/etcd $n ($round)/result.json"
    build/release/experiments/peers/etcd_load --endpoints "$endpoints" \
      --pids "$pids" --clients "$n" --duration "$seconds" --warmup 2 \
      --out "$run" >/dev/null
    results+=("$run")
    for kind in quorate lazy; do
      run="$directory/$kind $n ($round)/result.json"
      config=$directory/cluster/cluster.toml
      [ "$kind" = quorate ] || config=$directory/lazy/cluster.toml
      "$quorate" bench --config "$config" --clients "$n" \
        --duration "$seconds" --warmup 2 --quiet --out "$run" >/dev/null
      results+=("$run")
    done
  done
done
stop_all
"$quorate" report --table "${results[@]}" | tee "$directory/table.md"
echo "saved $directory/table.md" >&2
