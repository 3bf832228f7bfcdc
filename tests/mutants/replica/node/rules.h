// Answers: what if a node let anybody in?
//
// In place of replica/node/rules.h: see tests/mutants/planted.h.
#pragma once

#include "../../../../replica/node/rules.h"
#include "tests/mutants/planted.h"

namespace quorate::rules {

inline bool HasItsDisk(const NodeLife& now, const NodeLife& known) {
  return Mutated("amnesia") || kept_rules::HasItsDisk(now, known);
}
inline bool Forgets(const NodeLife& now, const NodeLife& known) {
  return !Mutated("old_copy") && kept_rules::Forgets(now, known);
}
inline std::size_t Places(std::size_t most_connections) {
  return kept_rules::Places(most_connections +
                            (Mutated("no_connection_limit") ? 1000 : 0));
}

}  // namespace quorate::rules
