#!/usr/bin/env bash
# Three etcd members on free loopback ports, every write synced to disk.
#   etcd_cluster.sh up DIR     prints the client addresses, comma-separated
#   etcd_cluster.sh pids DIR   prints the process ids in the same order
#   etcd_cluster.sh down DIR   stops them
# DIR is created by `up` and holds data, logs and process ids.
set -euo pipefail

die() { echo "etcd_cluster.sh: $*" >&2; exit 1; }

# Ports below the range that the kernel gives to outgoing connections.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

up() {
  local dir=$1 cluster="" addresses="" i
  command -v etcd >/dev/null ||
    die "etcd is not installed: apt-get install etcd-server"
  [ ! -e "$dir" ] || die "$dir exists; give a new directory"
  mkdir -p "$dir"
  local peers=() clients=()
  for i in 1 2 3; do
    peers[i]=http://127.0.0.1:$(free_port)
    clients[i]=127.0.0.1:$(free_port)
    cluster+=${cluster:+,}m$i=${peers[i]}
    addresses+=${addresses:+,}${clients[i]}
  done
  for i in 1 2 3; do
    etcd --name "m$i" --data-dir "$dir/m$i" \
      --listen-peer-urls "${peers[i]}" \
      --initial-advertise-peer-urls "${peers[i]}" \
      --listen-client-urls "http://${clients[i]}" \
      --advertise-client-urls "http://${clients[i]}" \
      --initial-cluster "$cluster" --initial-cluster-state new \
      --initial-cluster-token "bench-$$" \
      >"$dir/m$i.log" 2>&1 </dev/null &
    echo $! >>"$dir/pids"
  done
  for i in 1 2 3; do
    wait_for_port "${clients[i]}" || { down "$dir"; die "m$i did not start: $dir/m$i.log"; }
  done
  echo "$addresses"
}

wait_for_port() {
  local _
  for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null && return 0
    sleep 0.1
  done
  return 1
}

down() {
  local dir=$1 pid
  [ -f "$dir/pids" ] || return 0
  while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$dir/pids"
  while read -r pid; do
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  done <"$dir/pids"
  rm -f "$dir/pids"
}

case "${1:-}" in
  up) up "${2:?DIR}" ;;
  pids) paste -sd, "${2:?DIR}/pids" ;;
  down) down "${2:?DIR}" ;;
  *) die "usage: up|pids|down DIR" ;;
esac
