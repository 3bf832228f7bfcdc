#!/usr/bin/env bash
# Takes the rules away one by one; each time a test must notice, and nothing may
# be found while all rules stand. Builds what it needs.
#
#   bash tests/mutants.sh             the whole corpus: a few minutes
#   bash tests/mutants.sh --quick     recorded schedules in place of walks
#   bash tests/mutants.sh NAME ...    some of it
#
# QUORATE_BUILD names a build directory that is up to date already.
#
# A line of the corpus: the mutant; the rule that it takes away; the rows of the
# two lists of bugs that it stands for, BM and BS of the published bugs and the
# mutations of the protocol's own model check by name ("=": the mutant's own);
# the test that must kill it. The lists are spelled out below, and a row without
# a mutant is a failure. `sim` is the seed that `quorate-sim --bug NAME` runs,
# `unit` a test of the product's own, with the mutant linked in. A mutant whose
# rule several protocols or roles have has a line for each: what follows `sim`
# then names the world.
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

# The published bugs.
published() {
  cat <<'END'
BM1  one ballot an instance instead of a promised and an accepted one
BM2  recovery keeps the first pre-accepted answer's dependencies
BM3  a pre-accept is answered before it is durable
BM4  somebody hears of a decision before what it rests on is durable
BM5  the executor waits on the thread that should recover what it waits for
BM6  chains of dependencies that never close: commits go on, execution starves
BM7  fast quorums that are wrong from seven replicas on
BM8  a conflict test that is always false
BM9  a persisted promise is overwritten
BM10 the first write to a key never enters the conflict index
BM11 the executor skips instances
BM12 a quorum counted over messages: a duplicate is a second vote
BM13 two recoveries that wait for each other
BM14 duplicates and retries execute twice
BM15 a replay after a restart rebuilds a different state
BM16 a wiped replica comes back under its old identity
BM17 no recovery: a dead coordinator's keys stall for ever
BM18 the latency of commits is called that of execution
BS1  a stale read after a pause
BS2  what was applied is not atomic with the data
BS3  acknowledged before it is synced
BS4  what was refused for certain is applied later
BS5  a flipped bit on one node
BS6  a busy loop when descriptors run out
END
}

# The mutations of the model check of the protocol. One of them is about an
# option that the product does not have: PreAccepts ordered by timestamps
# (toq_self).
checked="single_bal any_accepted ign_accepted skip_validate validate_noindex
  val_use_dep ign_committed_inv ign_uncomm_inv nopcoord_any nopcoord_inq wait_ge
  skip_wait_nop skip_wait_acc latest_only d_vote d_promise d_accept d_resume0
  d_fastcommit d_validate d_coord_pre atlas_f1 atlas_noindex atlas_nod
  no_card_rule fq_small slowq_small fast_allequal slow_initdep fast_bal pre_bal
  acc_bal coord_rule_always no_coord_rule r_anypre post_ignore_dep
  nop_drops_index nopcom_drops n7_e3 bp_depq bp_latest_only bp_clamp
  post_outside_ign"

corpus() {
  cat <<'END'
no_conflicts       5.1  BM8                 explore X1 recoveries=1
no_index           5.3  BM10                explore X1 recoveries=1
execute_twice      2.8  BM14                explore X1 recoveries=0 retries=1
single_bal         2.3  BM1,=               explore X6
first_deps         D7   BM2                 explore X1 recoveries=1
d_vote             1.2  BM3,=               explore X1 recoveries=1 restarts=1 separate_sync=1
d_fastcommit       1.2  BM4,=               explore X6 recoveries=2 restarts=1 separate_sync=1
executor_blocks    4.6  BM5                 sim
no_admission       4.6  BM6                 unit Replica.ProposesNothingThatJoinsAChainWhileTooMuchWaits
fq_seven           1    BM7,n7_e3           sim
forget_promise     1.2  BM9                 explore X1 recoveries=1 restarts=1
duplicate_vote     2.5  BM12                walk 45 X4 recoveries=3
skip_instance      4.3  BM11                sim
edge_to_latest     4.2  bp_latest_only      sim
replay_differs     1.2  BM15                sim
no_recovery        2.7  BM17                sim
amnesia            1    BM16                unit HandshakeTest.RefusesAReplicaThatHasLostItsDisk
old_copy           1    BM16                unit HandshakeTest.RefusesAnOlderCopyOfADirectory
commit_as_execution -   BM18                unit ResultTest.FiguresAreThoseOfTheRecords
rows_before_facts  -    BS2                 unit PowerTest.EveryOperationOfAWorkloadMayBeTheLastAndAnySectorsSurvive
no_sync            1.2  BS3                 sim
no_sync            1.2  BS3                 sim --protocol bpaxos --roles separate --real-store --replicas 3 --operations 150 --faults crash,power,sync --seed 1
no_sync            1.2  BS3                 sim --protocol multipaxos --real-store --replicas 3 --operations 150 --faults crash,power,sync --seed 1
refused_and_kept   2.8  BS4                 unit Replica.RefusesBusyWhenItsQueueIsFull
no_checksum        -    BS5                 unit SqliteStoreTest.NamesFileAndRowOfAFlippedBit
no_mark            -    BS5                 unit DamageTest.NoFlippedBitOfTheLogOfAKilledNodeLosesAGroup
no_wal_check       -    BS5                 unit DamageTest.WithAnOldMarkOnlyTheLastGroupCanBeLost
no_connection_limit -   BS6                 unit NodeClientsTest.RefusesConnectionsBeyondItsLimit
d_promise          1.2  =                   explore X1 recoveries=1 restarts=1 separate_sync=1
d_accept           1.2  =                   explore X6 recoveries=2 restarts=1 separate_sync=1
d_resume0          1.2  =                   explore X1 recoveries=1 restarts=1 separate_sync=1
d_coord_pre        1.2  =                   sim
d_validate         1.2  =                   sim
acc_bal            2.5  =                   explore X1 recoveries=1
pre_bal            2.5  =                   explore X1 recoveries=1
fast_bal           2.5  =                   explore X1 recoveries=1
fast_allequal      2.5  =                   explore X1 recoveries=1
fq_small           2.5  =                   explore X1 recoveries=1
slow_initdep       2.5  =                   explore X1 recoveries=1
slowq_small        2.5  =                   explore X1 recoveries=1
latest_only        D3   =                   sim
nop_drops_index    D4   =                   replay tests/model/scenarios/nop_drops_index.txt
nopcom_drops       D4   =                   replay tests/model/scenarios/nopcom_drops.txt
ign_accepted       R2   =                   explore X1 recoveries=1
any_accepted       R2   =                   walk 45 X4 recoveries=3
no_r3              R3   no_coord_rule       walk 45 X4 recoveries=3
coord_rule_always  R3   =                   explore X1 recoveries=1
r_anypre           R4   =                   explore X1 recoveries=1
no_r4              R4   no_card_rule        unit EpaxosFewVotes.GivesUpWithoutAskingWhenTooFewVotesMatch
skip_validate      R5   =                   walk 45 X4 recoveries=3
validate_noindex   R5   =                   walk 45 X4 recoveries=3
ign_committed_inv  R5   =                   walk 45 X4 recoveries=3
ign_uncomm_inv     R5   =                   walk 45 X4 recoveries=3
val_use_dep        R5   =                   walk 45 X4 recoveries=2 impatience=1 proposed=0
nopcoord_any       V3   =                   walk 45 X4 recoveries=3
nopcoord_inq       V3   =                   explore X1
skip_wait_nop      V4   =                   explore X1 recoveries=1
skip_wait_acc      V4   =                   walk 55 X4 recoveries=4
post_ignore_dep    W2   =                   walk 55 X4 recoveries=4
wait_ge            W3   =                   walk 55 X4 recoveries=4
wait_for_ever      W3   BM13                unit EpaxosMutualWait.EndsThoughBothLeadersAreLost
no_w3              W3   -                   unit EpaxosWaiting.GivesUpWhenTheOtherWaitsWithTooManyVotes
no_w4              W4   post_outside_ign    unit EpaxosWaiting.GivesUpWhenTheCommandLeaderAnswersLate
no_w5              W5   -                   unit EpaxosWaiting.GivesUpWhenTooFewOfAllAnswersMatch
session_begins_again 2.8 -                  sim
era_commutes       2.8  -                   sim
withdrawal_commutes 2.8 -                   sim
ranges_overlooked  5.2  -                   sim
withdrawal_forgets 2.8  -                   sim
no_phantom         1.3  -                   replay tests/model/scenarios/no_phantom.txt
rec_none           A.1  -                   explore X1 recoveries=1 restarts=1 separate_sync=1 lazy=1
rec_r3             A.1  -                   explore X1 recoveries=1 restarts=1 separate_sync=1 lazy=1
rec_w4             A.1  -                   replay tests/model/scenarios/rec_w4.txt
rec_k              A.1  -                   replay tests/model/scenarios/rec_k.txt
atlas_union_all    3.6  -                   explore X1 fast_path=atlas recoveries=1 impatience=0
atlas_second_fq    3.6  -                   explore X1 fast_path=atlas recoveries=1
atlas_threshold    3.6  atlas_f1            walk 45 X4 fast_path=atlas recoveries=3
atlas_nod          3.6  =                   explore X1 fast_path=atlas recoveries=1
atlas_noindex      3.6  =                   walk 45 X4 fast_path=atlas recoveries=3
atlas_clamp        2.2  -                   walk 45 X7 fast_path=atlas
d_collect          1.2  -                   explore X1 fast_path=atlas recoveries=1 restarts=1 impatience=0
unanimous_majority 3.5  -                   explore X1 fast_path=unanimous recoveries=1 impatience=0
unanimous_some     3.5  -                   walk 45 X4 fast_path=unanimous recoveries=3
deps_from_f        3.2  bp_depq             sim
d_answer           1.2  -                   sim
d_reserve          1.2  -                   sim
d_accept           1.2  -                   sim --protocol bpaxos --roles separate --real-store --replicas 3 --operations 150 --seed 1
d_promise          1.2  -                   sim --protocol bpaxos --roles separate --real-store --replicas 3 --operations 150 --seed 1
d_resume0          1.2  -                   sim --protocol bpaxos --roles separate --real-store --replicas 3 --operations 150 --seed 1
dep_changes_mind   3.2  -                   sim
ballot0_twice      3.2  -                   sim
own_column_clamp   3.2  bp_clamp            sim
acceptor_forgets   3.2  -                   sim
floor_of_one       3.3  -                   sim
passed_with_f      3.3  -                   sim
pass_each_other    B.6  -                   explore XF1
install_no_votes   3.3  -                   unit BpaxosSnapshot.RolesBesideTheExecutorKeepTheirVotesAndAnswers
quorums_apart      3.2  -                   explore XB2 recoveries=1
first_shard_only   3.2  -                   explore XB3
foreign_group      3.2  -                   explore XB3
skip_phase1        log  -                   explore XM1
phases_apart       log  -                   explore XM1
ign_votes          log  -                   explore XM1
log_acc_bal        log  -                   explore XM1
log_duplicate      log  BM12                sim
any_committed      log  -                   explore XM1
log_promise        1.2  -                   sim
log_vote           1.2  -                   sim
forget_vote        log  -                   explore XM2
log_forget_promise log  BM9                 explore XM2
no_election        log  BM17                sim
read_unconfirmed   log  BS1                 sim
END
}

# attempt MUTANT(or none) KIND ARGUMENT...: prints what the test said; 1 if it
# found something. Without a mutant a scope is explored no further than any
# mutant has needed.
attempt() {
  local mutant=$1 kind=$2 plant=()
  shift 2
  if [ "$mutant" != none ]; then plant=(--mutation "$mutant"); fi
  case $kind in
    explore) explore "${plant[@]}" --scope "$*" --states 600000 ;;
    walk)
      local steps=$1
      shift
      explore "${plant[@]}" --scope "$*" --walks 40000 --walk-steps "$steps" ;;
    sim) simulate --bug "$mutant" "$@" ;;
    unit) unit "$mutant" "$1" ;;
    replay) explore --mutation "$mutant" --replay "$1" ;;
  esac
}

# A check inside a machine that fails aborts.
simulate() {
  local code=0
  "$build/tests/sim/quorate-sim-mutants" "$@" 2>&1 || code=$?
  if [ "$code" -eq 134 ]; then code=1; fi
  return "$code"
}

unit() {
  local code=0
  if [ "$1" != none ]; then local -x QUORATE_MUTATION=$1; fi
  "$build/tests/model/quorate-unit-mutants" --gtest_filter="$2" 2>&1 || code=$?
  if [ "$code" -gt 2 ]; then code=1; fi
  return "$code"
}

# The options of a mutant's seed, from the line that replays it.
world_of() {
  grep -m1 '^replay: ' <<<"$1" | sed 's/^replay: [^ ]* //; s/ --bug=[^ ]*//'
}

# What a kill took: states or steps, and the length of its schedule.
figures() {
  local states steps length
  states=$(grep -o '"states":[0-9]*' <<<"$1" | cut -d: -f2 || true)
  steps=$(grep -o '"transitions":[0-9]*' <<<"$1" | cut -d: -f2 || true)
  length=$(grep -o '"schedule":\[[^]]*\]' <<<"$1" | grep -o '","' | wc -l || true)
  if [ -z "$steps" ]; then
    grep -m1 -o -e 'FAILED at .*' -e ': Failure$' <<<"$1" | sed 's/^: F/f/'
  elif [ "$steps" -eq 0 ]; then
    echo "a check in the machine, schedule of $((length + 1))"
  elif [ "${states:-0}" -gt 0 ]; then
    echo "$states states, schedule of $((length + 1))"
  else
    echo "$steps steps, schedule of $((length + 1))"
  fi
}

# The rows that no mutant stands for.
missing_rows() {
  local stands row
  stands=" $(corpus | while read -r mutant _ rows _; do
    echo -n "${rows//=/$mutant} " | tr , ' '
  done)"
  for row in $(published | cut -d' ' -f1) $checked; do
    if [[ $stands != *" $row "* ]]; then echo "$row"; fi
  done
}

# The mutants that no line of the corpus takes.
missing_mutants() {
  local name
  while read -r name _; do
    corpus | grep -q "^$name " || echo "$name"
  done < <("$build/tests/sim/quorate-sim-mutants" --bug list |
    grep '^[a-z]' | grep -v 'of the toy machine')
}

if [ -z "${QUORATE_BUILD:-}" ]; then
  cmake --build "$build" --target quorate-explore-mutants quorate-sim-mutants \
    quorate-unit-mutants >/dev/null
fi
survived=0 killed=0 false_alarms=0
declare -A clean

line='%-19s %-4s %-17s %-58s %s\n'
# shellcheck disable=SC2059  # one format for all lines
say() { printf "$line" "$@"; }
say mutant rule 'stands for' 'killed by' after
while read -r mutant rule rows kind arguments; do
  if [ "$wanted" != "  " ] && [[ $wanted != *" $mutant "* ]]; then continue; fi
  rows=${rows//=/$mutant}
  recorded=tests/model/scenarios/$mutant.txt
  if [ $quick = yes ] && [ -e "$recorded" ]; then
    kind=replay arguments=$recorded
  fi
  # shellcheck disable=SC2086  # arguments are words
  if said=$(attempt "$mutant" "$kind" $arguments 2>/dev/null); then
    survived=$((survived + 1))
    say "$mutant" "$rule" "$rows" "SURVIVED $kind $arguments" -
    continue
  elif [ $? -ne 1 ]; then
    survived=$((survived + 1))
    say "$mutant" "$rule" "$rows" "COULD NOT RUN $kind" -
    continue
  fi
  killed=$((killed + 1))
  if [ "$kind" = sim ]; then arguments=$(world_of "$said"); fi
  say "$mutant" "$rule" "$rows" "$kind $arguments" "$(figures "$said")"
  [ -z "${clean[$kind $arguments]:-}" ] || continue
  clean[$kind $arguments]=yes
  # shellcheck disable=SC2086
  if ! attempt none "$kind" $arguments >/dev/null 2>&1; then
    false_alarms=$((false_alarms + 1))
    echo "  the same test finds something where no rule is missing"
  fi
done < <(corpus)

echo
echo "BM and BS rows, the published bugs:"
published | sed 's/^/  /'
# A row that nobody stands for is a hole in the corpus.
holes=$(missing_rows && missing_mutants)
if [ -n "$holes" ]; then echo "WITHOUT A MUTANT OR A TEST: $holes"; fi
echo "$killed killed, $survived survived, $false_alarms false alarms"
[ -z "$holes" ] && [ "$survived" -eq 0 ] && [ "$false_alarms" -eq 0 ] &&
  [ "$killed" -gt 0 ]
