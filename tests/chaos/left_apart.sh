# shellcheck shell=bash
# Sourced by run.sh: members that lag in different columns, and then those that
# have everything are lost for good. r1 and r2 cannot hear each other and write
# keys of their own; r3 hears both on a slow disk; of five nodes r3 writes as well,
# r5 does not hear r3, and r4 hears everybody, on a slow disk too. Little is kept
# for those that lag. Then r3 (of five: r3 and r4) is killed, the links heal, and
# soon those that are left answer new commands and have every acknowledged write.

# What is kept for those that lag: soon too little.
apart_retained=20000

# Whatever it finds out about them: its exit code tells of their states.
status_of_all() {
  in_hub "$quorate" status --json --config "$config" 2>/dev/null || true
}

# The nodes that have forgotten instances of their own.
forgetful() {
  status_of_all |
    awk '/"drop_floor": {/ {++node; inside = 1}
      inside && $1 == "\"r" node "\":" && $2 + 0 > 0 {print node}
      /}/ {inside = 0}'
}

# forget_by_ms DEADLINE NODE...: waits until all of them have.
forget_by_ms() {
  local deadline=$1 node all
  shift
  while [ "$(now_ms)" -lt "$deadline" ]; do
    forgotten=$(forgetful | tr '\n' ' ')
    all=yes
    for node in "$@"; do [[ " $forgotten " == *" $node "* ]] || all=no; done
    [ $all = no ] || return 0
  done
}

# answers_at NODE: waits until it has done a new command; sets $waited_ms.
answers_at() {
  local from
  from=$(now_ms)
  until in_hub timeout 5 "$quorate" kv put "after.r$1" "$from" --node "r$1" \
    --config "$config" >/dev/null 2>>"$work/apart.err"; do
    [ "$(($(now_ms) - from))" -lt 30000 ] || break
  done
  waited_ms=$(($(now_ms) - from))
}

# all_answer NODE...: the time until the last of them has done something new.
all_answer() {
  local node took=() worst=0
  for node in "$@"; do
    (
      answers_at "$node"
      echo "$waited_ms" >"$work/answer.r$node"
    ) &
    took+=($!)
  done
  wait "${took[@]}"
  for node in "$@"; do
    read -r waited_ms <"$work/answer.r$node"
    [ "$waited_ms" -le "$worst" ] || worst=$waited_ms
  done
  waited_ms=$worst
}

# Over all nodes that are up.
sum_of() { # sum_of FIELD
  status_of_all |
    awk -F'[:,]' -v name="\"$1\"" '$1 ~ name {sum += $2} END {print sum + 0}'
}

# run_left_apart NODES RULE SECONDS ANSWER_MS: one row of the table; new commands
# may take so long.
run_left_apart() {
  local count=$1 rule=$2 duration=$3 limit=$4 node writer verdict=kept checked=0
  local writers=(1 2) lost=(3) left=(1 2)
  [ "$count" = 3 ] || writers=(1 2 3) lost=(3 4) left=(1 2 5)
  all_nodes=($(seq "$count"))
  work=$(mktemp -d "${TMPDIR:-/tmp}/quorate-chaos-XXXXXX")
  config=$work/cluster.toml
  history=$work/apart.jsonl
  : >"$work/faults"
  network_up
  write_config
  printf '[protocol]\nfast_path = "%s"\nretained_bytes = %s\n' "$rule" \
    "$apart_retained" >>"$config"
  for node in "${all_nodes[@]}"; do
    if [[ " ${lost[*]} " == *" $node "* ]]; then
      launch "$node" "LD_PRELOAD=$disk_trouble" CHAOS_SYNC_MS=200
    else
      launch "$node"
    fi
  done
  for node in "${all_nodes[@]}"; do must_be_ready "$node"; done
  meet
  cut 1 2
  [ "$count" = 3 ] || cut 3 5
  apply_blocks
  local loaders=()
  for writer in "${writers[@]}"; do
    load "apart$writer" "$duration" --rate 600 --clients 8 --reads 0 \
      --node "r$writer" --seed "$writer" --history "$work/w$writer.jsonl" \
      --out "$work/w$writer.json" 2>>"$work/apart.err" &
    loaders+=($!)
  done
  # At once when those that write have forgotten some of it: those that have
  # everything have then not yet forgotten, nor given their state to anybody.
  forget_by_ms $(($(now_ms) + duration * 1000 - 500)) 1 2
  for node in "${lost[@]}"; do signal "$node" KILL; done
  for node in "${lost[@]}"; do exit_code_of "$node"; done
  heal_partition
  all_answer "${left[@]}"
  for node in "${loaders[@]}"; do
    wait "$node" || fault "the clients ended with exit code $?"
  done
  local held_back relays
  held_back=$(sum_of floors_held_back) relays=$(sum_of relays)
  [ "$waited_ms" -le "$limit" ] ||
    fault "new commands took $waited_ms ms after the links had healed"
  # Every key at each of those that are left; clients of their own.
  for writer in "${writers[@]}"; do
    sed "s/\"c\":/\"c\":${writer}000/" "$work/w$writer.jsonl" >>"$history"
    for node in "${left[@]}"; do
      load "apart$writer" 20 --reads 100 --operations 120 --clients 4 \
        --node "r$node" --seed "$node" --history "$work/reads.jsonl" \
        --out "$work/reads.json" 2>>"$work/apart.err" ||
        fault "the last reads at r$node failed"
      sed "s/\"c\":/\"c\":${writer}0${node}00/" "$work/reads.jsonl" >>"$history"
    done
  done
  "$lincheck" --max-seconds 30 "$history" >"$work/apart.verdict" 2>&1 ||
    checked=$?
  case $checked in
    0) ;;
    3) verdict=undecided ;;
    *) fault "the history is not linearizable: $work/apart.verdict" ;;
  esac
  if [ -s "$work/faults" ]; then
    verdict=BROKEN
    broken=$((broken + 1))
  fi
  printf '%-24s %5s %6s %10s %8s %12s  %s\n' "left_apart $rule" "$count" \
    "${#lost[@]}" "$(wc -l <"$history")" "$held_back,$relays" "$waited_ms" \
    "$verdict"
  [ "$verdict" != BROKEN ] || {
    sed 's/^/    /' "$work/faults"
    echo "    again: bash tests/chaos/run.sh --left-apart $rule --nodes $count" \
      "--seconds $duration; left in $work"
  }
  for node in "${left[@]}"; do stop_node "$node"; done
  network_down
  [ "$verdict" = BROKEN ] || [ "$keep" = yes ] || rm -rf "$work"
}

# All rules, three nodes and five, or what was asked for.
run_all_left_apart() {
  local rules=$1 count rule
  [ "$rules" != all ] || rules="epaxos atlas unanimous"
  [ "$namespaces" = yes ] || {
    echo "left_apart needs namespaces (root, ip, nft)"
    return
  }
  printf '%-24s %5s %6s %10s %8s %12s  %s\n' schedule nodes lost operations \
    held,relay "answer (ms)" promises
  for count in ${nodes:-3 5}; do
    for rule in $rules; do
      run_left_apart "$count" "$rule" "${seconds:-4}" "$answer_ms"
    done
  done
}
