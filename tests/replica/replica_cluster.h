// Answers: how does a test run a cluster of whole replicas by hand?
//
// Of any protocol, each with a journal that syncs when asked and a network
// whose messages lie in a list until somebody delivers or drops them. Nothing
// happens by itself, but that a node which wants a checkpoint writes it at
// once, in small chunks; a snapshot is the node's with its next sync. Every
// decision is compared with every other one: agreement and visibility hold
// after each step, or the test fails.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "replica/base/roles.h"
#include "replica/host/replica.h"
#include "tests/replica/in_flight.h"
#include "wire/commutation.h"

namespace quorate {

class ReplicaCluster {
 public:
  explicit ReplicaCluster(const Settings& settings)
      : settings_(settings),
        roles_(Cluster(settings).roles),
        nodes_(static_cast<std::size_t>(settings.replicas)) {
    for (int i = 0; i < settings.replicas; ++i) Create(i);
  }

  int size() const { return settings_.replicas; }
  const Roles& roles() const { return roles_; }
  Replica& at(int i) { return *node(i).replica; }
  std::vector<InFlight>& network() { return network_; }
  std::vector<ClientReply>& replies() { return replies_; }
  const std::map<InstanceId, CommittedInstance>& decided() const {
    return decided_;
  }
  const std::vector<Record>& journal(int i) { return node(i).journal; }

  void Step(int i, const Event& event) {
    Actions actions;
    at(i).Step(event, actions);
    const absl::Status status = at(i).CheckInvariants();
    EXPECT_TRUE(status.ok()) << status;
    for (Record& record : actions.persist) {
      node(i).journal.push_back(std::move(record));
    }
    EXPECT_EQ(at(i).last_record(), node(i).journal.size());
    for (const OutgoingMessage& out : actions.messages) {
      EXPECT_LE(out.rests_on, node(i).durable);
      EXPECT_FALSE(out.to.Contains(ReplicaAt(i))) << Name(out.message);
      for (int to = 0; to < size(); ++to) {
        if (!out.to.Contains(ReplicaAt(to))) continue;
        network_.push_back({.from = ReplicaAt(i),
                            .to = ReplicaAt(to),
                            .message = out.message});
      }
    }
    for (OutgoingReply& out : actions.replies) {
      replies_.push_back(std::move(out.reply));
    }
    for (const SnapshotRead& read : actions.snapshot_reads) SendChunks(i, read);
    for (SnapshotWrite& write : actions.snapshot_writes) {
      WriteSnapshot(i, std::move(write));
    }
    if (at(i).wants_checkpoint()) WriteCheckpoint(i);
    for (const CommittedInstance& decision : actions.committed) {
      CheckDecision(decision);
    }
  }

  void Submit(int leader, CommandBatchPtr batch) {
    Step(leader, ClientCommands{.batches = {std::move(batch)}});
  }
  void Sync(int i) {
    const bool installs = node(i).snapshot.has_value();
    if (!installs && node(i).durable == node(i).journal.size()) return;
    SyncUnheard(i);
    if (installs) Step(i, SnapshotDurable{});
    Step(i, RecordsDurable{.through = node(i).durable});
  }
  // The node does not hear of it.
  void SyncUnheard(int i) {
    node(i).durable = node(i).journal.size();
    if (!node(i).snapshot.has_value()) return;
    node(i).checkpoint = *std::exchange(node(i).snapshot, std::nullopt);
  }
  // All of a peer's snapshot has come, and waits for the next sync.
  bool HasSnapshot(int i) { return node(i).snapshot.has_value(); }
  void Tick(int i) { Step(i, quorate::Tick{}); }
  void Suspect(int i, int peer, bool suspected = true) {
    Step(i, PeerSuspected{.peer = ReplicaAt(peer), .suspected = suspected});
  }
  void Deliver(int to, ReplicaId from, const Message& message) {
    Step(to, MessageReceived{.from = from, .message = message});
  }
  void Deliver(const InFlight& each) {
    const auto* chunk = std::get_if<SnapshotChunk>(&each.message);
    if (chunk == nullptr) {
      return Deliver(Index(each.to), each.from, each.message);
    }
    const Checkpoint& of = node(Index(each.from)).checkpoint;
    if (of.through != chunk->through) return;
    Step(Index(each.to), SnapshotPart{.from = each.from,
                                      .through = chunk->through,
                                      .index = chunk->index,
                                      .chunks = chunk->chunks,
                                      .records = of.chunks[chunk->index]});
  }

  // What is not synced is gone; what is on the way stays on the way.
  void CrashAndRestart(int i) {
    node(i).journal.resize(node(i).durable);
    node(i).written = {};
    node(i).snapshot.reset();
    Create(i);
    for (const std::vector<Record>& chunk : node(i).checkpoint.chunks) {
      at(i).Restore(chunk);
    }
    const std::span<const Record> journal = node(i).journal;
    at(i).Restore(journal.subspan(node(i).checkpoint.through));
    EXPECT_EQ(at(i).last_record(), node(i).journal.size());
  }
  void WriteCheckpoint(int i) {
    const std::optional<RecordSequence> through = at(i).BeginCheckpoint();
    if (!through.has_value()) return;
    Checkpoint& of = node(i).checkpoint;
    of = {.through = *through};
    std::vector<Record> chunk;
    while (at(i).NextCheckpointRecords(kChunkBytes, chunk)) {
      of.chunks.push_back(std::exchange(chunk, {}));
    }
    // It stands for records that are on their way to the disk before it.
    node(i).durable = node(i).journal.size();
    Step(i, RecordsDurable{.through = node(i).durable});
  }

  // Delivers and syncs until nothing is left; drops what `lost` says.
  template <typename Lost>
  void Settle(const Lost& lost) {
    for (int round = 0; round < 1000; ++round) {
      for (int i = 0; i < size(); ++i) Sync(i);
      if (network_.empty()) return;
      for (const InFlight& message : std::exchange(network_, {})) {
        if (!lost(message)) Deliver(message);
      }
    }
    ADD_FAILURE() << "the cluster never settles";
  }
  void Settle() {
    Settle([](const InFlight&) { return false; });
  }
  // Time passes, with all of the above in between.
  void Run(int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
      for (int i = 0; i < size(); ++i) Tick(i);
      Settle();
    }
  }

  // The same without one node, which neither hears nor is heard of.
  void RunWithout(int down, int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
      for (int i = 0; i < size(); ++i) {
        if (i != down) Tick(i);
      }
      Settle([&](const InFlight& each) {
        return each.from == ReplicaAt(down) || each.to == ReplicaAt(down);
      });
    }
  }

  // The messages of one kind that are on the way.
  template <typename M>
  std::vector<InFlight> OnTheWay() const {
    std::vector<InFlight> found;
    for (const InFlight& each : network_) {
      if (std::holds_alternative<M>(each.message)) found.push_back(each);
    }
    return found;
  }

 private:
  static constexpr std::size_t kChunkBytes = 200;

  struct Checkpoint {
    RecordSequence through = 0;
    std::vector<std::vector<Record>> chunks;
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    std::vector<Record> journal;  // all there ever was
    RecordSequence durable = 0;
    Checkpoint checkpoint;
    // A peer's: as far as it has come, and all of it, to be synced.
    Checkpoint written;
    std::optional<Checkpoint> snapshot;
  };

  Node& node(int i) { return nodes_[static_cast<std::size_t>(i)]; }

  void Create(int i) {
    Settings settings = settings_;
    settings.self = ReplicaAt(i);
    node(i).replica = Replica::Create(settings);
  }

  // What is in a chunk is looked up when it arrives.
  void SendChunks(int i, const SnapshotRead& read) {
    const Checkpoint& of = node(i).checkpoint;
    if (of.through != read.through) return;
    const std::uint64_t first = FirstChunkOf(read, of.chunks.size());
    const std::uint64_t end =
        std::min(first + kSnapshotWindow, of.chunks.size());
    for (std::uint64_t index = first; index < end; ++index) {
      network_.push_back(
          {.from = ReplicaAt(i),
           .to = read.to,
           .message = SnapshotChunk{.through = read.through,
                                    .index = index,
                                    .chunks = of.chunks.size()}});
    }
  }

  void WriteSnapshot(int i, SnapshotWrite write) {
    if (write.begins) node(i).written = {};
    node(i).written.chunks.push_back(std::move(write.records));
    if (!write.ends.has_value()) return;
    node(i).written.through = *write.ends;
    node(i).snapshot = std::exchange(node(i).written, {});
  }

  void CheckDecision(const CommittedInstance& c) {
    const auto [known, fresh] = decided_.try_emplace(c.instance, c);
    ASSERT_TRUE(known->second.value == c.value && known->second.deps == c.deps)
        << "agreement on " << ToString(c.instance);
    if (!fresh || c.value.kind == ValueKind::kNoop) return;
    for (const auto& [id, other] : decided_) {
      if (id == c.instance || other.value.kind == ValueKind::kNoop ||
          !Conflict(*c.value.batch, *other.value.batch, settings_.conflicts)) {
        continue;
      }
      ASSERT_TRUE(other.deps.Contains(c.instance) || c.deps.Contains(id))
          << "visibility of " << ToString(id) << " and "
          << ToString(c.instance);
    }
  }

  Settings settings_;
  Roles roles_;
  std::vector<Node> nodes_;
  std::vector<InFlight> network_;
  std::vector<ClientReply> replies_;
  std::map<InstanceId, CommittedInstance> decided_;
};

}  // namespace quorate
