#include "replica/host/replica.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace quorate {
namespace {

CommandBatchPtr Request(std::uint64_t sequence, OperationKind kind,
                        const std::string& key, const std::string& value = "") {
  return MakeBatch({ClientId{9}, sequence},
                   {.kind = kind, .key = key, .value = value, .number = 1},
                   /*origin=*/5);
}

// Replicas whose journals sync at once and whose network is perfect.
class Cluster {
 public:
  explicit Cluster(Settings base = {}) {
    for (int i = 0; i < 3; ++i) {
      base.self = ReplicaAt(i);
      replicas_.push_back(Replica::Create(base));
    }
    journals_.resize(3);
  }

  Replica& at(int i) { return *replicas_[static_cast<std::size_t>(i)]; }

  // Steps the event at replica i and everything that follows from it; returns
  // the replies of all replicas.
  std::vector<ClientReply> Run(int i, Event event) {
    std::vector<ClientReply> replies;
    std::vector<std::pair<int, Event>> todo{{i, std::move(event)}};
    for (std::size_t next = 0; next < todo.size(); ++next) {
      const int at_replica = todo[next].first;
      const Event now = todo[next].second;
      Actions actions;
      at(at_replica).Step(now, actions);
      const absl::Status status = at(at_replica).CheckInvariants();
      EXPECT_TRUE(status.ok()) << status;
      auto& journal = journals_[static_cast<std::size_t>(at_replica)];
      if (!actions.persist.empty()) {
        for (Record& record : actions.persist) {
          journal.push_back(std::move(record));
        }
        todo.emplace_back(at_replica,
                          RecordsDurable{.through = journal.size()});
      }
      for (const OutgoingMessage& out : actions.messages) {
        for (int to = 0; to < 3; ++to) {
          if (!out.to.Contains(ReplicaAt(to))) continue;
          todo.emplace_back(to, MessageReceived{.from = ReplicaAt(at_replica),
                                                .message = out.message});
        }
      }
      for (OutgoingReply& out : actions.replies) {
        replies.push_back(std::move(out.reply));
      }
    }
    return replies;
  }

  std::vector<ClientReply> Submit(int i, CommandBatchPtr batch) {
    return Run(i, ClientCommands{.batches = {std::move(batch)}});
  }

  std::unique_ptr<Replica> RestoreCopy(int i) {
    Settings settings;
    settings.self = ReplicaAt(i);
    auto copy = Replica::Create(settings);
    copy->Restore(journals_[static_cast<std::size_t>(i)]);
    return copy;
  }

 private:
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<std::vector<Record>> journals_;
};

TEST(Replica, AnswersAfterExecutionAtTheNodeThatWasAsked) {
  Cluster cluster;
  const auto put = cluster.Submit(0, Request(1, OperationKind::kPut, "a", "1"));
  ASSERT_EQ(put.size(), 1u);
  EXPECT_EQ(put[0].status, ReplyStatus::kDone);
  EXPECT_EQ(put[0].origin, 5u);
  EXPECT_EQ(put[0].instance, (InstanceId{ReplicaAt(0), 1}));
  const auto get = cluster.Submit(2, Request(2, OperationKind::kGet, "a"));
  ASSERT_EQ(get.size(), 1u);
  EXPECT_EQ(get[0].results[0].value, "1");
}

TEST(Replica, AllReplicasReachOneState) {
  Cluster cluster;
  for (std::uint64_t i = 1; i <= 60; ++i) {
    cluster.Submit(static_cast<int>(i % 3),
                   Request(i, OperationKind::kAppend, "log", "x"));
  }
  EXPECT_EQ(cluster.at(0).Status().state_hash,
            cluster.at(1).Status().state_hash);
  EXPECT_EQ(cluster.at(0).Status().state_hash,
            cluster.at(2).Status().state_hash);
  const auto get = cluster.Submit(1, Request(61, OperationKind::kGet, "log"));
  EXPECT_EQ(get[0].results[0].value, std::string(60, 'x'));
}

TEST(Replica, ARetryAtAnotherNodeExecutesOnceAndGetsTheFirstResult) {
  Cluster cluster;
  for (const int node : {0, 1, 2}) {
    const auto replies =
        cluster.Submit(node, Request(1, OperationKind::kAppend, "log", "x"));
    ASSERT_EQ(replies.size(), 1u);
    EXPECT_EQ(replies[0].status, ReplyStatus::kDone);
  }
  const auto get = cluster.Submit(0, Request(2, OperationKind::kGet, "log"));
  EXPECT_EQ(get[0].results[0].value, "x");
}

// What a message brings has no origin: only the node that took a command in
// knows who waits for it.
CommandBatchPtr AsDecoded(const CommandBatch& batch) {
  CommandBatchBuilder builder;
  for (const Command& command : batch.commands()) {
    builder.AddCommand(command.id, command.acknowledged);
    for (const Operation& operation : batch.operations(command)) {
      builder.AddOperation(operation);
    }
  }
  return builder.Finish();
}

TEST(Replica, AnswersItsClientWhoeverFinishesItsInstance) {
  const InstanceId id{ReplicaAt(0), 1};
  for (const bool was_accepted : {false, true}) {
    SCOPED_TRACE(was_accepted);
    auto replica = Replica::Create({});
    Actions actions;
    const CommandBatchPtr request = Request(1, OperationKind::kPut, "a", "1");
    replica->Step(ClientCommands{.batches = {request}}, actions);
    const Value value = Value::Commands(AsDecoded(*request));
    if (was_accepted) {
      replica->Step(
          MessageReceived{
              .from = ReplicaAt(1),
              .message = Accept{.instance = id,
                                .ballot = Ballot::Of(1, ReplicaAt(1)),
                                .value = value,
                                .deps = DependencySet(3)}},
          actions);
    }
    replica->Step(
        MessageReceived{
            .from = ReplicaAt(1),
            .message =
                Commit{.instance = id,
                       .value = was_accepted ? value.WithoutPayload() : value,
                       .deps = DependencySet(3)}},
        actions);
    ASSERT_EQ(actions.replies.size(), 1u);
    EXPECT_EQ(actions.replies[0].reply.status, ReplyStatus::kDone);
    EXPECT_EQ(actions.replies[0].reply.origin, 5u);
  }
}

TEST(Replica, QueuesBeyondItsInFlightLimitAndThenBatches) {
  Settings settings;
  settings.max_in_flight = 1;
  settings.self = ReplicaAt(0);
  auto replica = Replica::Create(settings);
  Actions actions;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    replica->Step(
        ClientCommands{.batches = {Request(i, OperationKind::kPut, "a", "1")}},
        actions);
  }
  EXPECT_EQ(replica->Status().own_in_flight, 1u);
  EXPECT_EQ(replica->Status().queued_commands, 2u);
}

TEST(Replica, RefusesBusyWhenItsQueueIsFull) {
  Settings settings;
  settings.max_in_flight = 1;
  settings.max_queued_commands = 1;
  auto replica = Replica::Create(settings);
  Actions actions;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    replica->Step(
        ClientCommands{.batches = {Request(i, OperationKind::kPut, "a", "1")}},
        actions);
  }
  ASSERT_EQ(actions.replies.size(), 1u);
  EXPECT_EQ(actions.replies[0].reply.status, ReplyStatus::kRefused);
  EXPECT_EQ(actions.replies[0].reply.reason, RefusalReason::kBusy);
  EXPECT_EQ(actions.replies[0].reply.id.sequence, 3u);
  EXPECT_EQ(actions.replies[0].reply.origin, 5u);
  // What was refused never happens: one waits, the first is on its way.
  EXPECT_EQ(replica->Status().queued_commands, 1u);
}

TEST(Replica, TakesARequestThatIsLargerThanItsQueueWhenThatIsEmpty) {
  Settings settings;
  settings.max_queued_commands = 1;
  auto replica = Replica::Create(settings);
  CommandBatchBuilder builder;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    builder.AddCommand({ClientId{9}, i}, 0, /*origin=*/5);
    builder.AddOperation({.kind = OperationKind::kPut, .key = "a"});
  }
  Actions actions;
  replica->Step(ClientCommands{.batches = {builder.Finish()}}, actions);
  EXPECT_TRUE(actions.replies.empty());
  EXPECT_EQ(replica->Status().own_in_flight, 1u);
}

// protocol.md 4.6: what is proposed while a chain waits may make it longer.
TEST(Replica, ProposesNothingThatJoinsAChainWhileTooMuchWaits) {
  Settings settings;
  settings.max_waiting_instances = 2;
  auto replica = Replica::Create(settings);
  const auto learn = [&](InstanceId id, const DependencySet& deps) {
    Actions actions;
    replica->Step(
        MessageReceived{
            .from = id.replica,
            .message = Commit{.instance = id,
                              .value = Value::Commands(Request(
                                  id.slot, OperationKind::kPut, "k", "v")),
                              .deps = deps}},
        actions);
  };
  DependencySet on_the_first(3);
  on_the_first.Add({ReplicaAt(1), 1});
  learn({ReplicaAt(2), 1}, on_the_first);
  on_the_first.Add({ReplicaAt(2), 1});
  learn({ReplicaAt(2), 2}, on_the_first);
  Actions actions;
  replica->Step(
      ClientCommands{
          .batches = {Request(9, OperationKind::kPut, "k", "1"),
                      Request(10, OperationKind::kPut, "other", "1")}},
      actions);
  EXPECT_TRUE(replica->Status().holds_back);
  EXPECT_EQ(replica->Status().own_in_flight, 1u);
  EXPECT_EQ(replica->Status().queued_commands, 1u);

  learn({ReplicaAt(1), 1}, DependencySet(3));
  EXPECT_FALSE(replica->Status().holds_back);
  EXPECT_EQ(replica->Status().own_in_flight, 2u);
  EXPECT_EQ(replica->Status().queued_commands, 0u);
}

TEST(Replica, ARestoredCopyHasTheSameState) {
  Cluster cluster;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    cluster.Submit(static_cast<int>(i % 3),
                   Request(i, OperationKind::kAppend, "log", "x"));
    cluster.Submit(static_cast<int>(i % 2),
                   Request(1000 + i, OperationKind::kAdd, "n"));
  }
  for (int i = 0; i < 3; ++i) {
    const auto copy = cluster.RestoreCopy(i);
    EXPECT_EQ(copy->Status().state_hash, cluster.at(i).Status().state_hash);
    EXPECT_EQ(copy->Status().executed, cluster.at(i).Status().executed);
    EXPECT_EQ(copy->last_record(), cluster.at(i).last_record());
  }
}

TEST(Replica, ACloneGoesItsOwnWay) {
  Cluster cluster;
  cluster.Submit(0, Request(1, OperationKind::kPut, "a", "1"));
  const auto clone = cluster.at(0).Clone();
  EXPECT_EQ(clone->Fingerprint(), cluster.at(0).Fingerprint());
  Actions actions;
  clone->Step(
      ClientCommands{.batches = {Request(2, OperationKind::kPut, "a", "2")}},
      actions);
  EXPECT_NE(clone->Fingerprint(), cluster.at(0).Fingerprint());
}

}  // namespace
}  // namespace quorate
