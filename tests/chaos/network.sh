# shellcheck shell=bash
# Sourced by run.sh: addresses, and faults between nodes. With namespaces every
# node has its own, joined by a bridge in one more, where the clients are; the
# faults are nftables rules in the node that receives. Clients are not cut off:
# what they see is what the cluster does. Without namespaces everything is on
# 127.0.0.1 and nothing can be cut.

address_of() { echo "10.87.0.$1"; }

in_node() { # in_node I COMMAND...
  local node=$1
  shift
  ip netns exec "r$node" "$@"
}

# The clients' side; the whole machine without namespaces.
in_hub() {
  if [ "$namespaces" = yes ]; then ip netns exec hub "$@"; else "$@"; fi
}

network_up() {
  local node
  [ "$namespaces" = yes ] || return 0
  # Ours alone, like every mount here: nothing of it is left when we end.
  mkdir -p /run/netns
  mount -t tmpfs none /run/netns
  ip netns add hub
  ip -n hub link set lo up
  ip -n hub link add bridge0 type bridge
  ip -n hub addr add 10.87.0.254/24 dev bridge0
  ip -n hub link set bridge0 up
  for node in "${all_nodes[@]}"; do
    ip netns add "r$node"
    ip -n hub link add "port$node" type veth peer name eth0 netns "r$node"
    ip -n hub link set "port$node" master bridge0 up
    ip -n "r$node" addr add "$(address_of "$node")/24" dev eth0
    ip -n "r$node" link set eth0 up
    ip -n "r$node" link set lo up
    in_node "$node" nft -f - <<'RULES'
table inet chaos {
  set silent { type ipv4_addr; }
  set torn { type ipv4_addr; }
  chain lossy { }
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr @silent drop
    ip saddr @torn meta l4proto tcp reject with tcp reset
    ip saddr 10.87.0.1-10.87.0.9 jump lossy
  }
}
RULES
  done
}

# block FROM TO: what FROM sends does not reach TO.
block() {
  in_node "$2" nft add element inet chaos silent "{ $(address_of "$1") }"
}
cut() { block "$1" "$2"; block "$2" "$1"; }

# Connections of this node with other nodes are reset by the kernel.
reset_node() {
  local other
  for other in "${all_nodes[@]}"; do
    [ "$other" = "$1" ] ||
      in_node "$1" nft add element inet chaos torn "{ $(address_of "$other") }"
  done
}

lose() { # lose PERCENT: of every packet between nodes
  local node
  for node in "${all_nodes[@]}"; do
    in_node "$node" nft add rule inet chaos lossy \
      numgen random mod 100 '<' "$1" drop
  done
}

heal() {
  local node
  [ "$namespaces" = yes ] || return 0
  for node in "${all_nodes[@]}"; do
    in_node "$node" nft -f - <<'RULES'
flush set inet chaos silent
flush set inet chaos torn
flush chain inet chaos lossy
RULES
  done
}

network_down() {
  local node
  [ "$namespaces" = yes ] || return 0
  for node in "${all_nodes[@]}"; do ip netns del "r$node"; done
  ip netns del hub
  umount /run/netns
}
