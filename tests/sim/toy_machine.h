// Answers: does the simulator see what it should see?
//
// A replica so simple that it is right at a glance: r1 alone proposes, in
// order, each instance depending on all before it; a majority accepts; the
// others send clients elsewhere. The simulator must find nothing wrong with it,
// and must find each of the bugs that can be planted in it (reliability.md 2:
// the canary of the simulator itself). Not a protocol to use: without r1
// nothing happens.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "replica/host/replica.h"

namespace quorate::sim {

enum class ToyBug : std::uint8_t {
  kNone,
  kSpeaksBeforeDurable,   // messages leave while their record is in memory
  kDecidesBeforeDurable,  // r1 counts its own vote before it is on disk
  kForgetsVotes,          // a restart leaves out what was only accepted
  kCountsMessages,        // a vote that comes twice counts twice
  kReadsLocally,          // any node answers a read from its own state
  kIgnoresOrder,          // executes in order of arrival
  kLosesDependencies,     // proposes without the dependencies
  kForgetsSessions,       // gives a repeated command a new number
  kNeverRetransmits,      // what is lost stays lost
  kAnswersOthers,         // answers on a connection that is not its own
  kChangesItsMind,        // proposes other dependencies when it repeats
  kForgetsTheRestored,    // a restart leaves out a decision
};
// "none", "speaks-before-durable", ...
std::string_view Name(ToyBug bug);
std::optional<ToyBug> ParseToyBug(std::string_view text);
inline constexpr int kToyBugs = 13;

std::unique_ptr<Replica> MakeToyReplica(const Settings& settings, ToyBug bug);

}  // namespace quorate::sim
