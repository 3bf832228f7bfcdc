#!/usr/bin/env bash
# Real nodes, real faults, recorded histories. See README.md.
#
#   bash tests/chaos/run.sh                         the short mix of default CI
#   bash tests/chaos/run.sh --nemesis kill_one --seed 7 --seconds 20 --nodes 5
#   bash tests/chaos/run.sh --nemesis pause+partition,kill_all   two at once, then one
#   bash tests/chaos/run.sh --soak                  everything, 3 and 5 nodes
#   bash tests/chaos/run.sh --protocol multipaxos   any of these, another protocol
#   bash tests/chaos/run.sh --roles apart           BPaxos, a node a role
#   bash tests/chaos/run.sh --left-apart all        who lags in different columns
#   bash tests/chaos/run.sh --nemesis silent --goal-ms 300   fails beyond the goal
#
# --keep leaves the folder with histories and logs. Exit code 0: every promise
# was kept.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
original=("$@")

seed=$((RANDOM + 1))
seconds=""
nodes=""
wanted=""
mode=mix
keep=no
protocol=epaxos
roles=together
build=$here/../../build/release
# How long new commands may take after links have healed (left_apart.sh).
answer_ms=1000
# Within how long black_hole and silent must be answered; empty: whenever.
goal_ms=""
# With --roles apart: what each node is, from the first; one fault a role is
# survived.
role_of=(leader leader depsvc depsvc depsvc acceptor acceptor acceptor executor
  executor)
usage() {
  echo "usage: run.sh [--nemesis NAME[+NAME][:SECONDS][,...]] [--seed N]" \
    "[--seconds N] [--nodes N] [--protocol P] [--roles apart] [--soak]" \
    "[--left-apart RULE|all [--answer-ms N]] [--goal-ms N]" \
    "[--keep] [--build FOLDER]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  case $1 in
    --nemesis) wanted=${2:?NAME}; mode=one; shift 2 ;;
    --seed) seed=${2:?N}; shift 2 ;;
    --seconds) seconds=${2:?N}; shift 2 ;;
    --nodes) nodes=${2:?N}; shift 2 ;;
    --protocol) protocol=${2:?P}; shift 2 ;;
    --roles)
      [ "${2:?apart}" = apart ] || usage
      roles=apart protocol=bpaxos nodes=${#role_of[@]}
      shift 2
      ;;
    --build) build=${2:?FOLDER}; shift 2 ;;
    --soak) mode=soak; shift ;;
    --left-apart) wanted=${2:?RULE}; mode=apart; shift 2 ;;
    --answer-ms) answer_ms=${2:?N}; shift 2 ;;
    --goal-ms) goal_ms=${2:?N}; shift 2 ;;
    --keep) keep=yes; shift ;;
    *) usage ;;
  esac
done
quorate=$build/bin/quorate
lincheck=$build/tests/lincheck/quorate-lincheck
disk_trouble=$build/tests/chaos/libchaos_disk_trouble.so

# Everything happens in namespaces of mounts and processes that end with this
# script, however it ends: no process, mount or network is left behind.
if [ -z "${CHAOS_NAMESPACES:-}" ]; then
  own=(unshare --mount --pid --fork --kill-child --mount-proc)
  export CHAOS_NAMESPACES=yes
  if command -v ip nft >/dev/null; then
    if "${own[@]}" true 2>/dev/null; then
      exec "${own[@]}" bash "${BASH_SOURCE[0]}" "${original[@]}" --seed "$seed"
    fi
    # Somebody else may leave only a network of his own for another one.
    own+=(--map-root-user --net)
    if "${own[@]}" true 2>/dev/null; then
      exec "${own[@]}" bash "${BASH_SOURCE[0]}" "${original[@]}" --seed "$seed"
    fi
  fi
  export CHAOS_NAMESPACES=no
fi
namespaces=$CHAOS_NAMESPACES
RANDOM=$seed

. "$here/network.sh"
. "$here/nodes.sh"
. "$here/nemeses.sh"
. "$here/left_apart.sh"

# These need networks or mounts of their own.
network_nemeses=" partition partition_halves partition_isolated
  partition_one_way partition_ring partition_bridge black_hole silent reset
  loss disk_full "
every_nemesis="kill_one kill_minority kill_all pause rolling_restart
  partition_halves partition_isolated partition_one_way partition_ring
  partition_bridge black_hole silent backlog reset loss slow_sync sync_error
  disk_full refusals wiped old_copy pause+partition kill_one+loss
  kill_minority+partition reset+loss"

work=""
broken=0
finished=no
cleanup() {
  local code=$?
  # A row that is missing has not passed.
  [ "$finished" = yes ] || echo "run.sh ended early, with $code" >&2
  stop_all_nodes
  [ -n "$work" ] && [ "$keep" = no ] && [ "$broken" = 0 ] || return 0
  umount "$work"/r[0-9]* 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fault() { echo "$*" >>"$work/faults"; }

# load NAME SECONDS FLAG...: clients on a few hot keys of this nemesis.
load() {
  local name=$1 duration=$2
  shift 2
  in_hub "$quorate" bench --config "$config" --duration "$duration" --warmup 0 \
    --zipf 0.9 --keys 24 --key-prefix "$name." --quiet --force "$@" >/dev/null
}

# Reads every key at every node that takes commands: what was acknowledged is
# there, everywhere.
read_everything() {
  local node
  for node in "${all_nodes[@]}"; do
    [ "$roles" = together ] || [ "${role_of[node - 1]}" = leader ] || continue
    load "$1" 20 --reads 100 --operations 120 --clients 4 --node "r$node" \
      --seed "$node" --history "$work/reads.jsonl" --out "$work/reads.json" ||
      fault "the last reads at r$node failed"
    # Clients of their own.
    sed "s/\"c\":/\"c\":${node}000/" "$work/reads.jsonl" >>"$history"
  done
}

number_of() { # number_of FIELD FILE: the first such number of a result
  grep -oE "\"$1\": *[0-9.]+" "$2" | head -n 1 | grep -oE '[0-9.]+$' || echo 0
}

needs_namespaces() { # needs_namespaces NEMESIS...
  local part
  [ "$namespaces" = no ] || return 1
  for part in "$@"; do
    [[ $network_nemeses != *[[:space:]]"$part"[[:space:]]* ]] || return 0
  done
  return 1
}

# act NEMESIS...: all at once, until $deadline_ms. The first may touch nodes, the
# others only the network.
act() {
  local part helpers=()
  for part in "${@:2}"; do
    # A seed of its own: it would draw what the first one draws.
    (
      RANDOM=$((seed + ${#part}))
      "nemesis_$part"
    ) &
    helpers+=($!)
  done
  "nemesis_$1"
  for part in "${helpers[@]}"; do
    wait "$part" || fault "a nemesis ended with exit code $?"
  done
}

# "30+12": how many cycles of each kind, in the order of the kinds' names.
cycles_done() {
  local sums
  sums=$(sort "$work/cycles" | uniq -c | awk '{printf "%s%s", plus, $1; plus="+"}')
  echo "${sums:-0}"
}

# run_nemesis NAME[+NAME] SECONDS: one row of the table.
run_nemesis() {
  local name=$1 duration=$2 node checked verdict=kept parts impatience=()
  # Their patience ends while a leader stands still.
  [[ $name != *backlog* ]] || impatience=(--give-up-ms 300)
  parts=(${name//+/ })
  history=$work/$name.jsonl
  : >"$work/faults"
  : >"$work/cycles"
  : >"$work/answers"
  if needs_namespaces "${parts[@]}"; then
    printf '%-24s %5s  needs namespaces (root, ip, nft)\n' "$name" -
    return
  fi
  # Few blind adds: while a key stands still they pile up, and which of them a
  # later read has seen is a question of subset sums.
  load "$name" "$duration" --rate 1200 --clients 24 --reads 45 --cas 10 \
    --adds 2 --appends 5 "${impatience[@]}" --seed "$seed" \
    --history "$history" --out "$work/$name.json" 2>"$work/$name.err" &
  local loader=$!
  # The clients get to know the nodes; the last half second is without faults.
  last_ms 200
  deadline_ms=$(($(now_ms) + duration * 1000 - 700))
  act "${parts[@]}"
  heal
  for node in "${all_nodes[@]}"; do
    [ -n "${process[$node]:-}" ] || start "$node"
  done
  wait "$loader" || fault "the clients ended with exit code $?"
  settle
  read_everything "$name"
  checked=0
  "$lincheck" --max-seconds 30 "$history" >"$work/$name.verdict" 2>&1 ||
    checked=$?
  case $checked in
    0) ;;
    3) verdict=undecided ;; # too many operations at once, for both checkers
    *) fault "the history is not linearizable: $work/$name.verdict" ;;
  esac
  if [ -s "$work/faults" ]; then
    verdict=BROKEN
    broken=$((broken + 1))
  fi
  [ -z "${CHAOS_TALLY:-}" ] || cat "$work/cycles" >>"$CHAOS_TALLY"
  printf '%-24s %5s %6s %10s %8s %12.0f  %s\n' "$name" "${#all_nodes[@]}" \
    "$(cycles_done)" "$(wc -l <"$history")" "$(grep -c '"unknown"' "$history" || true)" \
    "$(number_of longest_silence_ms "$work/$name.json")" "$verdict"
  tell_answers
  [ "$verdict" != BROKEN ] || {
    sed 's/^/    /' "$work/faults"
    echo "    again: bash tests/chaos/run.sh --nemesis $name --seed $seed" \
      "--seconds $duration $(cluster_words "${#all_nodes[@]}")" \
      "${goal_ms:+--goal-ms $goal_ms}"
  }
}

# run_cluster NODES SECONDS NEMESIS[:SECONDS]...: on one cluster, one after the
# other.
run_cluster() {
  local count=$1 duration=$2 node name
  shift 2
  all_nodes=($(seq "$count"))
  work=$(mktemp -d "${TMPDIR:-/tmp}/quorate-chaos-XXXXXX")
  config=$work/cluster.toml
  network_up
  write_config
  for node in "${all_nodes[@]}"; do launch "$node"; done
  for node in "${all_nodes[@]}"; do
    await_ready "$node" || {
      cat "$work/r$node.log" >&2
      exit 1
    }
  done
  for name in "$@"; do
    case $name in
      *:*) run_nemesis "${name%:*}" "${name#*:}" ;;
      *) run_nemesis "$name" "$duration" ;;
    esac
  done
  for node in "${all_nodes[@]}"; do stop_node "$node"; done
  if [ "$broken" = 0 ] && [ "$keep" = no ]; then
    umount "$work"/r[0-9]* 2>/dev/null || true
    rm -rf "$work"
  else
    echo "left in $work"
  fi
  network_down
}

# cluster_words NODES: the words that ask for such a cluster.
cluster_words() {
  if [ "$roles" = apart ]; then
    echo "--roles apart"
  else
    echo "--nodes $1 --protocol $protocol"
  fi
}

headings() {
  echo "$protocol, roles $roles, seed $seed, namespaces: $namespaces"
  printf '%-24s %5s %6s %10s %8s %12s  %s\n' nemesis nodes cycles operations \
    unknown "silence (ms)" "promises"
}

# another_run NEMESES WORD...: this script with a cluster of its own.
another_run() {
  local nemeses=$1
  shift
  env -u CHAOS_NAMESPACES CHAOS_TALLY="$tally" bash "${BASH_SOURCE[0]}" \
    "$@" --nemesis "$nemeses" --seed "$seed" --build "$build" \
    $([ "$keep" = no ] || echo --keep)
}

# Three nodes and five, each on networks of their own and side by side.
mix_of_three() {
  local kept=0
  another_run "$three" --protocol "$protocol" --nodes 3 || kept=1
  [ "$protocol" != epaxos ] ||
    another_run "$log" --protocol multipaxos --nodes 3 || kept=1
  return $kept
}
mix_of_five() {
  local kept=0
  another_run "$five" --protocol "$protocol" --nodes 5 || kept=1
  [ "$protocol" != epaxos ] || {
    another_run "$all_roles" --protocol bpaxos --nodes 3 || kept=1
    another_run "$a_role" --roles apart || kept=1
  }
  return $kept
}
three=kill_one:10,kill_all:4,partition_isolated:2,partition_one_way:2
three+=,slow_sync+partition:4,sync_error+loss:2,disk_full+reset:2,refusals:2
three+=,wiped:1,old_copy:2
log=kill_one:2,sync_error:1,disk_full:1,refusals:1,old_copy:1
five=kill_minority:4,partition_halves:2,partition_ring:2,partition_bridge:2
five+=,pause+partition:9,kill_one+partition:5,reset+loss:7
all_roles=kill_one:2,pause+partition:2
a_role=kill_minority:3,pause+partition_isolated:2
mix() {
  local beside=0 kept=0
  tally=$(mktemp "${TMPDIR:-/tmp}/quorate-chaos-tally-XXXXXX")
  if [ "$namespaces" = yes ]; then
    mix_of_five &
    beside=$!
  else
    mix_of_five || kept=1 # They might take each other's ports.
  fi
  mix_of_three || kept=1
  [ "$beside" = 0 ] || wait "$beside" || kept=1
  tell_tally
  rm -f "$tally"
  return $kept
}

# What reliability.md asks of default CI, and what came of it.
tell_tally() {
  local kind goal
  echo
  printf '%-24s %10s %10s\n' "in all" done goal
  for kind in kills:150 pauses:30 partitions:60 resets:20 losses:20 \
    slow_disks failed_syncs full_disks wiped_disks old_copies refusals; do
    goal=${kind#*:}
    [ "$goal" != "$kind" ] || goal=-
    printf '%-24s %10s %10s\n' "${kind%:*}" \
      "$(grep -cx "${kind%:*}" "$tally" || true)" "$goal"
  done
}

case $mode in
  mix) mix || broken=1 ;;
  one)
    headings
    run_cluster "${nodes:-3}" "${seconds:-10}" ${wanted//,/ }
    ;;
  apart) run_all_left_apart "$wanted" ;;
  soak)
    headings
    for count in ${nodes:-3 5}; do
      run_cluster "$count" "${seconds:-60}" $every_nemesis
    done
    ;;
esac
finished=yes
[ "$broken" = 0 ]
