// Answers: how do tests drive machines of one protocol by hand?
//
// A few machines, the messages between them in a visible queue, and journals
// that are synced when the test says so. Nothing is delivered unasked, and
// nothing may leave that rests on a record which is not synced. EPaxos' and
// Multi-Paxos' harnesses add what only their machine has.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "replica/base/settings.h"
#include "tests/replica/in_flight.h"
#include "wire/machine.h"

namespace quorate {

inline CommandBatchPtr Put(const std::string& key, const std::string& value,
                           std::uint64_t sequence = 1) {
  return MakeBatch({ClientId{7}, sequence},
                   {.kind = OperationKind::kPut, .key = key, .value = value});
}

template <typename Machine>
class MachineCluster {
 public:
  MachineCluster(int n, Settings base) {
    for (int i = 0; i < n; ++i) {
      base.replicas = n;
      base.self = ReplicaAt(i);
      settings_.push_back(base);
      machines_.emplace_back(base);
    }
    journals_.resize(static_cast<std::size_t>(n));
    synced_.resize(static_cast<std::size_t>(n));
    committed_.resize(static_cast<std::size_t>(n));
  }

  int size() const { return static_cast<int>(machines_.size()); }
  Machine& at(int i) { return machines_[static_cast<std::size_t>(i)]; }
  std::vector<Record>& journal(int i) {
    return journals_[static_cast<std::size_t>(i)];
  }
  const std::vector<CommittedInstance>& committed(int i) const {
    return committed_[static_cast<std::size_t>(i)];
  }
  std::vector<InFlight>& network() { return network_; }

  InstanceId Propose(int i, CommandBatchPtr batch) {
    Actions actions;
    const InstanceId id = at(i).Propose(std::move(batch), actions);
    TakeActions(i, actions);
    return id;
  }
  void Deliver(int to, ReplicaId from, const Message& message) {
    Actions actions;
    at(to).Handle(from, message, actions);
    TakeActions(to, actions);
  }
  // Everything appended so far becomes durable at replica i.
  void Sync(int i) {
    const auto through = static_cast<RecordSequence>(journal(i).size());
    synced_[static_cast<std::size_t>(i)] = through;
    Actions actions;
    at(i).HandleDurable(through, actions);
    TakeActions(i, actions);
  }
  // Delivers the queued messages of type M to replica `to`, wherever from.
  template <typename M>
  int DeliverAll(int to) {
    std::vector<InFlight> mine;
    std::erase_if(network_, [&](InFlight& m) {
      if (Index(m.to) != to || !std::holds_alternative<M>(m.message)) {
        return false;
      }
      mine.push_back(m);
      return true;
    });
    for (const InFlight& m : mine) Deliver(to, m.from, m.message);
    return static_cast<int>(mine.size());
  }
  template <typename M>
  std::vector<M> Queued(int to) const {
    std::vector<M> found;
    for (const InFlight& m : network_) {
      if (Index(m.to) != to) continue;
      if (const M* message = std::get_if<M>(&m.message)) {
        found.push_back(*message);
      }
    }
    return found;
  }
  // Syncs and delivers until nothing moves. Replicas in `deaf` hear nothing,
  // and what those in `mute` have said before is lost.
  void Settle(ReplicaSet deaf = {}, ReplicaSet mute = {}) {
    for (;;) {
      for (int i = 0; i < size(); ++i) {
        if (!deaf.Contains(ReplicaAt(i))) Sync(i);
      }
      if (network_.empty()) return;
      for (const InFlight& m : std::exchange(network_, {})) {
        if (deaf.Contains(m.to) || mute.Contains(m.from)) continue;
        Deliver(Index(m.to), m.from, m.message);
      }
    }
  }
  // Loses what is not synced and everything on the way, then starts again.
  void CrashAndRestart(int i) {
    std::erase_if(network_, [&](const InFlight& m) {
      return Index(m.to) == i || Index(m.from) == i;
    });
    CrashAlone(i);
  }
  // The same, but what is on the way may still arrive, however late.
  void CrashAlone(int i) {
    const auto at_i = static_cast<std::size_t>(i);
    journal(i).resize(synced_[at_i]);
    machines_[at_i] = Machine(settings_[at_i]);
    committed_[at_i].clear();
    for (const Record& record : journal(i)) {
      at(i).Restore(record, committed_[at_i]);
    }
  }

  const CommittedInstance* FindCommitted(int i, InstanceId id) const {
    const auto found =
        std::ranges::find(committed(i), id, &CommittedInstance::instance);
    return found == committed(i).end() ? nullptr : &*found;
  }

  // Carries out the effects of a step, whoever took it.
  void TakeActions(int i, Actions& actions) {
    for (Record& record : actions.persist) {
      journal(i).push_back(std::move(record));
    }
    EXPECT_EQ(journal(i).size(), at(i).last_record());
    for (const OutgoingMessage& out : actions.messages) {
      EXPECT_LE(out.rests_on, synced_[static_cast<std::size_t>(i)])
          << "sent before synced: " << Name(out.message);
      EXPECT_FALSE(out.to.Contains(ReplicaAt(i)));
      for (int to = 0; to < size(); ++to) {
        if (out.to.Contains(ReplicaAt(to))) {
          network_.push_back({ReplicaAt(i), ReplicaAt(to), out.message});
        }
      }
    }
    for (CommittedInstance& c : actions.committed) {
      committed_[static_cast<std::size_t>(i)].push_back(std::move(c));
    }
    const absl::Status status = at(i).CheckInvariants();
    EXPECT_TRUE(status.ok()) << status;
  }

 private:
  std::vector<Settings> settings_;
  std::vector<Machine> machines_;
  std::vector<std::vector<Record>> journals_;
  std::vector<RecordSequence> synced_;
  std::vector<std::vector<CommittedInstance>> committed_;
  std::vector<InFlight> network_;
};

}  // namespace quorate
