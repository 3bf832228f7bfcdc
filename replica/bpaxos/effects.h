// Answers: what do the roles of one node share?
//
// One journal and one way out. A role hands over records and messages here and
// never learns whether a receiver is another node or a role beside it: what is
// addressed to its own node is delivered by the replica without the network,
// but like everything else only once the record it rests on is durable.
#pragma once

#include <algorithm>
#include <utility>

#include "replica/base/distances.h"
#include "replica/base/outbox.h"
#include "replica/base/roles.h"
#include "replica/base/settings.h"
#include "wire/machine.h"
#include "wire/timers.h"

namespace quorate::bpaxos {

// Between two repetitions of one message, which double.
inline constexpr int kMaxRetransmitTicks = TicksOf<"bpaxos.most_retransmit">;
// Until the next one of what is so old, the first having come after `first`.
constexpr int RepeatTicks(int age_ticks, int first) {
  return std::clamp(age_ticks, first, std::max(first, kMaxRetransmitTicks));
}
// Of one repetition, which must not crowd out what is new.
inline constexpr std::size_t kMaxResentBytes = 1024 * 1024;

// Counts since the process started.
struct Stats {
  std::uint64_t decided = 0;  // own instances, at ballot 0
  std::uint64_t retransmissions = 0;
  std::uint64_t stale_messages = 0;
  // Came without a payload that is not known here; repaired later.
  std::uint64_t missing_payloads = 0;
  std::uint64_t recoveries_started = 0;
  std::uint64_t recovered_payloads = 0;
  std::uint64_t recovered_noops = 0;
  std::uint64_t snapshots_installed = 0;
};

struct Shared {
  explicit Shared(const Settings& settings)
      : distances(settings.self, kMaxNodes, settings.tick_ms) {}

  Outbox outbox;
  RecordSequence last_record = 0;
  ReplicaSet suspected;
  Distances distances;
  Stats stats;
};

class Effects {
 public:
  Effects(Shared& shared, Actions& actions)
      : shared_(shared), actions_(actions) {}

  RecordSequence Persist(Record record) {
    actions_.persist.push_back(std::move(record));
    return ++shared_.last_record;
  }
  void Send(ReplicaSet to, Message message, RecordSequence rests_on) {
    shared_.outbox.Send(to, std::move(message), rests_on, actions_);
  }
  void Send(ReplicaId to, Message message, RecordSequence rests_on) {
    ReplicaSet receiver;
    receiver.Insert(to);
    Send(receiver, std::move(message), rests_on);
  }
  // For repetitions: Outbox::SendAgain.
  void SendAgain(ReplicaSet to, Message message, RecordSequence rests_on) {
    shared_.outbox.SendAgain(to, std::move(message), rests_on, actions_);
  }
  void SendAgain(ReplicaId to, Message message, RecordSequence rests_on) {
    ReplicaSet receiver;
    receiver.Insert(to);
    SendAgain(receiver, std::move(message), rests_on);
  }
  void Stale() { ++shared_.stats.stale_messages; }

  RecordSequence last_record() const { return shared_.last_record; }
  RecordSequence durable() const { return shared_.outbox.durable(); }
  ReplicaSet suspected() const { return shared_.suspected; }
  const Distances& distances() const { return shared_.distances; }
  // Ticks before what these were asked for is asked again.
  int RepeatAfter(ReplicaSet peers, int retransmit_ticks) const {
    return retransmit_ticks +
           shared_.distances.MostTicks(peers.Minus(shared_.suspected));
  }
  Stats& stats() { return shared_.stats; }
  Actions& actions() { return actions_; }

 private:
  Shared& shared_;
  Actions& actions_;
};

}  // namespace quorate::bpaxos
