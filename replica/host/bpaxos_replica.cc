#include "replica/host/bpaxos_replica.h"

#include <algorithm>
#include <utility>

#include "replica/bpaxos/rules.h"
#include "wire/overloaded.h"

namespace quorate {

BpaxosReplica::BpaxosReplica(const Settings& settings)
    : ReplicaHost(settings, Cluster(settings).columns),
      cluster_(settings),
      shared_(settings),
      floors_(cluster_, settings.self),
      readers_(cluster_.columns, cluster_.roles.executors) {
  const Roles& roles = cluster_.roles;
  if (roles.leaders.Contains(settings.self)) {
    leader_.emplace(settings, cluster_);
  }
  if (roles.dependency_nodes.Contains(settings.self)) {
    dependencies_.emplace(cluster_.columns, settings.conflicts);
  }
  if (roles.acceptors.Contains(settings.self)) {
    acceptor_.emplace(cluster_.columns);
  }
  if (roles.executors.Contains(settings.self)) {
    executing_.emplace(settings, cluster_);
    executor_.ReportAll(roles.leaders.Minus(roles.executors));
  }
}

void BpaxosReplica::HandleMessage(ReplicaId from, const Message& message,
                                  Actions& actions) {
  Effects effects(shared_, actions);
  Handle(from, message, effects);
}

void BpaxosReplica::FinishStep(const Before& before, Actions& actions) {
  Effects effects(shared_, actions);
  DeliverHere(before.messages, effects);
  Propose(effects);
  DeliverHere(before.messages, effects);
}

// ---- messages ---------------------------------------------------------------

// A role may answer at once, so the list grows while it is read.
void BpaxosReplica::DeliverHere(std::size_t first, Effects& effects) {
  std::vector<OutgoingMessage>& messages = effects.actions().messages;
  bool emptied = false;
  for (std::size_t i = first; i < messages.size(); ++i) {
    if (!messages[i].to.Contains(settings_.self)) continue;
    messages[i].to.Erase(settings_.self);
    if (messages[i].to.empty()) {
      emptied = true;
      const Message message = std::move(messages[i].message);
      Handle(settings_.self, message, effects);
    } else {
      const Message message = messages[i].message;
      Handle(settings_.self, message, effects);
    }
  }
  if (!emptied) return;
  const auto begin = messages.begin() + static_cast<std::ptrdiff_t>(first);
  messages.erase(std::remove_if(begin, messages.end(),
                                [](const OutgoingMessage& each) {
                                  return each.to.empty();
                                }),
                 messages.end());
}

bool BpaxosReplica::IsBelievable(const Message& message) const {
  const auto is_given_out = [this](ReplicaId column, std::uint64_t slot) {
    return !leader_ || column != settings_.self || leader_->HasGivenOut(slot);
  };
  return std::visit(
      [&](const auto& m) {
        bool believed = true;
        if constexpr (requires { m.instance; }) {
          believed = is_given_out(m.instance.replica, m.instance.slot);
        }
        if constexpr (requires { m.deps; }) {
          believed = believed && (!executing_ || executing_->Believes(m.deps));
          if (leader_) {
            believed = believed && leader_->HasGivenOut(m.deps[settings_.self]);
          }
        }
        return believed;
      },
      message);
}

void BpaxosReplica::Handle(ReplicaId from, const Message& message,
                           Effects& effects) {
  if (!IsBelievable(message)) return effects.Stale();
  const auto at_leader = [&](const auto& handle) {
    if (leader_) {
      handle(*leader_);
    } else {
      effects.Stale();
    }
  };
  std::visit(
      Overloaded{[&](const DependencyRequest& m) {
                   HandleDependencyRequest(from, m, effects);
                 },
                 [&](const DependencyReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleDependencyReply(from, m, effects);
                   });
                 },
                 [&](const Accept& m) { HandleAccept(from, m, effects); },
                 [&](const AcceptReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     if (EndsKnown(m.instance, effects)) return;
                     leader.HandleAcceptReply(from, m, effects);
                   });
                 },
                 [&](const Nack& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleNack(m, effects);
                   });
                 },
                 [&](const Commit& m) { HandleCommit(m, effects); },
                 [&](const Recover& m) {
                   if (!VotesOn(m.instance) || m.ballot.owner() != from) {
                     return effects.Stale();
                   }
                   acceptor_->HandleRecover(from, m, effects);
                 },
                 [&](const RecoverReply& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     if (EndsKnown(m.instance, effects)) return;
                     leader.HandleRecoverReply(from, m, effects);
                   });
                 },
                 [&](const Inquire& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     if (TellKnown(from, m.instance, effects)) return;
                     leader.HandleInquire(from, m, effects);
                   });
                 },
                 [&](const Frontier& m) { HandleFrontier(from, m, effects); },
                 [&](const Truncated& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleTruncated(m);
                   });
                 },
                 [&](const SnapshotRequest& m) {
                   HandleSnapshotRequest(from, m, effects);
                 },
                 [&](const InstanceReplies& m) {
                   at_leader([&](bpaxos::Leader& leader) {
                     leader.HandleInstanceReplies(m, effects);
                   });
                 },
                 [&](const auto&) { effects.Stale(); }},  // Of other protocols.
      message);
}

void BpaxosReplica::HandleDependencyRequest(ReplicaId from,
                                            const DependencyRequest& m,
                                            Effects& effects) {
  if (!dependencies_ || m.instance.replica != from) return effects.Stale();
  if (const auto* answer = dependencies_->Find(m.instance)) {
    effects.SendAgain(
        from, DependencyReply{.instance = m.instance, .deps = answer->deps},
        answer->record);
    return;
  }
  // Forgotten: it is decided, and its leader is about to hear of that.
  if (dependencies_->Refuses(m.instance)) return effects.Stale();
  DependencyNode::Answer& answer =
      dependencies_->AnswerFirst(m.instance, m.batch);
  answer.record = effects.Persist(DependencyRecord{
      .instance = m.instance, .batch = m.batch, .deps = answer.deps});
  effects.Send(
      from, DependencyReply{.instance = m.instance, .deps = answer.deps},
      bpaxos::rules::RestsOn(bpaxos::rules::Effect::kAnswer, answer.record));
}

// Another group's votes on it would never be met by a later ballot.
bool BpaxosReplica::VotesOn(InstanceId id) const {
  return acceptor_.has_value() &&
         bpaxos::rules::MayVote(cluster_.GroupOf(id), settings_.self);
}

void BpaxosReplica::HandleAccept(ReplicaId from, Accept m, Effects& effects) {
  const ReplicaId owner =
      m.ballot.is_initial() ? m.instance.replica : m.ballot.owner();
  if (!VotesOn(m.instance) || owner != from ||
      m.value.kind == ValueKind::kNone) {
    return effects.Stale();
  }
  if (!FillPayload(m.instance, m.value)) {
    ++shared_.stats.missing_payloads;  // Comes whole when it is repeated.
    return;
  }
  acceptor_->HandleAccept(from, m, IsRecorded(m.instance, m.value), effects);
}

// What the executor beside the leader knows is decided is not proposed any
// more: whatever might come of that, nobody may hear of a second decision.
bool BpaxosReplica::EndsKnown(InstanceId id, Effects& effects) {
  const bpaxos::KnownDecision* known =
      executing_ ? executing_->Find(id) : nullptr;
  if (known == nullptr) return false;
  effects.Stale();
  leader_->HandleCommit(
      {.instance = id, .value = known->value, .deps = known->deps}, effects);
  return true;
}

bool BpaxosReplica::TellKnown(ReplicaId to, InstanceId id, Effects& effects) {
  const bpaxos::KnownDecision* known =
      executing_ ? executing_->Find(id) : nullptr;
  if (known == nullptr) return false;
  effects.SendAgain(
      to, Commit{.instance = id, .value = known->value, .deps = known->deps},
      0);
  return true;
}

// Valid at any ballot: the value is decided.
void BpaxosReplica::HandleCommit(Commit m, Effects& effects) {
  if (m.value.kind == ValueKind::kNone) return effects.Stale();
  if (leader_ && !leader_->HandleCommit(m, effects)) return effects.Stale();
  if (!executing_) return;
  // An own payload that others have proposed to the end knows its clients here
  // only.
  CommandBatchPtr known = m.value.kind == ValueKind::kCommands
                              ? FindPayload(m.instance, m.value.digest)
                              : nullptr;
  if (known != nullptr) m.value.batch = std::move(known);
  if (m.value.payload_missing()) {
    ++shared_.stats.missing_payloads;  // The frontier exchange brings it whole.
    return;
  }
  if (!executing_->Learn(m, IsRecorded(m.instance, m.value), effects)) return;
  effects.actions().committed.push_back(
      {.instance = m.instance, .value = m.value, .deps = m.deps});
  executor_.Commit(m.instance, m.value.batch, m.deps, executed_);
  Answer(effects);
}

void BpaxosReplica::HandleFrontier(ReplicaId from, const Frontier& m,
                                   Effects& effects) {
  floors_.HandleFrontier(from, m.executed);
  era_ = std::max(era_, m.era);
  if (leader_) leader_->HandleFrontier(from, m);
  if (!executing_ || !cluster_.roles.executors.Contains(from)) return;
  readers_.HandleFrontier(from, m.committed, floors_.base());
  executing_->HandleFrontier(from, m, readers_.Contains(from), effects);
  FetchIfPassed(from, m.base_floor, effects);
}

void BpaxosReplica::HandleTick(const Tick&, Actions& actions) {
  Effects effects(shared_, actions);
  ++ticks_;
  if (leader_) leader_->HandleTick(effects);
  if (executing_) {
    era_ = std::max(era_, executor_.sessions().era());
    executing_->HandleTick(executor_.committed_frontier(),
                           executor_.executed_frontier(), era_, effects);
    readers_.HandleTick();
    TickTransfer(actions);
  }
  EndEra(actions);
  if (ticks_ % static_cast<std::uint64_t>(settings_.floor_ticks) == 0) {
    RaiseFloors(effects);
  }
}

void BpaxosReplica::RaiseFloors(Effects& effects) {
  const auto floors =
      floors_.Raise(&executor_.committed_frontier(), DroppableFloor());
  if (floors) floors_.NoteRecord(effects.Persist(*floors));
}

void BpaxosReplica::HandleDurable(RecordSequence through, Actions& actions) {
  shared_.outbox.Durable(through, actions);
  if (executing_) executing_->HandleDurable(through);
  if (floors_.HandleDurable(through)) ApplyFloors();
}

void BpaxosReplica::ApplyFloors() {
  if (leader_) leader_->RaiseFloor(floors_.base());
  if (dependencies_) dependencies_->RaiseFloor(floors_.base());
  if (acceptor_) acceptor_->RaiseFloor(floors_.base());
  if (executing_) executing_->RaiseFloor(floors_.drop());
}

void BpaxosReplica::HandleSuspicion(ReplicaId peer, bool suspected, Actions&) {
  if (peer == settings_.self || !cluster_.everybody.Contains(peer)) return;
  if (suspected) {
    shared_.suspected.Insert(peer);
  } else {
    shared_.suspected.Erase(peer);
  }
}

}  // namespace quorate
