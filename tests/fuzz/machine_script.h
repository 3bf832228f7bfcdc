// Answers: how do bytes become the choices of a run?
//
// A script is a byte a choice, and what can be drawn from it: instances,
// ballots, payloads and values near what is in use, and sometimes beyond what
// anybody believes. Equal bytes give equal choices; nothing else is random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "wire/command.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate::fuzz {

class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool ended() const { return at_ >= bytes_.size(); }
  // 0 when it has ended.
  std::uint8_t Next() { return ended() ? 0 : bytes_[at_++]; }
  std::size_t Below(std::size_t bound) { return Next() % bound; }
  int Pick(int bound) {
    return static_cast<int>(Below(static_cast<std::size_t>(bound)));
  }
  bool Coin() { return Below(2) == 0; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

// `columns`: of the cluster's dependency sets; who has one may be named.
std::uint64_t AnyNumber(Script& script);
InstanceId AnyInstance(Script& script, int columns);
Ballot AnyBallot(Script& script, int columns);
CommandBatchPtr AnyBatch(Script& script);
Value AnyValue(Script& script);
// Moves one watermark.
void ChangeDeps(Script& script, DependencySet& deps);

}  // namespace quorate::fuzz
