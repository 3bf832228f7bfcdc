#include "tests/model/scope.h"

#include <algorithm>
#include <utility>

namespace quorate::model {
namespace {

std::vector<Scope> MakeScopes() {
  const std::vector<ScopeCommand> two = {{{"x"}, 0}, {{"x"}, 1}};
  const std::vector<ScopeCommand> three = {
      {{"x"}, 0}, {{"x", "y"}, 1}, {{"y"}, 2}};
  // Commands of the first two columns, to be recovered by the others.
  const Scope five = {.replicas = 5,
                      .commands = two,
                      .impatience = false,
                      .proposed = true,
                      .recoverers = ReplicaSet::FromBits(0b11100),
                      .recovered = ReplicaSet::FromBits(0b00011)};
  const auto with = [](Scope scope, std::string name, std::string about) {
    scope.name = std::move(name);
    scope.about = std::move(about);
    return scope;
  };
  std::vector<Scope> scopes = {
      {.name = "X1",
       .about = "two conflicting commands of two leaders, two recoveries",
       .commands = two,
       .recoveries = 2},
      {.name = "X2",
       .about = "the same with one recovery, and a replica starts again",
       .commands = two,
       .recoveries = 1,
       .restarts = 1},
      {.name = "X3",
       .about = "three commands on two keys; the leader of both is lost",
       .commands = three,
       .recoveries = 1,
       .impatience = false,
       .recovered = ReplicaSet::FromBits(0b010)},
  };
  scopes.push_back({.name = "X6",
                    .about = "one command, and recoverers that duel",
                    .commands = {{{"x"}, 0}},
                    .recoveries = 4});
  scopes.push_back({.name = "X7",
                    .about = "two commands of one leader and one of another",
                    .commands = {{{"x"}, 0}, {{"x"}, 0}, {{"x"}, 1}},
                    .recoveries = 2,
                    .impatience = false});
  scopes.push_back(with(five, "X4", "five replicas, two leaders are lost"));
  scopes.back().recoveries = 2;
  scopes.push_back(
      with(five, "X5",
           "two recoveries wait for each other while both leaders are slow"));
  scopes.back().opening = {"deliver PreAccept r1.1 r1>r3",
                           "deliver PreAccept r2.1 r2>r5", "recover r2 at r3",
                           "recover r1 at r4"};
  scopes.back().recoveries = 2;
  scopes.push_back({.name = "XB1",
                    .about = "BPaxos: two conflicting commands of two leaders "
                             "on nodes with all roles, one recovery",
                    .protocol = Protocol::kBpaxos,
                    .commands = two,
                    .recoveries = 1,
                    .impatience = false});
  scopes.push_back({.name = "XB2",
                    .about = "BPaxos: one command, and recoverers that duel",
                    .protocol = Protocol::kBpaxos,
                    .commands = {{{"x"}, 0}},
                    .recoveries = 2,
                    .impatience = false});
  // "z" is a key of the first shard, "x" one of the second.
  Scope divided = {
      .protocol = Protocol::kBpaxos,
      .replicas = 6,
      .roles = {.leaders = ReplicaSet::FromBits(0b001001),
                .dependency_nodes = ReplicaSet::FromBits(0b111111),
                .acceptors = ReplicaSet::FromBits(0b111111),
                .executors = ReplicaSet::FromBits(0b001001)},
      .parts = {.shard = {0, 0, 0, 1, 1, 1}, .group = {0, 0, 0, 1, 1, 1}},
      .thrifty = true,
      .impatience = false,
      .recoverers = ReplicaSet::FromBits(0b001001),
      .recovered = ReplicaSet::FromBits(0b001001)};
  scopes.push_back(with(divided, "XB3",
                        "BPaxos: two shards and two groups of three, a command "
                        "on a key of each shard and one that conflicts"));
  scopes.back().commands = {{{"x", "z"}, 0}, {{"x"}, 3}};
  scopes.back().recoveries = 1;
  scopes.back().restarts = 1;
  // Leaders that execute as well, a dependency node, one that votes as well, an
  // acceptor: each may be the one that starts again.
  scopes.push_back(
      {.name = "XB4",
       .about = "BPaxos: two conflicting commands, a recovery, and a node of "
                "any role starts again",
       .protocol = Protocol::kBpaxos,
       .replicas = 7,
       .roles = {.leaders = ReplicaSet::FromBits(0b0000011),
                 .dependency_nodes = ReplicaSet::FromBits(0b0011100),
                 .acceptors = ReplicaSet::FromBits(0b1110000),
                 .executors = ReplicaSet::FromBits(0b0000011)},
       .thrifty = true,
       .commands = two,
       .recoveries = 1,
       .restarts = 1,
       .impatience = false,
       .recoverers = ReplicaSet::FromBits(0b0000011),
       .recovered = ReplicaSet::FromBits(0b0000011)});
  // Each of two has its own command and the third both: whoever forgets now may
  // pass another one.
  scopes.push_back(
      {.name = "XF1",
       .about =
           "floors: two commands that do not conflict, each unknown to the "
           "other's leader; whoever lacks something may be passed",
       .commands = {{{"x"}, 0}, {{"y"}, 1}},
       .impatience = false,
       .floors = true,
       .proposed = true,
       .opening = {
           "deliver PreAccept r1.1 r1>r3", "deliver PreAcceptReply r1.1 r3>r1",
           "deliver Commit r1.1 r1>r3", "deliver PreAccept r2.1 r2>r3",
           "deliver PreAcceptReply r2.1 r3>r2", "deliver Commit r2.1 r2>r3"}});
  // Whoever leads proposes; leaders change, and what they had begun is found.
  scopes.push_back({.name = "XM1",
                    .about = "Multi-Paxos: a command for each of two leaders",
                    .protocol = Protocol::kMultipaxos,
                    .commands = {{{"x"}, ScopeCommand::kAnybody},
                                 {{"x"}, ScopeCommand::kAnybody}},
                    .recoveries = 2,
                    .impatience = false,
                    .recoverers = ReplicaSet::FromBits(0b011),
                    .recovered = ReplicaSet::FromBits(0b100)});
  scopes.push_back(with(scopes.back(), "XM2",
                        "Multi-Paxos: the same, and a replica starts again"));
  scopes.back().commands.pop_back();
  scopes.back().restarts = 1;
  return scopes;
}

}  // namespace

std::span<const Scope> Scopes() {
  static const std::vector<Scope> scopes = MakeScopes();
  return scopes;
}

std::optional<Scope> FindScope(std::string_view name) {
  // Scopes begin with X; what stood before without it is understood as well,
  // because scripts outlive names.
  const auto found = std::ranges::find_if(Scopes(), [&](const Scope& scope) {
    return scope.name == name || std::string_view(scope.name).substr(1) == name;
  });
  if (found == Scopes().end()) return std::nullopt;
  return *found;
}

Scope Soaked(Scope scope) {
  scope.recoveries += 1;
  scope.impatience = true;
  scope.recovered = {};
  return scope;
}

Settings SettingsOf(const Scope& scope, int replica) {
  Settings settings;
  settings.protocol = scope.protocol;
  settings.replicas = scope.replicas;
  settings.self = ReplicaAt(replica);
  settings.faults = scope.faults;
  settings.fast_faults = scope.fast_faults;
  settings.fast_path = scope.fast_path;
  settings.roles = scope.roles;
  settings.parts = scope.parts;
  settings.thrifty = scope.thrifty;
  settings.batch_commands = 1;
  settings.retransmit_ticks = kRetransmitTicks;
  settings.recovery_ticks = 1;
  settings.floor_ticks = scope.floors ? 1 : 1 << 20;
  if (scope.floors) settings.retained_bytes = 1;
  settings.overlap_sync = scope.overlap;
  settings.lazy_fast_commit = scope.lazy;
  // A slot that was reserved and never used is one more recovery after every
  // restart, and says nothing about those that were.
  settings.reserved_slots_ahead = 0;
  settings.election_ticks = 4;
  return settings;
}

}  // namespace quorate::model
