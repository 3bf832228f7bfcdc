# shellcheck shell=bash
# Sourced by run.sh: what is done to a cluster under load. Each nemesis_NAME goes
# on until $deadline_ms has passed and tells of every cycle (`counted`);
# afterwards run.sh heals the network and starts what does not run. A promise
# that is broken is a `fault`. Those that only touch the network may run beside
# another one, in a shell of their own.

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
time_left() { [ "$(now_ms)" -lt "$deadline_ms" ]; }

# For how long a fault lasts.
last_ms() { sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"; }

# counted KIND [TIMES]: so many more periods of a fault of that kind are over.
counted() {
  local i
  for ((i = 0; i < ${2:-1}; ++i)); do echo "$1" >>"$work/cycles"; done
}

# draw LOW HIGH: sets $drawn.
draw() { drawn=$(($1 + RANDOM % ($2 - $1 + 1))); }

# choose COUNT: sets $chosen to so many nodes, and $others to the rest.
choose() {
  local rest=("${all_nodes[@]}") at
  chosen=()
  while [ "${#chosen[@]}" -lt "$1" ]; do
    at=$((RANDOM % ${#rest[@]}))
    chosen+=("${rest[at]}")
    rest=("${rest[@]:0:at}" "${rest[@]:at+1}")
  done
  others=("${rest[@]}")
}

# choose_minority: as many as may be down at once; of roles apart, one of each.
choose_minority() {
  if [ "$roles" = together ]; then
    choose $(((${#all_nodes[@]} - 1) / 2))
    return
  fi
  local role node candidates
  chosen=() others=()
  for role in $(printf '%s\n' "${role_of[@]}" | uniq); do
    candidates=()
    for node in "${all_nodes[@]}"; do
      [ "${role_of[node - 1]}" != "$role" ] || candidates+=("$node")
    done
    chosen+=("${candidates[RANDOM % ${#candidates[@]}]}")
  done
  for node in "${all_nodes[@]}"; do
    [[ " ${chosen[*]} " == *" $node "* ]] || others+=("$node")
  done
}

# draw_period: sets $drawn to how long a fault lasts. Most are over before anybody
# is suspected for its silence; one in seven is not.
draw_period() {
  draw 1 7
  if [ "$drawn" = 1 ]; then draw 600 800; else draw 50 250; fi
}

kill_and_start() { # NODES...
  local node
  for node in "$@"; do signal "$node" KILL; done
  for node in "$@"; do exit_code_of "$node"; done
  draw 0 40
  last_ms "$drawn"
  for node in "$@"; do launch "$node"; done
  for node in "$@"; do must_be_ready "$node"; done
  counted kills $#
  draw 0 40
  last_ms "$drawn"
}

nemesis_kill_one() {
  while time_left; do choose 1; kill_and_start "${chosen[@]}"; done
}
nemesis_kill_minority() {
  while time_left; do choose_minority; kill_and_start "${chosen[@]}"; done
}
nemesis_kill_all() {
  while time_left; do
    kill_and_start "${all_nodes[@]}"
    last_ms 100 # They answer something before they are killed again.
  done
}

nemesis_pause() {
  while time_left; do
    choose_minority
    for node in "${chosen[@]}"; do signal "$node" STOP; done
    draw_period
    last_ms "$drawn"
    for node in "${chosen[@]}"; do signal "$node" CONT; done
    counted pauses
    draw 20 100
    last_ms "$drawn"
  done
}

nemesis_rolling_restart() {
  local node
  while time_left; do
    for node in "${all_nodes[@]}"; do
      stop_node "$node"
      start "$node"
      counted restarts
    done
  done
}

# partitions SHAPE...: makes and heals partitions of one of these shapes.
partitions() {
  local shapes=("$@")
  while time_left; do
    "shape_${shapes[RANDOM % $#]}"
    apply_blocks
    draw_period
    last_ms "$drawn"
    heal_partition
    counted partitions
    draw 20 100
    last_ms "$drawn"
  done
}
shape_halves() {
  local a b
  choose_minority
  for a in "${chosen[@]}"; do for b in "${others[@]}"; do cut "$a" "$b"; done; done
}
shape_isolated() {
  local b
  choose 1
  for b in "${others[@]}"; do cut "${chosen[0]}" "$b"; done
}
# One node is deaf or mute.
shape_one_way() {
  local b
  choose 1
  draw 0 1
  for b in "${others[@]}"; do
    if [ "$drawn" = 0 ]; then block "${chosen[0]}" "$b"; else block "$b" "${chosen[0]}"; fi
  done
}
# Every node reaches its two neighbours; with three nodes one link is cut.
shape_ring() {
  local n=${#all_nodes[@]} a b distance
  choose "$n"
  if [ "$n" = 3 ]; then cut "${chosen[0]}" "${chosen[1]}"; return; fi
  for ((a = 0; a < n; ++a)); do
    for ((b = a + 1; b < n; ++b)); do
      distance=$((b - a))
      [ "$distance" = 1 ] || [ "$distance" = $((n - 1)) ] ||
        cut "${chosen[a]}" "${chosen[b]}"
    done
  done
}
# Two halves that only one node reaches both of.
shape_bridge() {
  local n=${#all_nodes[@]} a b
  choose "$n"
  for ((a = 1; a <= n / 2; ++a)); do
    for ((b = n / 2 + 1; b < n; ++b)); do cut "${chosen[a]}" "${chosen[b]}"; done
  done
}
nemesis_partition_halves() { partitions halves; }
nemesis_partition_isolated() { partitions isolated; }
nemesis_partition_one_way() { partitions one_way; }
nemesis_partition_ring() { partitions ring; }
nemesis_partition_bridge() { partitions bridge; }
nemesis_partition() { partitions halves isolated one_way ring bridge; }

# answered_after MS WHEN: how long a first answer took. A figure, which is set
# beside the goal; a fault only where --goal-ms says that the machine has nothing
# else to do.
answered_after() {
  note "answered $1 ms later, $2"
  echo "$1" >>"$work/answers"
  [ -z "$goal_ms" ] || [ "$1" -le "$goal_ms" ] ||
    fault "answered only $1 ms later, $2; the goal is $goal_ms ms"
}

# "first answer (ms): median 143, worst 319 of 19; 1 beyond the goal of 300".
tell_answers() {
  local goal=${goal_ms:-300}
  [ -s "$work/answers" ] || return 0
  sort -n "$work/answers" | awk -v goal="$goal" '
    { took[NR] = $1; late += $1 > goal }
    END {
      printf "    first answer (ms): median %d, worst %d of %d; ",
        took[int((NR + 1) / 2)], took[NR], NR
      printf "%d beyond the goal of %d\n", late, goal
    }'
}

# Nobody hears anybody, for longer than anybody waits; what counts is how soon
# somebody is answered once the network is whole again.
nemesis_black_hole() {
  local a b begun
  while time_left; do
    for a in "${all_nodes[@]}"; do
      for b in "${all_nodes[@]}"; do [ "$a" -ge "$b" ] || cut "$a" "$b"; done
    done
    apply_blocks
    draw 300 3000
    last_ms "$drawn"
    heal_partition
    begun=$(now_ms)
    in_hub "$quorate" kv put black.hole "$begun" --config "$config" \
      >/dev/null || fault "no answer after a black hole of $drawn ms"
    answered_after $(($(now_ms) - begun)) "after a black hole of $drawn ms"
    counted black_holes
    draw 200 500
    last_ms "$drawn"
  done
}

# choose_leader: one that answers clients; of Multi-Paxos the one that leads now.
choose_leader() {
  local node leader=""
  choose "${#all_nodes[@]}"
  for node in "${chosen[@]}"; do
    [ "$roles" = apart ] && [ "${role_of[node - 1]}" != leader ] || leader=$node
  done
  [ "$protocol" != multipaxos ] ||
    leader=$(status_of_all | grep -oE '"leader": "r[0-9]+"' | head -n 1 |
      grep -oE '[0-9]+' || echo "$leader")
  chosen=("$leader") others=()
  for node in "${all_nodes[@]}"; do
    [ "$node" = "$leader" ] || others+=("$node")
  done
}

# All nodes but one say nothing to clients, though all is well among them: how
# soon is a client answered that knows nobody yet?
nemesis_silent() {
  local begun
  while time_left; do
    choose_leader
    silence "${others[@]}"
    begun=$(now_ms)
    in_hub "$quorate" kv put silent.nodes "$begun" --config "$config" \
      >/dev/null || fault "no answer though r${chosen[0]} is reached"
    answered_after $(($(now_ms) - begun)) "with all but r${chosen[0]} silent"
    draw 50 250
    last_ms "$drawn"
    heal_silence
    counted silences
    draw 20 250
    last_ms "$drawn"
  done
}

# A leader stands still with what it has been asked for until clients have given
# that up (run.sh: impatience) and others go on without it, and then wakes.
nemesis_backlog() {
  while time_left; do
    choose_leader
    signal "${chosen[0]}" STOP
    draw 700 1800
    last_ms "$drawn"
    signal "${chosen[0]}" CONT
    counted backlogs
    draw 300 600
    last_ms "$drawn"
  done
}

nemesis_reset() {
  while time_left; do
    choose 1
    reset_node "${chosen[0]}"
    last_ms 30
    heal_resets "${chosen[0]}"
    counted resets
    draw 20 250
    last_ms "$drawn"
  done
}

nemesis_loss() {
  while time_left; do
    draw 2 25
    lose "$drawn"
    draw 80 320
    last_ms "$drawn"
    heal_losses
    counted losses
    draw 20 100
    last_ms "$drawn"
  done
}

# One node's disk takes 200 ms a sync.
nemesis_slow_sync() {
  choose 1
  local slow=${chosen[0]}
  stop_node "$slow"
  start "$slow" "LD_PRELOAD=$disk_trouble" CHAOS_SYNC_MS=200
  while time_left; do last_ms 100; done
  counted slow_disks
  stop_node "$slow"
  start "$slow"
}

# ends_by_its_disk NODE: while the clients work. False if they stopped before it
# came to that; then it is killed, unless it ends at that very moment.
ends_by_its_disk() {
  [ -n "${process[$1]:-}" ] || return 1 # It has not become ready.
  while kill -0 "${process[$1]}" 2>/dev/null; do
    if ! time_left; then
      note "r$1: signal KILL"
      kill -s KILL "${process[$1]}" 2>/dev/null || true
      break
    fi
    last_ms 10
  done
  exit_code_of "$1"
  [ "$ended" != 137 ] || return 1
  [ "$ended" = 74 ] || fault "trouble with its disk ended r$1 with $ended"
}

# The n-th sync of a node fails: it stops with the exit code for its disk.
nemesis_sync_error() {
  local node
  while time_left; do
    choose 1
    node=${chosen[0]}
    stop_node "$node"
    draw 5 60
    # So early that the node may not become ready.
    launch "$node" "LD_PRELOAD=$disk_trouble" "CHAOS_FAIL_SYNC=$drawn"
    if await_ready "$node"; then
      ! ends_by_its_disk "$node" || counted failed_syncs
    else
      [ "$ended" = 74 ] || fault "a failed sync ended r$node with $ended"
      counted failed_syncs
    fi
    start "$node"
  done
}

# One node's disk fills up: it stops with the exit code for its disk, and goes on
# once there is room.
nemesis_disk_full() {
  choose 1
  local node=${chosen[0]} directory="$work/r${chosen[0]}" megabytes
  stop_node "$node"
  read -r megabytes _ < <(du -sm "$directory")
  megabytes=$((megabytes + 16))
  mv "$directory" "$directory.moved"
  mkdir "$directory"
  mount -t tmpfs -o "size=${megabytes}m" none "$directory"
  cp -a "$directory.moved/." "$directory"
  start "$node"
  while time_left; do
    head -c "${megabytes}M" /dev/zero >"$directory/filler" 2>/dev/null || true
    if ends_by_its_disk "$node"; then
      grep -q 'free space on this disk' "$work/r$node.log" ||
        fault "r$node does not say that its disk is full"
      counted full_disks
    fi
    rm "$directory/filler"
    start "$node"
  done
  # Back to where there is room for what comes later.
  stop_node "$node"
  rm -rf "$directory.moved"
  cp -a "$directory" "$directory.moved"
  umount "$directory"
  rmdir "$directory"
  mv "$directory.moved" "$directory"
  start "$node"
}

# expect_refusal NODE WORDS: it does not start, and says these words.
expect_refusal() {
  (serve "$1" timeout 10) >/dev/null &&
    fault "r$1 was not refused with \"$2\""
  tail -n 3 "$work/r$1.log" | grep -q "$2" ||
    fault "r$1 does not say \"$2\""
}

# A second process on a directory, and a directory that has lost its database.
nemesis_refusals() {
  local node
  while time_left; do
    choose 1
    node=${chosen[0]}
    expect_refusal "$node" 'is using it'
    kill_node "$node"
    mkdir "$work/taken"
    mv "$work/r$node"/node.db* "$work/taken"
    expect_refusal "$node" 'bring back the whole directory'
    mv "$work/taken"/node.db* "$work/r$node"
    rmdir "$work/taken"
    start "$node"
    counted refusals
  done
}

# ends_by_itself NODE WORDS: it stops with the exit code of lost data, and says
# these words.
ends_by_itself() {
  local deadline=$((SECONDS + 20))
  while kill -0 "${process[$1]}" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fault "r$1 goes on with what it has lost"
    sleep 0.02
  done
  exit_code_of "$1"
  note "r$1: ended with $ended"
  [ "$ended" = 74 ] || fault "r$1 ended with exit code $ended, not 74"
  tail -n 3 "$work/r$1.log" | grep -q "$2" || fault "r$1 does not say \"$2\""
}

# A node comes back with an empty directory: it has forgotten its votes. The
# others know it, and it stops; its own directory may come back.
nemesis_wiped() {
  local node
  meet
  while time_left; do
    choose 1
    node=${chosen[0]}
    kill_node "$node"
    mkdir "$work/taken"
    mv "$work/r$node"/* "$work/taken"
    start "$node"
    ends_by_itself "$node" 'it has lost its data'
    rm "$work/r$node"/*
    mv "$work/taken"/* "$work/r$node"
    rmdir "$work/taken"
    start "$node"
    counted wiped_disks
  done
  meet
}

# The same with a copy of its directory that was made while it ran, some hundred
# milliseconds before it was killed.
nemesis_old_copy() {
  local node
  meet
  while time_left; do
    choose 1
    node=${chosen[0]}
    signal "$node" STOP
    cp -r "$work/r$node" "$work/copy"
    signal "$node" CONT
    last_ms 300
    kill_node "$node"
    mv "$work/r$node" "$work/taken"
    mv "$work/copy" "$work/r$node"
    start "$node"
    ends_by_itself "$node" 'older copy of its directory'
    rm -r "${work:?}/r$node"
    mv "$work/taken" "$work/r$node"
    start "$node"
    counted old_copies
    settle
    meet
  done
}
