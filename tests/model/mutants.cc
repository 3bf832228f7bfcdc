// Linked with the core that has the hooks of wire/mutation.h.
#ifndef QUORATE_MUTATIONS
#error "built with QUORATE_MUTATIONS only"
#endif

#include "tests/model/mutants.h"

#include <algorithm>
#include <iterator>

#include "wire/mutation.h"

namespace quorate::model {
namespace {

// Every hook in the core.
constexpr Mutation kMutations[] = {
    {"acc_bal", "an accept below a promise is taken",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"acceptor_forgets", "BPaxos: an acceptor's restart forgets its votes",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"amnesia", "a node that lost its disk is taken for who it was"},
    {"any_accepted", "recovery proposes any accepted value, not the newest"},
    {"any_committed", "a follower takes a commit index for an older ballot's",
     "--protocol multipaxos --replicas 3 --seed 2"},
    {"atlas_clamp", "Atlas: a later instance of the column is left out"},
    {"atlas_nod", "Atlas: a vote leaves out the command leader's dependencies",
     "--replicas 3 --operations 150 --fast-path atlas --seed 1"},
    {"atlas_noindex", "Atlas: a recovered command is told to nobody later",
     "--replicas 3 --operations 150 --fast-path atlas --seed 1"},
    {"atlas_second_fq", "Atlas: a command leader tries another fast quorum",
     "--replicas 3 --operations 150 --fast-path atlas --seed 1"},
    {"atlas_threshold", "Atlas: f-1 reporters are enough for a dependency",
     "--replicas 5 --operations 150 --fast-path atlas --seed 2"},
    {"atlas_union_all", "Atlas: recovery unites all answers, always",
     "--replicas 3 --operations 150 --fast-path atlas --seed 1"},
    {"ballot0_twice", "BPaxos: a restarted leader uses ballot 0 again",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"commit_as_execution", "results call the latency of commits execution's"},
    {"coord_rule_always", "recovery always gives up the payload",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 6"},
    {"d_accept", "an accept is answered before it is on disk",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"d_collect", "Atlas: what a recovery was told is not on disk",
     "--replicas 3 --operations 150 --fast-path atlas --seed 1"},
    {"d_coord_pre", "a PreAccept leaves before its record is on disk",
     "--replicas 5 --operations 150 --fast-path epaxos --seed 1"},
    {"d_fastcommit", "a fast commit is announced before it is on disk",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"d_promise", "a promise is given before it is on disk",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"d_resume0", "a restarted command leader goes on at ballot 0",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"d_validate", "a Validate is answered before it is on disk",
     "--replicas 5 --operations 150 --fast-path epaxos --seed 6"},
    {"d_vote", "a pre-accept is answered before it is on disk",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"dep_changes_mind", "BPaxos: a restarted dependency node answers anew",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"deps_from_f", "BPaxos: the answers of f dependency nodes are enough",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"duplicate_vote", "a vote that comes twice counts twice",
     "--replicas 5 --operations 150 --fast-path epaxos --seed 2"},
    {"edge_to_latest", "execution looks at the last of a column only",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"era_commutes", "the end of an era commutes with everything",
     "--replicas 3 --seed 1"},
    {"execute_twice", "a repeated command is applied again",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"executor_blocks", "what waits for execution keeps recovery from running",
     "--replicas 5 --operations 150 --fast-path epaxos --seed 1"},
    {"fast_allequal", "votes that equal each other are a fast quorum",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"fast_bal", "a fast commit at a ballot that was promised away",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 9"},
    {"first_deps", "recovery takes the first answer's dependencies",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"first_shard_only", "BPaxos: only the first shard of a command is asked"},
    {"floor_of_one", "BPaxos: what one executor has executed is forgotten",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"forget_promise", "a restart forgets promises",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"forget_vote", "Multi-Paxos: a restart forgets votes",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"foreign_group", "BPaxos: an acceptor votes in another group's vertices"},
    {"fq_seven", "fast quorums are majorities with seven replicas too",
     "--replicas 7 --operations 150 --fast-path epaxos --seed 1"},
    {"fq_small", "a fast quorum lacks one",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"ign_accepted", "recovery ignores accepted values",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"ign_committed_inv", "validation overlooks what is committed",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"ign_uncomm_inv", "validation overlooks what is not committed",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"ign_votes", "Multi-Paxos: a new leader ignores votes",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"latest_only", "validation takes a set for the last of each column",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"log_acc_bal", "Multi-Paxos: a vote below a promise",
     "--protocol multipaxos --replicas 3 --seed 3"},
    {"log_duplicate", "Multi-Paxos: a vote that comes twice counts twice",
     "--protocol multipaxos --replicas 3 --seed 4"},
    {"log_forget_promise", "Multi-Paxos: a restart forgets promises",
     "--protocol multipaxos --replicas 3 --seed 2"},
    {"log_promise", "Multi-Paxos: a promise is given before it is on disk",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"log_vote", "Multi-Paxos: a vote is given before it is on disk",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"no_admission", "proposals join a chain that waits, however long"},
    {"no_checksum", "the store does not compare checksums"},
    {"no_conflicts", "no two commands conflict",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"no_connection_limit", "as many clients as there are descriptors"},
    {"no_election", "Multi-Paxos: nobody replaces a dead leader",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"no_index", "the first write to a key is not indexed",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"no_phantom", "a restart forgets that it may have used its slots"},
    {"no_r3", "recovery leaves out rule R3"},
    {"no_r4", "recovery leaves out rule R4"},
    {"no_recovery", "nobody finishes what a dead replica began",
     "--replicas 5 --operations 150 --fast-path epaxos --seed 3"},
    {"no_sync", "the store does not sync",
     "--real-store --replicas 3 --faults crash,power,sync --operations 300 "
     "--seed 1"},
    {"no_w3", "a waiting recovery leaves out rule W3"},
    {"no_w4", "a waiting recovery leaves out rule W4"},
    {"no_w5", "a waiting recovery leaves out rule W5"},
    {"nop_drops_index", "noops leave the conflict index"},
    {"nopcoord_any", "V3 without its condition on the votes",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 3"},
    {"nopcoord_inq", "V3 without its condition on the command leader",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 13"},
    {"nopcom_drops", "decided noops leave the conflict index"},
    {"own_column_clamp", "BPaxos: a later instance of a column is left out",
     "--protocol bpaxos --replicas 3 --operations 150 --seed 1"},
    {"phases_apart", "Multi-Paxos: the quorums of two phases do not meet",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"post_ignore_dep", "W2 takes any commit for one that depends on us"},
    {"pre_bal", "a pre-accept below a promise is taken"},
    {"quorums_apart", "BPaxos: quorums of dependency nodes do not meet"},
    {"r_anypre", "any pre-accept counts as one for the initial dependencies",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"read_unconfirmed", "Multi-Paxos: a leader reads without asking anybody",
     "--protocol multipaxos --replicas 3 --faults partition,suspect "
     "--operations 600 --seed 700"},
    {"rec_k", "W3 counts a recused command leader"},
    {"rec_none", "a command leader that may have forgotten a commit speaks",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 16"},
    {"rec_r3", "R3 believes a recused command leader",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 13"},
    {"rec_w4", "W4 believes a recused command leader"},
    {"refused_and_kept", "a command is refused, and executed later"},
    {"replay_differs", "a restart replays other dependencies",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"rows_before_facts", "rows go before the checkpoint that stands for them"},
    {"session_begins_again", "what is left of a forgotten session is new",
     "--replicas 3 --seed 41"},
    {"single_bal", "one ballot an instance, not a promised and an accepted"},
    {"skip_instance", "the executor leaves out an instance",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"skip_phase1", "Multi-Paxos: a leader that nobody promised anything",
     "--protocol multipaxos --replicas 3 --seed 1"},
    {"skip_validate", "recovery does not validate",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"skip_wait_acc", "a waiting recovery proposes its payload at once",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 39"},
    {"skip_wait_nop", "a waiting recovery gives up at once",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 13"},
    {"slow_initdep", "the slow path proposes the initial dependencies",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"slowq_small", "a classic quorum lacks one",
     "--replicas 3 --operations 150 --fast-path epaxos --seed 1"},
    {"unanimous_majority", "Unanimous: all but one are a fast quorum",
     "--replicas 3 --operations 150 --fast-path unanimous --seed 1"},
    {"unanimous_some", "Unanimous: recovery believes some votes",
     "--replicas 3 --operations 150 --fast-path unanimous --seed 6"},
    {"val_use_dep", "validation tests dependencies, not the initial ones",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 14"},
    {"validate_noindex", "a Validate does not index the command",
     "--replicas 5 --contended --fast-path epaxos --operations 300 --faults "
     "crash,pause,suspect,loss,delay --seed 1"},
    {"wait_ge", "W3 with one vote less"},
    {"wait_for_ever", "a waiting recovery waits, and so do all others"},
};

}  // namespace

std::span<const Mutation> Mutations() { return kMutations; }

bool PlantMutation(std::string_view name) {
  const auto* found = std::ranges::find(kMutations, name, &Mutation::name);
  if (found == std::end(kMutations)) return false;
  planted_mutation = found->name;
  return true;
}

}  // namespace quorate::model
