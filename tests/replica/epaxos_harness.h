// Answers: how do tests drive EPaxos machines by hand?
//
// A few machines, the messages between them in a visible queue, and journals
// that are synced when the test says so. Nothing is delivered unasked.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "replica/epaxos/epaxos.h"

namespace quorate::epaxos {

inline CommandBatchPtr Put(const std::string& key, const std::string& value,
                           std::uint64_t sequence = 1) {
  return MakeBatch({ClientId{7}, sequence}, {.kind = OperationKind::kPut,
                                             .key = key,
                                             .value = value});
}

inline ReplicaSet Set(std::initializer_list<int> members) {
  ReplicaSet set;
  for (const int i : members) set.Insert(ReplicaAt(i));
  return set;
}

struct InFlight {
  ReplicaId from{};
  ReplicaId to{};
  Message message;
};

class TestCluster {
 public:
  explicit TestCluster(int n, Settings base = {}) {
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

  Epaxos& at(int i) { return machines_[static_cast<std::size_t>(i)]; }
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
    Take(i, actions);
    return id;
  }
  void Deliver(int to, ReplicaId from, const Message& message) {
    Actions actions;
    at(to).Handle(from, message, actions);
    Take(to, actions);
  }
  // Everything appended so far becomes durable at replica i.
  void Sync(int i) {
    const auto through = static_cast<RecordSequence>(journal(i).size());
    synced_[static_cast<std::size_t>(i)] = through;
    Actions actions;
    at(i).HandleDurable(through, actions);
    Take(i, actions);
  }
  void SyncAll() {
    for (int i = 0; i < size(); ++i) Sync(i);
  }
  void Tick(int i, int times = 1) {
    for (int t = 0; t < times; ++t) {
      Actions actions;
      at(i).HandleTick(Executed(i), actions);
      Take(i, actions);
    }
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
  // Syncs and delivers until nothing moves. Replicas in `down` hear nothing.
  void Settle(ReplicaSet down = {}) {
    for (;;) {
      for (int i = 0; i < size(); ++i) {
        if (!down.Contains(ReplicaAt(i))) Sync(i);
      }
      if (network_.empty()) return;
      std::vector<InFlight> now = std::exchange(network_, {});
      for (const InFlight& m : now) {
        if (!down.Contains(m.to)) Deliver(Index(m.to), m.from, m.message);
      }
    }
  }
  // Ticks everybody and settles, `times` times.
  void Run(int times, ReplicaSet down = {}) {
    for (int t = 0; t < times; ++t) {
      for (int i = 0; i < size(); ++i) {
        if (!down.Contains(ReplicaAt(i))) Tick(i);
      }
      Settle(down);
    }
  }
  // Loses what is not synced and everything on the way, then starts again.
  void CrashAndRestart(int i) {
    auto& journal = journals_[static_cast<std::size_t>(i)];
    journal.resize(synced_[static_cast<std::size_t>(i)]);
    std::erase_if(network_, [&](const InFlight& m) {
      return Index(m.to) == i || Index(m.from) == i;
    });
    machines_[static_cast<std::size_t>(i)] =
        Epaxos(settings_[static_cast<std::size_t>(i)]);
    committed_[static_cast<std::size_t>(i)].clear();
    for (const Record& record : journal) {
      at(i).Restore(record, committed_[static_cast<std::size_t>(i)]);
    }
  }

  int size() const { return static_cast<int>(machines_.size()); }
  // What an executor that runs every contiguous commit at once would report.
  DependencySet Executed(int i) { return at(i).committed_frontier(); }

  const CommittedInstance* FindCommitted(int i, InstanceId id) const {
    for (const CommittedInstance& c : committed(i)) {
      if (c.instance == id) return &c;
    }
    return nullptr;
  }

  // Carries out the effects of a step that a test took by itself.
  void TakeActions(int i, Actions& actions) { Take(i, actions); }

 private:
  void Take(int i, Actions& actions) {
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

  std::vector<Settings> settings_;
  std::vector<Epaxos> machines_;
  std::vector<std::vector<Record>> journals_;
  std::vector<RecordSequence> synced_;
  std::vector<std::vector<CommittedInstance>> committed_;
  std::vector<InFlight> network_;
};

}  // namespace quorate::epaxos
