#include "replica/epaxos/epaxos.h"

#include <utility>

#include "replica/epaxos/voter.h"
#include "wire/overloaded.h"

namespace quorate::epaxos {

Epaxos::Epaxos(const Settings& settings) : core_(settings), repairer_(core_) {}

bool Epaxos::IsBelievable(const Message& message) const {
  // Nobody can have heard of a slot of ours that we have not used.
  const auto of_ours = [this](std::uint64_t slot) {
    return slot < core_.next_slot;
  };
  const auto believes = [&](const DependencySet& deps) {
    return core_.log.Believes(deps) && of_ours(deps[core_.self]);
  };
  return std::visit(
      [&](const auto& m) {
        bool believed = true;
        if constexpr (requires { m.instance; }) {
          believed =
              !core_.IsSelf(m.instance.replica) || of_ours(m.instance.slot);
        }
        if constexpr (requires { m.deps; }) {
          believed = believed && believes(m.deps);
        }
        if constexpr (requires { m.initial_deps; }) {
          believed = believed && believes(m.initial_deps);
        }
        return believed;
      },
      message);
}

// Does it show that its sender hears us?
static bool IsAnswer(const Message& message) {
  return std::visit(Overloaded{[](const PreAcceptReply&) { return true; },
                               [](const AcceptReply&) { return true; },
                               [](const RecoverReply&) { return true; },
                               [](const ValidateReply&) { return true; },
                               [](const InquireReply&) { return true; },
                               [](const Nack&) { return true; },
                               [](const auto&) { return false; }},
                    message);
}

void Epaxos::Handle(ReplicaId from, const Message& message, Actions& actions) {
  // A replica that has fallen so far behind learns its columns from below.
  if (core_.IsSelf(from) || !IsBelievable(message)) {
    ++core_.stats.stale_messages;
    return;
  }
  recoverer_.HandleMessage(from);
  if (IsAnswer(message)) recoverer_.HandleAnswer(from);
  Step step = StepOf(actions);
  std::visit(
      Overloaded{[&](const PreAccept& m) {
                   Voter::HandlePreAccept(core_, from, m, actions);
                 },
                 [&](const PreAcceptReply& m) {
                   Proposer::HandlePreAcceptReply(step, from, m);
                 },
                 [&](const Accept& m) {
                   Voter::HandleAccept(core_, from, m, actions);
                 },
                 [&](const AcceptReply& m) {
                   Proposer::HandleAcceptReply(step, from, m);
                 },
                 [&](const Commit& m) { HandleCommit(m, actions); },
                 [&](const Frontier& m) {
                   repairer_.HandleFrontier(core_, from, m, actions);
                 },
                 [&](const Nack& m) { recoverer_.HandleNack(core_, m); },
                 [&](const Recover& m) {
                   Voter::HandleRecover(core_, from, m, actions);
                 },
                 [&](const RecoverReply& m) {
                   recoverer_.HandleRecoverReply(core_, from, m, actions);
                 },
                 [&](const Validate& m) {
                   Voter::HandleValidate(core_, from, m, actions);
                 },
                 [&](const ValidateReply& m) {
                   recoverer_.HandleValidateReply(core_, from, m, actions);
                 },
                 [&](const Waiting& m) {
                   recoverer_.HandleWaiting(core_, m, actions);
                 },
                 [&](const Truncated& m) {
                   repairer_.HandleTruncated(core_, from, m);
                 },
                 [&](const SnapshotRequest& m) {
                   repairer_.HandleSnapshotRequest(core_, from, m, actions);
                 },
                 [&](const Inquire& m) {
                   recoverer_.HandleInquire(core_, from, m, actions);
                 },
                 [&](const InquireReply& m) {
                   recoverer_.HandleInquireReply(core_, from, m);
                 },
                 // Arrives as SnapshotPart.
                 [&](const SnapshotChunk&) { ++core_.stats.stale_messages; },
                 // Of another protocol.
                 [&](const auto&) { ++core_.stats.stale_messages; }},
      message);
}

// Counts one's own vote, or lets a decision be known.
void Epaxos::HandleAwaited(const AwaitedRecord& awaited, Actions& actions) {
  Instance* instance = core_.log.Find(awaited.instance);
  if (instance == nullptr) return;  // Decided by others and forgotten.
  Step step = StepOf(actions);
  switch (awaited.then) {
    case OnDurable::kCountOwnPreAccept:
      if (!instance->leading()) break;
      instance->leading()->voters.Insert(core_.self);
      instance->leading()->matching.Insert(core_.self);
      Proposer::DecidePreAccept(step, awaited.instance, *instance);
      break;
    case OnDurable::kCountOwnAccept:
      if (!instance->leading() || instance->accepted_ballot != awaited.ballot) {
        break;
      }
      instance->leading()->accept_voters.Insert(core_.self);
      Proposer::DecideAccept(step, awaited.instance, *instance);
      break;
    case OnDurable::kReleaseFastCommit:
      step.Release(awaited.instance, *instance, /*fast_path=*/true);
      break;
    case OnDurable::kCountOwnPromise:
      if (!instance->recovering() ||
          instance->recovering()->ballot != awaited.ballot) {
        break;
      }
      recoverer_.CountRecoverReply(
          core_, core_.self,
          Voter::MakeRecoverReply(core_, awaited.instance, *instance,
                                  awaited.ballot),
          actions);
      break;
    case OnDurable::kCountOwnValidation:
      if (!instance->recovering() ||
          instance->recovering()->ballot != awaited.ballot) {
        break;
      }
      instance->recovering()->validated.Insert(core_.self);
      recoverer_.DecideValidation(core_, awaited.instance, *instance, actions);
      break;
  }
}

void Epaxos::HandleDurable(RecordSequence through, Actions& actions) {
  core_.outbox.Durable(through, actions);
  while (!core_.awaited.empty() && core_.awaited.front().sequence <= through) {
    const AwaitedRecord awaited = core_.awaited.front();
    core_.awaited.pop_front();
    HandleAwaited(awaited, actions);
  }
  repairer_.HandleDurable(core_, through);
}

void Epaxos::HandleSuspicion(ReplicaId peer, bool suspected, Actions& actions) {
  if (core_.IsSelf(peer) || Index(peer) >= core_.quorums.replicas) return;
  recoverer_.HandleAnswer(peer);  // Found out anew.
  if (!suspected) {
    core_.suspected.Erase(peer);
    return Greet(peer, actions);
  }
  core_.suspected.Insert(peer);
  Step step = StepOf(actions);
  Proposer::HandleSuspicion(step);
}

void Epaxos::HandleTick(const DependencySet& executed, Actions& actions) {
  ++core_.ticks;
  Step step = StepOf(actions);
  proposer_.HandleTick(step);
  recoverer_.DriveRecoveries(core_, actions);
  recoverer_.RecoverWhatIsStuck(core_, actions);
  repairer_.HandleTick(core_, executed, actions);
}

// A peer is there, perhaps after a connection that took messages with it: it
// hears at once what it may lack, and how far we are, so that it does the same.
void Epaxos::Greet(ReplicaId peer, Actions& actions) {
  ReplicaSet to;
  to.Insert(peer);
  Proposer::Greet(core_, to, actions);
  for (const InstanceId id : core_.recoveries) {
    const Instance* instance = core_.log.Find(id);
    if (instance == nullptr) continue;
    if (instance->recovering()) {
      recoverer_.SendAttempt(core_, id, *instance, to, actions);
    } else if (instance->leading() && !core_.IsSelf(id.replica)) {
      core_.SendRound(id, *instance, to, actions);
    }
  }
  repairer_.Greet(core_, peer, actions);
}

}  // namespace quorate::epaxos
