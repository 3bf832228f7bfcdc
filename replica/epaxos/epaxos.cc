#include "replica/epaxos/epaxos.h"

#include <utility>

#include "wire/check.h"
#include "wire/overloaded.h"

namespace quorate::epaxos {

Epaxos::Epaxos(const Settings& settings)
    : core_(settings),
      base_floor_(settings.replicas),
      candidate_floor_(settings.replicas),
      candidate_votes_(settings.replicas),
      next_base_floor_(settings.replicas),
      next_drop_floor_(settings.replicas),
      stable_(settings.replicas),
      base_floors_(settings.replicas, core_.Everybody()),
      witnesses_(settings.replicas, core_.Everybody(), core_.self,
                 settings.replicas / 2 + 1),
      repair_(settings.replicas, core_.Everybody(), core_.self),
      readers_(settings.replicas, core_.Everybody()),
      announced_committed_(settings.replicas),
      announced_executed_(settings.replicas) {
  for (Peer& peer : peers_) peer.committed = DependencySet(settings.replicas);
}

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
  if (IsAnswer(message)) recoverer_.HandleAnswer(from);
  std::visit(
      Overloaded{
          [&](const PreAccept& m) {
            Voter::HandlePreAccept(core_, from, m, actions);
          },
          [&](const PreAcceptReply& m) {
            HandlePreAcceptReply(from, m, actions);
          },
          [&](const Accept& m) {
            Voter::HandleAccept(core_, from, m, actions);
          },
          [&](const AcceptReply& m) { HandleAcceptReply(from, m, actions); },
          [&](const Commit& m) { HandleCommit(m, actions); },
          [&](const Frontier& m) { HandleFrontier(from, m, actions); },
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
          [&](const Truncated& m) { HandleTruncated(from, m); },
          [&](const SnapshotRequest& m) {
            HandleSnapshotRequest(from, m, actions);
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

void Epaxos::HandleDurable(RecordSequence through, Actions& actions) {
  core_.outbox.Durable(through, actions);
  while (!core_.awaited.empty() && core_.awaited.front().sequence <= through) {
    const AwaitedRecord awaited = core_.awaited.front();
    core_.awaited.pop_front();
    Instance* instance = core_.log.Find(awaited.instance);
    if (instance == nullptr) continue;  // Decided by others and forgotten.
    switch (awaited.then) {
      case OnDurable::kCountOwnPreAccept:
        if (!instance->leading()) break;
        instance->leading()->voters.Insert(core_.self);
        instance->leading()->matching.Insert(core_.self);
        DecidePreAccept(awaited.instance, *instance, actions);
        break;
      case OnDurable::kCountOwnAccept:
        if (!instance->leading() ||
            instance->accepted_ballot != awaited.ballot) {
          break;
        }
        instance->leading()->accept_voters.Insert(core_.self);
        DecideAccept(awaited.instance, *instance, actions);
        break;
      case OnDurable::kReleaseFastCommit:
        Release(awaited.instance, *instance, /*fast_path=*/true, actions);
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
        recoverer_.DecideValidation(core_, awaited.instance, *instance,
                                    actions);
        break;
    }
  }
  stable_.HandleDurable(through);
  if (floor_record_ != 0 && floor_record_ <= through) {
    floor_record_ = 0;
    base_floor_ = next_base_floor_;
    core_.drop_floor = next_drop_floor_;
    ForgetDropped();
  }
}

void Epaxos::HandleSuspicion(ReplicaId peer, bool suspected, Actions& actions) {
  if (core_.IsSelf(peer) || Index(peer) >= core_.quorums.replicas) return;
  recoverer_.HandleAnswer(peer);  // Found out anew.
  if (!suspected) {
    core_.suspected.Erase(peer);
    return Greet(peer, actions);
  }
  core_.suspected.Insert(peer);
  // Nobody waits for the vote of a dead peer longer than for its detection.
  for (std::uint64_t slot = core_.committed[core_.self] + 1;
       slot < core_.next_slot; ++slot) {
    const InstanceId id{core_.self, slot};
    Instance* instance = core_.log.Find(id);
    if (instance != nullptr && instance->leading()) {
      DecidePreAccept(id, *instance, actions);
    }
  }
}

}  // namespace quorate::epaxos
