// Answers: whom does a node let in?
//
// Each is asked by its name. Those in brackets are mutants: see
// tests/mutants/replica/node/rules.h. Sources include this, headers do not.
// Pure.
#pragma once

#include <cstddef>

#include "wire/client_message.h"

namespace quorate {
namespace kept_rules {

// BM16: a node that lost its disk has forgotten its votes, and is not who it
// was (amnesia).
constexpr bool HasItsDisk(const NodeLife& now, const NodeLife& known) {
  return now.incarnation == known.incarnation;
}
// Does a node come back with less than what it was known by (old_copy)? The
// same process has forgotten nothing. Another one must be of a later life: of
// the same one it has a copy of the directory. And it must remember what it had
// said was on its disk: a copy that was started more often than the original
// does not.
constexpr bool Forgets(const NodeLife& now, const NodeLife& known) {
  if (now.process == known.process && now.life == known.life) return false;
  return now.life <= known.life || now.record < known.record;
}
// Below what descriptors there are: a process without any can only spin (BS6;
// no_connection_limit).
constexpr std::size_t Places(std::size_t most_connections) {
  return most_connections;
}

}  // namespace kept_rules

// Looked up here; what a mutant declares here itself hides the rule.
namespace rules {
using namespace kept_rules;  // NOLINT(build/namespaces)
}

}  // namespace quorate
