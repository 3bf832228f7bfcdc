// Answers: what do the answers of all nodes say about the cluster?
//
// Puts the nodes' status objects side by side and judges whether their states
// agree. State hashes may be compared only when everything committed is
// executed and all nodes that are up have executed the same instances; before
// that they differ without a fault. Fields that a node does not send are shown
// as "-". Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "replica/config/standing.h"

namespace quorate::cli {

struct NodeAnswer {
  std::string name;     // "r1"
  std::string address;  // where it was asked
  // The node's JSON object, or why there is none.
  absl::StatusOr<std::string> status;
};

enum class Agreement : std::uint8_t {
  kEqual,
  kDifferent,  // a bug, or somebody has changed a node's data
  kNotAtRest,  // still executing or catching up
  kAlone,      // one state, and nobody to compare it with
  kNobodyUp,
};
Agreement CompareStates(std::span<const NodeAnswer> answers);

// Which nodes have answered.
std::vector<bool> WhoIsUp(std::span<const NodeAnswer> answers);

// Does a node that is up refuse another one, or is it refused by it?
bool AnyoneRefused(std::span<const NodeAnswer> answers);

// A table of one line a node and the verdict.
std::string StatusAsText(std::span<const NodeAnswer> answers,
                         const Standing& standing = {});
// {"nodes": [...], "up": 2, "quorum": true, "quorum_note": null,
// "state_hash_equal": true}; the last is null while the hashes cannot be
// compared.
std::string StatusAsJson(std::span<const NodeAnswer> answers,
                         const Standing& standing = {});

}  // namespace quorate::cli
