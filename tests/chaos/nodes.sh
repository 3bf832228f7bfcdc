# shellcheck shell=bash
# Sourced by run.sh: real `quorate serve` processes, each known by its id.

declare -A process=()

# What was done when, for whoever reads the logs afterwards.
note() { echo "$EPOCHREALTIME $*" >>"$work/events"; }

write_config() {
  local node
  if [ "$namespaces" = no ]; then
    # For ports that are free.
    local words=(--nodes "${#all_nodes[@]}" --protocol "$protocol")
    [ "$roles" = together ] || words=(--protocol bpaxos --leaders 2)
    "$quorate" local up "${words[@]}" --dir "$work/ports" >/dev/null
    "$quorate" local down --dir "$work/ports" >/dev/null
    cp "$work/ports/cluster.toml" "$config"
    return
  fi
  {
    printf '[cluster]\nid = "chaos-%s"\nprotocol = "%s"\n' "$seed" "$protocol"
    for node in "${all_nodes[@]}"; do
      printf '[[node]]\nname = "r%s"\npeer = "%s:7001"\nclient = "%s:7002"\n' \
        "$node" "$(address_of "$node")" "$(address_of "$node")"
      printf 'dir = "r%s"\n' "$node"
      [ "$roles" = together ] ||
        printf 'roles = ["%s"]\n' "${role_of[node - 1]}"
    done
  } >"$config"
}

# serve NODE [WORD...]: becomes a node; `env` takes the words.
serve() {
  local node=$1
  shift
  local enter=()
  [ "$namespaces" = no ] || enter=(ip netns exec "r$node")
  exec "${enter[@]}" env "$@" "$quorate" serve --config "$config" \
    --node "r$node" 2>>"$work/r$node.log"
}

# launch NODE [VARIABLE=VALUE...]: does not wait for it.
declare -A ready_from=()
launch() {
  local pipe="$work/r$1.ready" both from to
  mkfifo "$pipe"
  # Opened here and both ways first, so that neither side waits for the other;
  # the node is the only writer in the end.
  exec {both}<>"$pipe" {from}<"$pipe" {to}>"$pipe" {both}>&-
  rm "$pipe"
  note "r$1: start"
  serve "$@" >&"$to" &
  process[$1]=$!
  ready_from[$1]=$from
  exec {to}>&-
}

# await_ready NODE: fails when it ends instead, and sets $ended.
await_ready() {
  local word="" from=${ready_from[$1]}
  # A status above 128 says that the time is over, not the node.
  read -r -t 60 -u "$from" word || [ $? -le 128 ] || signal "$1" KILL
  exec {from}<&-
  note "r$1: ${word:-not ready}"
  [ "$word" = ready ] && return
  exit_code_of "$1"
  return 1
}
# must_be_ready NODE: anything else is a fault.
must_be_ready() {
  await_ready "$1" || fault "r$1 did not become ready (exit code $ended)"
}

# start NODE [VARIABLE=VALUE...]: returns when it is ready.
start() {
  launch "$@"
  must_be_ready "$1"
}

# exit_code_of NODE: waits for its end; sets $ended.
exit_code_of() {
  ended=0
  [ -n "${process[$1]:-}" ] || return 0 # It has not become ready.
  wait "${process[$1]}" 2>/dev/null || ended=$?
  unset "process[$1]"
}

# signal NODE NAME
signal() {
  [ -n "${process[$1]:-}" ] || return 0
  note "r$1: signal $2"
  kill -s "$2" "${process[$1]}" 2>/dev/null ||
    fault "r$1 had ended by itself: $work/r$1.log"
}

kill_node() {
  signal "$1" KILL
  exit_code_of "$1"
}

# A clean end.
stop_node() {
  signal "$1" TERM
  exit_code_of "$1"
  [ "$ended" = 0 ] || fault "r$1 stopped with exit code $ended"
}

stop_all_nodes() {
  local node
  for node in "${!process[@]}"; do
    kill -s KILL "${process[$node]}" 2>/dev/null || true
    kill -s CONT "${process[$node]}" 2>/dev/null || true
    wait "${process[$node]}" 2>/dev/null || true
  done
  process=()
}

# until_status WORDS TEST: asks the nodes until TEST, which reads $status, says
# yes; a fault that says WORDS after half a minute.
until_status() {
  local deadline=$((SECONDS + 30))
  while [ "$SECONDS" -lt "$deadline" ]; do
    status=$(in_hub "$quorate" status --json --config "$config" 2>&1) || true
    if grep -q "\"up\": ${#all_nodes[@]}\b" <<<"$status" && "$2"; then return; fi
    sleep 0.05
  done
  printf '%s\n' "$status" >"$work/status.json"
  fault "$1 within 30 s: $work/status.json"
}
one_state() { grep -q '"state_hash_equal": true' <<<"$status"; }
peers_connected() { sed -n '/"peers_connected"/,/}/p' <<<"$status"; }
all_connected() { ! peers_connected | grep -q false; }

# Every node is up and all have one state.
settle() { until_status "the nodes do not come to one state" one_state; }
# Every node has spoken with every other.
meet() { until_status "the nodes do not find each other" all_connected; }
