// Answers: has a bug been planted here?
//
// Tests must fail when a rule is taken away. A hook names the rule that it
// takes away, and the reader of the protocol sees which lines carry safety. In
// the shipped core every hook is the constant false and leaves nothing behind;
// only the core that tests/model builds for its mutants defines
// QUORATE_MUTATIONS, and there at most one bug at a time is planted.
// tests/mutants.sh says which test finds which.
#pragma once

#include <string_view>

namespace quorate {

#ifdef QUORATE_MUTATIONS
// The bug that is planted; empty: none.
inline std::string_view planted_mutation;
inline bool Mutated(std::string_view name) { return name == planted_mutation; }
#else
constexpr bool Mutated(const char*) { return false; }
#endif

}  // namespace quorate
