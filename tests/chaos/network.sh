# shellcheck shell=bash
# Sourced by run.sh: addresses, and faults between nodes. With namespaces every
# node has its own, joined by a bridge in one more, the hub, where the clients
# are; what one node sends to another passes the bridge, and nftables rules there
# drop it. So a partition comes and goes in one instant, by one command. Clients
# are not cut off: what they see is what the cluster does. Without namespaces everything is on
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
  mount -t tmpfs none /run
  mkdir /run/netns
  ip netns add hub
  ip -n hub link set lo up
  ip -n hub link add bridge0 type bridge
  ip -n hub addr add 10.87.0.254/24 dev bridge0
  ip -n hub link set bridge0 up
  # Addresses are found out even between nodes that are cut off.
  in_hub nft -f - <<'RULES'
table bridge chaos {
  set silent { type ifname . ifname; }
  chain lossy { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ether type arp accept
    iifname . oifname @silent drop
    jump lossy
  }
}
table inet chaos {
  set mute { type ipv4_addr; }
  chain output {
    type filter hook output priority 0; policy accept;
    ip daddr @mute drop
  }
}
RULES
  for node in "${all_nodes[@]}"; do
    ip netns add "r$node"
    ip -n hub link add "port$node" type veth peer name eth0 netns "r$node"
    ip -n hub link set "port$node" master bridge0 up
    ip -n "r$node" addr add "$(address_of "$node")/24" dev eth0
    ip -n "r$node" link set eth0 up
    ip -n "r$node" link set lo up
    in_node "$node" nft -f - <<'RULES'
table inet chaos {
  set torn { type ipv4_addr; }
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr @torn meta l4proto tcp reject with tcp reset
  }
}
RULES
  done
}

# block FROM TO: what FROM sends will not reach TO, once it is apply_blocks' turn.
blocks=""
block() { blocks+="${blocks:+, }port$1 . port$2"; }
cut() { block "$1" "$2"; block "$2" "$1"; }
apply_blocks() {
  note "cut: $blocks"
  in_hub nft add element bridge chaos silent "{ $blocks }"
  blocks=""
}
heal_partition() {
  in_hub nft flush set bridge chaos silent
  note "all hear each other"
}

# Connections of this node with other nodes are reset by the kernel.
reset_node() {
  local other addresses=""
  for other in "${all_nodes[@]}"; do
    [ "$other" = "$1" ] ||
      addresses+="${addresses:+, }$(address_of "$other")"
  done
  note "r$1: connections are reset"
  in_node "$1" nft add element inet chaos torn "{ $addresses }"
}
heal_resets() { in_node "$1" nft flush set inet chaos torn; } # NODE

lose() { # lose PERCENT: of every packet between nodes
  note "$1 % of all packets are lost"
  in_hub nft add rule bridge chaos lossy numgen random mod 100 '<' "$1" drop
}
heal_losses() { in_hub nft flush chain bridge chaos lossy; }

# silence NODE...: clients reach none of these, though all nodes hear each other.
silence() {
  local node addresses=""
  for node in "$@"; do addresses+="${addresses:+, }$(address_of "$node")"; done
  note "silent to clients: $addresses"
  in_hub nft add element inet chaos mute "{ $addresses }"
}
heal_silence() { in_hub nft flush set inet chaos mute; }

heal() {
  local node
  [ "$namespaces" = yes ] || return 0
  heal_partition
  heal_silence
  heal_losses
  for node in "${all_nodes[@]}"; do heal_resets "$node"; done
}

network_down() {
  local node
  [ "$namespaces" = yes ] || return 0
  for node in "${all_nodes[@]}"; do ip netns del "r$node"; done
  ip netns del hub
  umount --recursive /run
}
