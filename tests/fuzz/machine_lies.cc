#include "tests/fuzz/machine_lies.h"

#include <variant>

#include "tests/wire/random_values.h"

namespace quorate::fuzz {
namespace {

ReplicaSet AnyReplicas(Script& script, int columns) {
  return ReplicaSet::FromBits(script.Next())
      .Intersect(ReplicaSet::FirstN(columns));
}

// Each template below changes what its message has of one kind, if anything.

template <typename Body>
void ChangeWhere(Script& script, int columns, Body& body) {
  if constexpr (requires { body.instance; }) {
    const InstanceId other = AnyInstance(script, columns);
    if (script.Coin()) body.instance.replica = other.replica;
    body.instance.slot = other.slot;
  }
  if constexpr (requires { body.first; }) body.first = AnyNumber(script);
}

template <typename Body>
void ChangeBallots(Script& script, int columns, Body& body) {
  if constexpr (requires { body.accepted_ballot; }) {
    if (script.Coin()) {
      body.accepted_ballot = AnyBallot(script, columns);
      return;
    }
  }
  if constexpr (requires { body.ballot; }) {
    body.ballot = AnyBallot(script, columns);
  }
  if constexpr (requires { body.promised_ballot; }) {
    body.promised_ballot = AnyBallot(script, columns);
  }
}

template <typename Body>
void ChangeWhat(Script& script, Body& body) {
  if constexpr (requires { body.value; }) body.value = AnyValue(script);
  if constexpr (requires { body.batch; }) body.batch = AnyBatch(script);
}

template <typename Body>
void ChangeOrder(Script& script, Body& body) {
  if constexpr (requires { body.deps; }) ChangeDeps(script, body.deps);
  if constexpr (requires { body.initial_deps; }) {
    ChangeDeps(script, body.initial_deps);
  }
}

template <typename Body>
void ChangeFrontiers(Script& script, Body& body) {
  if constexpr (requires { body.base_floor; }) {
    DependencySet* const floors[] = {&body.committed, &body.executed,
                                     &body.base_floor};
    ChangeDeps(script, *floors[script.Below(3)]);
    if (script.Coin()) body.forgotten_through = AnyNumber(script);
    if (script.Coin()) body.era = AnyNumber(script);
  } else if constexpr (requires { body.committed; }) {
    body.committed = AnyNumber(script);
  }
  if constexpr (requires { body.drop_floor; }) {
    ChangeDeps(script, body.drop_floor);
  }
  if constexpr (requires { body.through; }) body.through = AnyNumber(script);
  if constexpr (requires { body.round; }) body.round = AnyNumber(script);
}

template <typename Body>
void ChangeFlags(Script& script, int columns, Body& body) {
  if constexpr (requires { body.status; }) {
    body.status = static_cast<InstanceStatus>(script.Below(4));
  }
  if constexpr (requires { body.matches_initial; }) {
    body.matches_initial = script.Coin();
    body.recused = script.Coin();
  }
  if constexpr (requires { body.fast_quorum; }) {
    body.fast_quorum = AnyReplicas(script, columns);
  }
  if constexpr (requires { body.working_on_it; }) {
    body.working_on_it = script.Coin();
  }
  if constexpr (requires { body.matching_votes; }) {
    body.matching_votes = static_cast<std::uint8_t>(script.Pick(columns + 1));
  }
}

template <typename Body>
void ChangeLists(Script& script, int columns, Body& body) {
  if constexpr (requires { body.conflicts; }) {
    body.conflicts.push_back(
        {.instance = AnyInstance(script, columns), .committed = script.Coin()});
  }
  if constexpr (requires { body.votes; }) {
    body.votes.push_back({.slot = AnyInstance(script, columns).slot,
                          .ballot = AnyBallot(script, columns),
                          .value = AnyValue(script),
                          .decided = script.Coin()});
  }
  if constexpr (requires { body.replies; }) {
    body.replies.push_back(
        {.id = {ClientId{script.Below(3)}, AnyNumber(script)},
         .status = static_cast<ReplyStatus>(script.Below(3))});
  }
}

// A slot within SlotLog's gap is believed, and costs memory up to there: many
// of them would make a slow test, and be no more of a lie than one.
template <typename Body>
void BringNear(Script& script, int columns, Body& body) {
  const auto near = [&](DependencySet& deps) {
    deps = DependencySet(columns);
    ChangeDeps(script, deps);
  };
  if constexpr (requires { body.instance; }) {
    body.instance = AnyInstance(script, columns);
  }
  if constexpr (requires { body.first; }) body.first = 1 + AnyNumber(script);
  if constexpr (requires { body.deps; }) near(body.deps);
  if constexpr (requires { body.initial_deps; }) near(body.initial_deps);
  if constexpr (requires { body.drop_floor; }) near(body.drop_floor);
  if constexpr (requires { body.base_floor; }) {
    near(body.committed);
    near(body.executed);
    near(body.base_floor);
  }
  if constexpr (requires { body.votes; }) {
    for (auto& vote : body.votes) vote.slot = AnyInstance(script, columns).slot;
  }
  if constexpr (requires { body.conflicts; }) {
    for (auto& conflict : body.conflicts) {
      conflict.instance = AnyInstance(script, columns);
    }
  }
}

}  // namespace

void ChangeField(Script& script, int columns, Message& message) {
  std::visit(
      [&](auto& body) {
        switch (script.Below(7)) {
          case 0: return ChangeWhere(script, columns, body);
          case 1: return ChangeBallots(script, columns, body);
          case 2: return ChangeWhat(script, body);
          case 3: return ChangeOrder(script, body);
          case 4: return ChangeFrontiers(script, body);
          case 5: return ChangeFlags(script, columns, body);
          default: return ChangeLists(script, columns, body);
        }
      },
      message);
}

Message AnyMessage(Script& script, int columns) {
  const std::size_t type = script.Below(std::variant_size_v<Message::variant>);
  Random random(script.Next());
  Message message = RandomMessage(random, type, columns);
  std::visit([&](auto& body) { BringNear(script, columns, body); }, message);
  return message;
}

}  // namespace quorate::fuzz
