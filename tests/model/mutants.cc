// Linked with the core that has the hooks of wire/mutation.h.
#ifndef QUORATE_MUTATIONS
#error "built with QUORATE_MUTATIONS only"
#endif

#include "tests/model/mutants.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "wire/mutation.h"

namespace quorate::model {
namespace {

// Every hook in the core; tests/mutants.sh says what each takes away.
constexpr std::string_view kMutations[] = {
    "acc_bal",
    "acceptor_forgets",
    "any_accepted",
    "any_committed",
    "atlas_clamp",
    "atlas_noindex",
    "atlas_second_fq",
    "atlas_threshold",
    "atlas_union_all",
    "ballot0_twice",
    "coord_rule_always",
    "d_accept",
    "d_collect",
    "d_coord_pre",
    "d_fastcommit",
    "d_promise",
    "d_resume0",
    "d_validate",
    "d_vote",
    "dep_changes_mind",
    "deps_from_f",
    "duplicate_vote",
    "execute_twice",
    "fast_allequal",
    "fast_bal",
    "first_deps",
    "first_shard_only",
    "floor_of_one",
    "foreign_group",
    "forget_promise",
    "forget_vote",
    "fq_small",
    "ign_accepted",
    "ign_committed_inv",
    "ign_uncomm_inv",
    "ign_votes",
    "log_acc_bal",
    "log_duplicate",
    "log_forget_promise",
    "log_promise",
    "log_vote",
    "no_conflicts",
    "no_election",
    "no_index",
    "no_phantom",
    "no_r3",
    "no_recovery",
    "nopcoord_any",
    "nopcoord_inq",
    "own_column_clamp",
    "phases_apart",
    "post_ignore_dep",
    "pre_bal",
    "quorums_apart",
    "r_anypre",
    "read_unconfirmed",
    "rec_k",
    "rec_none",
    "rec_r3",
    "rec_w4",
    "replay_differs",
    "single_bal",
    "skip_instance",
    "skip_phase1",
    "skip_validate",
    "skip_wait_acc",
    "skip_wait_nop",
    "slow_initdep",
    "slowq_small",
    "unanimous_majority",
    "unanimous_some",
    "val_use_dep",
    "validate_noindex",
    "wait_ge",
};

}  // namespace

bool PlantMutation(const std::string& name) {
  const auto* found = std::ranges::find(kMutations, name);
  if (found == std::end(kMutations)) return false;
  planted_mutation = *found;
  return true;
}

}  // namespace quorate::model
