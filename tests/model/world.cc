#include "tests/model/world.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "replica/base/quorum.h"
#include "replica/base/roles.h"
#include "wire/fingerprint.h"

namespace quorate::model {
namespace {

Judge::Payloads PayloadsOf(const std::vector<CommandBatchPtr>& commands) {
  Judge::Payloads payloads;
  for (const CommandBatchPtr& batch : commands) {
    payloads[batch->digest()] = batch;
  }
  return payloads;
}

int AcceptQuorumOf(const Settings& settings) {
  return settings.protocol == Protocol::kBpaxos
             ? Cluster(settings).group(0).phase2.system().smallest()
             : QuorumSizesOf(settings).accepting();
}

std::string NameOf(int replica) { return "r" + std::to_string(replica + 1); }

}  // namespace

World::World(const Scope& scope)
    : scope_(scope),
      states_(scope),
      judge_(states_.observations(), AcceptQuorumOf(SettingsOf(scope, 0)),
             PayloadsOf(states_.commands())) {}

std::uint64_t World::Hash(const WorldState& state) {
  quorate::Fingerprint print;
  const auto n = static_cast<std::size_t>(scope_.replicas);
  for (std::size_t i = 0; i < n; ++i) {
    const StateId at = state.replicas[i];
    print.Mix(states_.Get(at).core);
    for (std::size_t from = 0; from < n; ++from) {
      if (from == i) continue;
      print.Mix(
          states_.Relevant(at, states_.Get(state.replicas[from]).sent[i]));
    }
  }
  print.Mix(static_cast<std::uint64_t>(state.recoveries << 16 |
                                       state.restarts << 8 | state.retries));
  return print.value();
}

WorldState World::Initial() {
  WorldState state{.recoveries = static_cast<std::uint8_t>(scope_.recoveries),
                   .restarts = static_cast<std::uint8_t>(scope_.restarts),
                   .retries = static_cast<std::uint8_t>(scope_.retries)};
  for (int i = 0; i < scope_.replicas; ++i) {
    state.replicas[static_cast<std::size_t>(i)] = states_.Initial(i);
  }
  if (!scope_.proposed) return state;
  for (std::uint32_t k = 0; k < scope_.commands.size(); ++k) {
    state = Apply(state, {.replica = static_cast<std::uint8_t>(Home(k)),
                          .step = {StepKind::kPropose, k}});
  }
  return state;
}

// What a replica may do without a message.
template <typename Do>
void World::ForLocalSteps(const WorldState& state, int replica,
                          Do action) const {
  const ReplicaState& at = At(state, replica);
  for (std::uint32_t k = 0; k < scope_.commands.size(); ++k) {
    const bool here = (at.proposed >> k & 1u) != 0;
    const bool elsewhere = ProposedElsewhere(state, replica, k);
    const bool first =
        Home(k) == ScopeCommand::kAnybody ? !elsewhere : replica == Home(k);
    const bool retry = !first && elsewhere && state.retries > 0;
    if (!here && (first || retry)) action(ReplicaStep{StepKind::kPropose, k});
  }
  if (scope_.impatience) action(ReplicaStep{StepKind::kHurry});
  if (scope_.separate_sync) action(ReplicaStep{StepKind::kSync});
  if (scope_.floors) action(ReplicaStep{StepKind::kTell});
  if (state.restarts > 0) action(ReplicaStep{StepKind::kRestart});
  if (state.recoveries == 0 ||
      (!scope_.recoverers.empty() &&
       !scope_.recoverers.Contains(ReplicaAt(replica)))) {
    return;
  }
  for (int column = 0; column < scope_.replicas; ++column) {
    if (column == replica || (!scope_.recovered.empty() &&
                              !scope_.recovered.Contains(ReplicaAt(column)))) {
      continue;
    }
    if (scope_.protocol == Protocol::kBpaxos && !HasAsked(state, column)) {
      continue;
    }
    action(ReplicaStep{StepKind::kRecover, static_cast<std::uint32_t>(column)});
  }
}

// An executor of BPaxos waits for what others depend on: for instances that the
// dependency service was asked about, in whatever life.
bool World::HasAsked(const WorldState& state, int leader) const {
  const Packets& packets = states_.packets();
  return std::ranges::any_of(
      At(state, leader).sent, [&](const PacketSetId set) {
        return std::ranges::any_of(
            packets.Members(set), [&](const PacketId id) {
              return std::holds_alternative<DependencyRequest>(
                  packets.Get(id).message);
            });
      });
}

bool World::ProposedElsewhere(const WorldState& state, int replica,
                              std::uint32_t command) const {
  for (int i = 0; i < scope_.replicas; ++i) {
    if (i == replica) continue;
    const bool may =
        Home(command) == ScopeCommand::kAnybody || Home(command) == i;
    if (may && (At(state, i).proposed >> command & 1u) != 0) return true;
  }
  return false;
}

WorldState World::Pay(WorldState state, const Action& action) const {
  switch (action.step.kind) {
    case StepKind::kRecover: --state.recoveries; break;
    case StepKind::kRestart: --state.restarts; break;
    case StepKind::kPropose: {
      const std::uint32_t k = action.step.argument;
      const bool first = Home(k) == ScopeCommand::kAnybody
                             ? !ProposedElsewhere(state, action.replica, k)
                             : action.replica == Home(k);
      if (!first) --state.retries;
      break;
    }
    default: break;
  }
  return state;
}

// `state` was closed before this replica's step.
WorldState World::Closed(WorldState state, std::size_t changed) {
  const auto n = static_cast<std::size_t>(scope_.replicas);
  // Bit i: replica i is in a new state.
  unsigned fresh = 1u << changed;
  const auto answer = [&](std::size_t to, std::size_t from) {
    const PacketSetId set = states_.Get(state.replicas[from]).sent[to];
    if (from == to || set == 0) return;
    StateId& at = state.replicas[to];
    const StateId answered = states_.Answered(static_cast<int>(to), at, set);
    if (answered != at) fresh |= 1u << to;
    at = answered;
  };
  while (fresh != 0) {
    const auto replica = static_cast<std::size_t>(std::countr_zero(fresh));
    fresh &= fresh - 1;
    for (std::size_t other = 0; other < n; ++other) {
      answer(replica, other);
      answer(other, replica);
    }
  }
  return state;
}

void World::ForEachSuccessor(const WorldState& state, const Visitor& visit) {
  for (int i = 0; i < scope_.replicas; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const StateId from = state.replicas[at];
    const auto arrive = [&](ReplicaStep step, StateId next) {
      const Action action{.replica = static_cast<std::uint8_t>(i),
                          .step = step};
      WorldState after = Pay(state, action);
      after.replicas[at] = next;
      visit(action, Closed(after, at));
    };
    for (int sender = 0; sender < scope_.replicas; ++sender) {
      if (sender == i) continue;
      const PacketSetId set = At(state, sender).sent[at];
      if (set == 0) continue;
      for (const Arrow& arrow : states_.Deliveries(i, from, set)) {
        arrive(arrow.step, arrow.next);
      }
    }
    ForLocalSteps(state, i, [&](ReplicaStep step) {
      const StateId next = states_.Step(i, from, step);
      if (next != from) arrive(step, next);
    });
  }
}

void World::ListEnabled(const WorldState& state,
                        std::vector<Action>& actions) const {
  actions.clear();
  for (int i = 0; i < scope_.replicas; ++i) {
    const auto replica = static_cast<std::uint8_t>(i);
    for (int sender = 0; sender < scope_.replicas; ++sender) {
      if (sender == i) continue;
      const PacketSetId set =
          At(state, sender).sent[static_cast<std::size_t>(i)];
      for (const PacketId packet : states_.packets().Members(set)) {
        actions.push_back(
            {.replica = replica, .step = {StepKind::kDeliver, packet}});
      }
    }
    ForLocalSteps(state, i, [&](ReplicaStep step) {
      actions.push_back({.replica = replica, .step = step});
    });
  }
}

WorldState World::Apply(const WorldState& state, const Action& action) {
  WorldState after = state;
  StateId& at = after.replicas[action.replica];
  const StateId before = at;
  at = states_.Step(action.replica, at, action.step);
  return at == before ? state : Closed(Pay(after, action), action.replica);
}

// 16: of two replicas one has executed all that the other has forgotten.
std::string World::FindPassed(const WorldState& state, int actor) const {
  const ReplicaState& one = At(state, actor);
  for (int i = 0; i < scope_.replicas; ++i) {
    const ReplicaState& other = At(state, i);
    if (i != actor && !one.executed.Covers(other.forgotten) &&
        !other.executed.Covers(one.forgotten)) {
      return "16 two replicas have forgotten what the other lacks: " +
             NameOf(actor) + ", " + NameOf(i);
    }
  }
  return {};
}

std::string World::FindViolation(const WorldState& state, int actor) {
  if (const std::string& broken = At(state, actor).broken; !broken.empty()) {
    return broken + ", at " + NameOf(actor);
  }
  if (scope_.floors) {
    if (std::string passed = FindPassed(state, actor); !passed.empty()) {
      return passed;
    }
  }
  std::array<ObservationId, kMaxModelReplicas> together{};
  for (int i = 0; i < scope_.replicas; ++i) {
    together[static_cast<std::size_t>(i)] = At(state, i).observation;
  }
  return judge_.Find(
      std::span(together).first(static_cast<std::size_t>(scope_.replicas)));
}

std::string World::Heading(const Action& action) const {
  const std::string replica = NameOf(action.replica);
  const std::uint32_t argument = action.step.argument;
  switch (action.step.kind) {
    case StepKind::kDeliver:
      return "deliver " + states_.packets().Get(argument).heading;
    case StepKind::kPropose:
      return std::string("propose ") + LetterOf(argument) + " at " + replica;
    case StepKind::kRecover:
      return "recover " + NameOf(static_cast<int>(argument)) + " at " + replica;
    case StepKind::kHurry: return "hurry " + replica;
    case StepKind::kRestart: return "restart " + replica;
    case StepKind::kSync: return "sync " + replica;
    case StepKind::kTell: return "tell " + replica;
  }
  return {};
}

std::string World::Text(const Action& action) const {
  std::string text = Heading(action);
  if (action.step.kind == StepKind::kDeliver) {
    const std::string& details =
        states_.packets().Get(action.step.argument).details;
    if (!details.empty()) text += " : " + details;
  }
  return text;
}

}  // namespace quorate::model
