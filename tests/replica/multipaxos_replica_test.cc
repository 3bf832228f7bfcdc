// The machine as clients meet it: who answers, and how.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "replica/host/replica.h"

namespace quorate {
namespace {

CommandBatchPtr OneCommand(const Operation& operation, std::uint64_t sequence) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{7}, sequence}, 0, /*origin=*/9);
  builder.AddOperation(operation);
  return builder.Finish();
}

CommandBatchPtr OnePut(const std::string& value, std::uint64_t sequence) {
  return OneCommand({.kind = OperationKind::kPut, .key = "k", .value = value},
                    sequence);
}

CommandBatchPtr Get(std::uint64_t sequence) {
  return OneCommand({.kind = OperationKind::kGet, .key = "k"}, sequence);
}

// Three replicas whose disks and network are instant.
class MultipaxosReplicaTest : public testing::Test {
 protected:
  void SetUp() override { Start({}); }

  void Start(Settings settings) {
    settings.protocol = Protocol::kMultipaxos;
    replicas_.clear();
    for (int i = 0; i < 3; ++i) {
      settings.self = ReplicaAt(i);
      replicas_.push_back(Replica::Create(settings));
    }
    replies_.assign(3, {});
    down_ = {};
  }

  void Step(int i, const Event& event) {
    Actions actions;
    replicas_[static_cast<std::size_t>(i)]->Step(event, actions);
    while (!actions.persist.empty()) {
      actions.persist.clear();
      replicas_[static_cast<std::size_t>(i)]->Step(
          RecordsDurable{replicas_[static_cast<std::size_t>(i)]->last_record()},
          actions);
    }
    for (OutgoingReply& reply : actions.replies) {
      replies_[static_cast<std::size_t>(i)].push_back(std::move(reply.reply));
    }
    if (down_.Contains(ReplicaAt(i))) return;
    for (const OutgoingMessage& out : actions.messages) {
      for (int to = 0; to < 3; ++to) {
        if (!out.to.Contains(ReplicaAt(to)) || down_.Contains(ReplicaAt(to))) {
          continue;
        }
        Step(to, MessageReceived{.from = ReplicaAt(i), .message = out.message});
      }
    }
  }
  void Elect(int i) {
    for (int t = 0; t < 200 && !status(i).leads; ++t) Step(i, Tick{});
    ASSERT_TRUE(status(i).leads);
  }
  void Ask(int i, CommandBatchPtr batch) {
    Step(i, ClientCommands{.batches = {std::move(batch)}});
  }
  ReplicaStatus status(int i) const {
    return replicas_[static_cast<std::size_t>(i)]->Status();
  }
  std::vector<ClientReply>& replies(int i) {
    return replies_[static_cast<std::size_t>(i)];
  }

  std::vector<std::unique_ptr<Replica>> replicas_;
  std::vector<std::vector<ClientReply>> replies_;
  ReplicaSet down_;  // cut off
};

TEST_F(MultipaxosReplicaTest, TheLeaderAnswersAfterExecution) {
  Elect(1);
  Ask(1, OnePut("1", 1));
  ASSERT_EQ(replies(1).size(), 1u);
  EXPECT_EQ(replies(1)[0].status, ReplyStatus::kDone);
  EXPECT_EQ(replies(1)[0].instance, (InstanceId{kLogColumn, 1}));
  // The batch is shared in memory, but nobody else answers it.
  for (int t = 0; t < 10; ++t) Step(1, Tick{});
  EXPECT_EQ(status(0).state_hash, status(1).state_hash);
  EXPECT_TRUE(replies(0).empty());
  EXPECT_TRUE(replies(2).empty());
}

TEST_F(MultipaxosReplicaTest, AFollowerNamesTheLeaderAndDoesNothing) {
  Elect(1);
  Ask(0, OnePut("1", 1));
  ASSERT_EQ(replies(0).size(), 1u);
  EXPECT_EQ(replies(0)[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(replies(0)[0].reason, RefusalReason::kNotLeader);
  EXPECT_EQ(replies(0)[0].instance.replica, ReplicaAt(1));
  EXPECT_EQ(replies(0)[0].origin, 9u);
  EXPECT_EQ(status(1).executor.executed_commands, 0u);
}

TEST_F(MultipaxosReplicaTest, WhoKnowsNoLeaderSaysSo) {
  Ask(0, OnePut("1", 1));
  ASSERT_EQ(replies(0).size(), 1u);
  EXPECT_EQ(replies(0)[0].reason, RefusalReason::kNoLeader);
}

TEST_F(MultipaxosReplicaTest, ALeaderThatIsReplacedDoesNotKnowWhatBecame) {
  Elect(0);
  down_.Insert(ReplicaAt(0));
  Ask(0, OnePut("1", 1));
  EXPECT_TRUE(replies(0).empty());
  for (const int other : {1, 2}) {
    Step(other, PeerSuspected{.peer = ReplicaAt(0), .suspected = true});
  }
  Elect(1);
  Ask(1, OnePut("2", 2));
  down_ = {};
  for (int t = 0; t < 20; ++t) Step(1, Tick{});
  ASSERT_EQ(replies(0).size(), 1u);
  EXPECT_EQ(replies(0)[0].status, ReplyStatus::kUnknown);
  EXPECT_EQ(status(0).leader, ReplicaAt(1));
}

TEST_F(MultipaxosReplicaTest, ACommandThatIsSentAgainIsDoneOnce) {
  Elect(0);
  Ask(0, OnePut("1", 1));
  Ask(0, OnePut("1", 1));
  ASSERT_EQ(replies(0).size(), 2u);
  EXPECT_EQ(replies(0)[1].status, ReplyStatus::kDone);
  EXPECT_EQ(status(0).executor.executed_commands, 1u);
  EXPECT_EQ(status(0).executor.repeated_commands, 1u);
}

TEST_F(MultipaxosReplicaTest, TheLeaderServesReadsWithoutTheLog) {
  Start({.reads = ReadMode::kLeader});
  Elect(0);
  Ask(0, OnePut("1", 1));
  CommandBatchBuilder mixed;
  mixed.AddCopy(*Get(2), Get(2)->commands()[0]);
  mixed.AddCopy(*OnePut("2", 3), OnePut("2", 3)->commands()[0]);
  Ask(0, mixed.Finish());
  ASSERT_EQ(replies(0).size(), 3u);
  const ClientReply& read = replies(0)[replies(0)[1].id.sequence == 2 ? 1 : 2];
  EXPECT_EQ(read.instance.slot, 0u);
  ASSERT_EQ(read.results.size(), 1u);
  EXPECT_EQ(read.results[0].value, "1");
  EXPECT_EQ(status(0).committed[kLogColumn], 2u);
  EXPECT_EQ(status(0).leader_reads, 1u);
}

TEST_F(MultipaxosReplicaTest, ALeaderThatIsCutOffServesNoReads) {
  Start({.reads = ReadMode::kLeader});
  Elect(0);
  down_.Insert(ReplicaAt(0));
  Ask(0, Get(1));
  EXPECT_TRUE(replies(0).empty());
}

TEST_F(MultipaxosReplicaTest, AFollowerSendsReadsToTheLeaderToo) {
  Start({.reads = ReadMode::kLeader});
  Elect(0);
  Ask(1, Get(1));
  ASSERT_EQ(replies(1).size(), 1u);
  EXPECT_EQ(replies(1)[0].reason, RefusalReason::kNotLeader);
}

}  // namespace
}  // namespace quorate
