#!/usr/bin/env bash
# Takes the protocol's rules away one by one; each time a test must notice, and
# nothing may be found while all rules stand. Builds what it needs.
#
#   bash tests/mutants.sh             the whole corpus: a few minutes
#   bash tests/mutants.sh --quick     recorded schedules in place of walks
#   bash tests/mutants.sh NAME ...    some of it
#
# QUORATE_BUILD names a build directory that is up to date already.
#
# A line of the corpus: the mutant, the bug of the lists that it re-creates
# (reliability.md 2, protocol.md 11.2, truncation.md A), the test that must kill
# it. Three of the durability options are killed by schedules written by hand.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${QUORATE_BUILD:-build/release}
quick=no
if [ "${1:-}" = --quick ]; then
  quick=yes
  shift
fi
wanted=" $* "

explore() { "$build/tests/model/quorate-explore-mutants" --json --endings 0 "$@"; }
sim() { "$build/tests/model/quorate-sim-mutants" "$@"; }

corpus() {
  cat <<'END'
no_conflicts      M8   explore X1 recoveries=1
no_index          M10  explore X1 recoveries=1
execute_twice     M14  explore X1 recoveries=0 retries=1
single_bal        M1   explore X6
first_deps        M2   explore X1 recoveries=1
d_vote            M3   explore X1 recoveries=1 restarts=1 separate_sync=1
d_fastcommit      M4   explore X6 recoveries=2 restarts=1 separate_sync=1
forget_promise    M9   explore X1 recoveries=1 restarts=1
duplicate_vote    M12  walk 45 X4 recoveries=3
skip_instance     M11  sim 3 3
replay_differs    M15  sim 3 3
no_recovery       M17  sim 5 1
d_promise         1.2  explore X1 recoveries=1 restarts=1 separate_sync=1
d_accept          1.2  explore X6 recoveries=2 restarts=1 separate_sync=1
d_resume0         1.2  explore X1 recoveries=1 restarts=1 separate_sync=1
d_coord_pre       1.2  sim 5 1
d_validate        1.2  sim 5 6
acc_bal           2.5  explore X1 recoveries=1
pre_bal           2.5  explore X1 recoveries=1
fast_bal          2.5  explore X1 recoveries=1
fast_allequal     2.5  explore X1 recoveries=1
fq_small          2.5  explore X1 recoveries=1
slow_initdep      2.5  explore X1 recoveries=1
slowq_small       2.5  explore X1 recoveries=1
ign_accepted      R2   explore X1 recoveries=1
any_accepted      R2   walk 45 X4 recoveries=3
no_r3             R3   walk 45 X4 recoveries=3
coord_rule_always R3   explore X1 recoveries=1
r_anypre          R4   explore X1 recoveries=1
skip_validate     R5   walk 45 X4 recoveries=3
validate_noindex  R5   walk 45 X4 recoveries=3
ign_committed_inv R5   walk 45 X4 recoveries=3
ign_uncomm_inv    R5   walk 45 X4 recoveries=3
val_use_dep       R5   walk 45 X4 recoveries=2 impatience=1 proposed=0
nopcoord_any      V3   walk 45 X4 recoveries=3
nopcoord_inq      V3   explore X1
skip_wait_nop     V4   explore X1 recoveries=1
skip_wait_acc     V4   walk 55 X4 recoveries=4
post_ignore_dep   W2   walk 55 X4 recoveries=4
wait_ge           W3   walk 55 X4 recoveries=4
no_phantom        1.3  replay tests/model/scenarios/no_phantom.txt
rec_none          A.1  explore X1 recoveries=1 restarts=1 separate_sync=1 lazy=1
rec_r3            A.1  explore X1 recoveries=1 restarts=1 separate_sync=1 lazy=1
rec_w4            A.1  replay tests/model/scenarios/rec_w4.txt
rec_k             A.1  replay tests/model/scenarios/rec_k.txt
atlas_union_all   3.6  explore X1 fast_path=atlas recoveries=1 impatience=0
atlas_second_fq   3.6  explore X1 fast_path=atlas recoveries=1
atlas_threshold   3.6  walk 45 X4 fast_path=atlas recoveries=3
atlas_noindex     3.6  walk 45 X4 fast_path=atlas recoveries=3
atlas_clamp       2.2  walk 45 X7 fast_path=atlas
d_collect         1.2  explore X1 fast_path=atlas recoveries=1 restarts=1 impatience=0
unanimous_majority 3.5 explore X1 fast_path=unanimous recoveries=1 impatience=0
unanimous_some    3.5  walk 45 X4 fast_path=unanimous recoveries=3
deps_from_f       3.2  bpaxos 3 1
dep_changes_mind  3.2  bpaxos 3 1
ballot0_twice     3.2  bpaxos 3 1
own_column_clamp  3.2  bpaxos 3 1
acceptor_forgets  3.2  bpaxos 3 1
floor_of_one      3.3  bpaxos 3 1
quorums_apart     3.2  explore B2 recoveries=1
first_shard_only  3.2  explore B3
foreign_group     3.2  explore B3
skip_phase1       log  explore M1
phases_apart      log  explore M1
ign_votes         log  explore M1
log_acc_bal       log  explore M1
log_duplicate     M12  simlog 5 3
any_committed     log  explore M1
log_promise       1.2  simlog 3 2
log_vote          1.2  simlog 3 2
forget_vote       log  explore M2
log_forget_promise M9  explore M2
no_election       M17  simlog 3 1
read_unconfirmed  log  simlog 3 700 --faults partition,suspect --operations 600
END
}

# attempt MUTANT(or none) KIND ARGUMENT...: prints what the test said; 1 if it
# found something. Without a mutant a scope is explored no further than any
# mutant has needed.
attempt() {
  local mutant=$1 kind=$2 plant=() bug=()
  shift 2
  if [ "$mutant" != none ]; then
    plant=(--mutation "$mutant")
    bug=(--bug "$mutant")
  fi
  case $kind in
    explore) explore "${plant[@]}" --scope "$*" --states 600000 ;;
    walk)
      local steps=$1
      shift
      explore "${plant[@]}" --scope "$*" --walks 40000 --walk-steps "$steps" ;;
    sim)
      sim "${bug[@]}" --replicas "$1" --seed "$2" --operations 150 \
        --fast-path epaxos ;;
    bpaxos)
      sim "${bug[@]}" --protocol bpaxos --replicas "$1" --seed "$2" \
        --operations 150 ;;
    simlog)
      local replicas=$1 seed=$2
      shift 2
      sim "${bug[@]}" --protocol multipaxos --replicas "$replicas" \
        --seed "$seed" "$@" ;;
    replay) explore --mutation "$mutant" --replay "$1" ;;
  esac
}

# What a kill took: states or steps, and the length of its schedule.
figures() {
  local states steps length
  states=$(grep -o '"states":[0-9]*' <<<"$1" | cut -d: -f2 || true)
  steps=$(grep -o '"transitions":[0-9]*' <<<"$1" | cut -d: -f2 || true)
  length=$(grep -o '"schedule":\[[^]]*\]' <<<"$1" | grep -o '","' | wc -l || true)
  if [ -z "$steps" ]; then
    grep -m1 -o 'FAILED at .*' <<<"$1" || echo "-"
  elif [ "$steps" -eq 0 ]; then
    echo "a check in the machine, schedule of $((length + 1))"
  elif [ "${states:-0}" -gt 0 ]; then
    echo "$states states, schedule of $((length + 1))"
  else
    echo "$steps steps, schedule of $((length + 1))"
  fi
}

if [ -z "${QUORATE_BUILD:-}" ]; then
  cmake --build "$build" --target quorate-explore-mutants quorate-sim-mutants \
    >/dev/null
fi
survived=0 killed=0 false_alarms=0
declare -A clean

printf '%-18s %-5s %-58s %s\n' mutant rule 'killed by' after
while read -r mutant rule kind arguments; do
  if [ "$wanted" != "  " ] && [[ $wanted != *" $mutant "* ]]; then continue; fi
  recorded=tests/model/scenarios/$mutant.txt
  if [ $quick = yes ] && [ -e "$recorded" ]; then
    kind=replay arguments=$recorded
  fi
  # shellcheck disable=SC2086  # arguments are words
  if said=$(attempt "$mutant" "$kind" $arguments 2>/dev/null); then
    survived=$((survived + 1))
    printf '%-18s %-5s %-58s %s\n' "$mutant" "$rule" "SURVIVED $kind $arguments" -
    continue
  elif [ $? -ne 1 ]; then
    survived=$((survived + 1))
    printf '%-18s %-5s %-58s %s\n' "$mutant" "$rule" "COULD NOT RUN $kind" -
    continue
  fi
  killed=$((killed + 1))
  printf '%-18s %-5s %-58s %s\n' "$mutant" "$rule" "$kind $arguments" \
    "$(figures "$said")"
  [ -z "${clean[$kind $arguments]:-}" ] || continue
  clean[$kind $arguments]=yes
  # shellcheck disable=SC2086
  if ! attempt none "$kind" $arguments >/dev/null 2>&1; then
    false_alarms=$((false_alarms + 1))
    echo "  the same test finds something where no rule is missing"
  fi
done < <(corpus)

echo
echo "$killed killed, $survived survived, $false_alarms false alarms"
[ "$survived" -eq 0 ] && [ "$false_alarms" -eq 0 ] && [ "$killed" -gt 0 ]
