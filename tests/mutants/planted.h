// Answers: which rule is taken away?
//
// The product knows nothing of this: it asks its rules by name (rules.h of its
// folders). In the libraries that tests/model builds for mutants the headers of
// this folder stand before those: each takes the product's rules, and declares
// again, where they are looked up, those that can be taken away. A planted rule
// falls through to the product's, so that neither can change without the other.
// At most one bug at a time is planted.
#pragma once

#include <string_view>

#include "wire/ids.h"

namespace quorate {

// The bug that is planted; empty: none.
inline std::string_view planted_mutation;
inline bool Mutated(std::string_view name) { return name == planted_mutation; }

// A replica that has not voted yet, if `from` has: a vote counted by message.
inline ReplicaId CountedTwice(const ReplicaSet& voters, ReplicaId from) {
  int other = 0;
  while (voters.Contains(from) && voters.Contains(ReplicaAt(other))) ++other;
  return voters.Contains(from) ? ReplicaAt(other) : from;
}

}  // namespace quorate
