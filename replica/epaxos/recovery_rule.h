// Answers: which rules decide the recoveries of this replica?
//
// One name a rule of protocol.md 2.6 and a way in which a command leader goes
// on after a restart, and a count of each since the process started. For an
// operator who wonders how recoveries end, and for the tests that demand that
// every rule is reached; the protocol itself never reads them. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quorate::epaxos {

enum class RecoveryRule : std::uint8_t {
  kR1,         // somebody knows the decision
  kR2,         // an accepted value wins
  kR3,         // the command leader has promised
  kR4,         // too few matching votes
  kR5,         // asks whether a fast commit would have been seen
  kV1,         // nothing speaks against it
  kV2,         // a conflicting instance was decided without it
  kV3,         // everybody outside would be needed, and one cannot have been
  kV4,         // waits for the fate of others
  kW1,         // one of them was decided without it
  kW2,         // all of them see it
  kW3,         // one of them has too many votes
  kW4Value,    // a late answer has an accepted value
  kW4Leader,   // the command leader answers late
  kW5,         // with late answers too few match
  kSalvage,    // given up, and the commands are kept
  kNoop,       // given up
  kOvertaken,  // somebody has a higher ballot
  kRecused,    // the command leader has answered that it does not know
  // After a restart, own instances:
  kResumed,    // go on at ballot 0
  kPromised,   // are recovered: a higher ballot was promised, or recused
  kForgotten,  // are recovered: of the slot nothing but its reservation is left
  // Before a recovery, whoever should finish the instance is asked:
  kAtWork,  // it says so
  kSilent,  // it does not answer
};
inline constexpr std::size_t kRecoveryRules = 24;

// "R1", ..., "W5", "salvage", ...
constexpr std::string_view Name(RecoveryRule rule) {
  constexpr std::array<std::string_view, kRecoveryRules> kNames = {
      "R1",       "R2",        "R3",       "R4",        "R5",      "V1",
      "V2",       "V3",        "V4",       "W1",        "W2",      "W3",
      "W4 value", "W4 leader", "W5",       "salvage",   "noop",    "overtaken",
      "recused",  "resumed",   "promised", "forgotten", "at work", "silent"};
  return kNames[static_cast<std::size_t>(rule)];
}

using RuleCounts = std::array<std::uint64_t, kRecoveryRules>;

}  // namespace quorate::epaxos
