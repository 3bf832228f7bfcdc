// Answers: which small world is explored?
//
// A scope bounds a world: replicas, commands, and how often what is expensive
// may happen. What a network does for free is not bounded at all: a packet,
// once sent, may be delivered at any time, in any order, any number of times or
// never, and a replica that is never scheduled again has crashed. So scopes
// name no drops, duplicates or final crashes. Plain values.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replica/base/settings.h"
#include "wire/command.h"
#include "wire/ids.h"

namespace quorate::model {

// Replicas that a world may have.
inline constexpr int kMaxModelReplicas = 7;
// A machine keeps time by counting ticks, and states that differ in nothing
// else should be one. So timers other than the one that a step is about are out
// of reach: a life sees fewer ticks than this.
inline constexpr int kRetransmitTicks = 64;

// Appends the command's own letter to each of its keys, so that a key's value
// tells which commands were executed, how often and in which order.
struct ScopeCommand {
  std::vector<std::string> keys;
  // Index of the replica that proposes it; kAnybody: whoever leads.
  static constexpr int kAnybody = -1;
  int home = 0;
};

struct Scope {
  std::string name;
  std::string about;
  Protocol protocol = Protocol::kEpaxos;
  int replicas = 3;
  int faults = 0;       // as in Settings
  int fast_faults = 0;  // as in Settings
  FastPathRule fast_path = FastPathRule::kEpaxos;
  // BPaxos: as in Settings.
  Roles roles;
  Parts parts;
  bool thrifty = false;
  std::vector<ScopeCommand> commands;
  // Clients stay and wait: a command that became a noop is proposed again.
  bool clients_wait = false;
  // Budgets of the whole run.
  int recoveries = 0;  // a replica begins to recover another one's column
  int restarts = 0;    // a replica loses all that is not in its journal
  int retries = 0;     // a client asks again at another replica
  // The journal is synced by steps of its own and a restart loses the rest;
  // otherwise each step is synced as it ends.
  bool separate_sync = false;
  // The settings of these names: a proposal leaves before its record is
  // durable, a fast commit is announced before. They matter where syncs are
  // steps.
  bool overlap = false;
  bool lazy = false;
  // A command leader may give up the fast path before all have answered.
  bool impatience = true;
  // Replicas tell each other how far they are, and forget what members lack as
  // soon as their rules allow it ("tell" is a moment in which time passes).
  bool floors = false;
  // All commands have been proposed when the run begins.
  bool proposed = false;
  // Who may begin recoveries, and of which columns. Empty: anybody, any.
  ReplicaSet recoverers;
  ReplicaSet recovered;
  // Steps before anything is explored (scenario.h's lines).
  std::vector<std::string> opening;
};

// X1 .. X5 and the scopes of the mutants, with the budgets of default CI.
std::span<const Scope> Scopes();
std::optional<Scope> FindScope(std::string_view name);
// Larger budgets, for runs of hours.
Scope Soaked(Scope scope);

// Settings of one replica of the scope's world.
Settings SettingsOf(const Scope& scope, int replica);
// The letter of a command: 'a' for the first.
inline char LetterOf(std::size_t command) {
  return static_cast<char>('a' + static_cast<int>(command));
}

}  // namespace quorate::model
