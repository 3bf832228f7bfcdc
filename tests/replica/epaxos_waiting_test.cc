// What ends a recovery that waits (protocol.md 2.6, W1-W5), each rule alone:
// without it the recovery would go on waiting until a new ballot.
#include "tests/replica/epaxos_harness.h"

namespace quorate::epaxos {
namespace {

constexpr int kRecoverer = 2;
constexpr ReplicaId kLeader = ReplicaAt(0), kOthersLeader = ReplicaAt(1);
constexpr ReplicaId kInQuorum = ReplicaAt(3), kOutside = ReplicaAt(4);
constexpr InstanceId kX{kLeader, 1};
constexpr InstanceId kY{kOthersLeader, 1};

// r3 alone has voted on x and recovers it; r2 and r4 have promised and know of
// y, which conflicts and does not see x.
class EpaxosWaiting : public testing::Test {
 protected:
  void BeginRecovery() {
    cluster_.Deliver(kRecoverer, kLeader,
                     PreAccept{.instance = kX,
                               .batch = payload_,
                               .initial_deps = DependencySet(5)});
    cluster_.Sync(kRecoverer);
    cluster_.network().clear();
    cluster_.Suspect(kRecoverer, Index(kLeader));
    for (int i = 0; i < 100 && recovers_.empty(); ++i) {
      cluster_.Tick(kRecoverer);
      cluster_.Sync(kRecoverer);
      recovers_ = cluster_.Queued<Recover>(Index(kInQuorum));
    }
    ASSERT_FALSE(recovers_.empty());
    ballot_ = recovers_.front().ballot;
    Answer(kOthersLeader, NothingKnown());
    Answer(kInQuorum, NothingKnown());
    cluster_.Sync(kRecoverer);
  }
  void Wait() {
    BeginRecovery();
    for (const ReplicaId from : {kOthersLeader, kInQuorum}) {
      cluster_.Deliver(kRecoverer, from,
                       ValidateReply{.instance = kX,
                                     .ballot = ballot_,
                                     .conflicts = {{.instance = kY}}});
    }
    ASSERT_EQ(Times(RecoveryRule::kV4), 1u);
    ASSERT_EQ(Proposed(), std::nullopt);
  }

  RecoverReply NothingKnown() const {
    return {.instance = kX, .ballot = ballot_, .deps = DependencySet(5)};
  }
  void Answer(ReplicaId from, RecoverReply reply) {
    reply.ballot = ballot_;
    cluster_.Deliver(kRecoverer, from, reply);
  }
  void LearnY(const Value& value) {
    cluster_.Deliver(
        kRecoverer, kOthersLeader,
        Commit{.instance = kY, .value = value, .deps = DependencySet(5)});
  }
  std::uint64_t Times(RecoveryRule rule) {
    return cluster_.at(kRecoverer)
        .stats()
        .rules[static_cast<std::size_t>(rule)];
  }
  // What the recovery proposes at its ballot.
  std::optional<ValueKind> Proposed() {
    cluster_.Sync(kRecoverer);
    const auto accepts = cluster_.Queued<Accept>(Index(kInQuorum));
    if (accepts.empty()) return std::nullopt;
    EXPECT_EQ(accepts.front().ballot, ballot_);
    return accepts.front().value.kind;
  }

  const CommandBatchPtr payload_ = Put("k", "x");
  Settings settings_;
  TestCluster cluster_{5, settings_};
  std::vector<Recover> recovers_;
  Ballot ballot_;
};

TEST_F(EpaxosWaiting, GivesUpWhenTheOtherWasDecidedBlindToIt) {
  Wait();
  LearnY(Value::Commands(Put("k", "y", 2)));
  EXPECT_EQ(Proposed(), ValueKind::kNoop);
  EXPECT_EQ(Times(RecoveryRule::kW1), 1u);
}

TEST_F(EpaxosWaiting, KeepsItsCommandsWhenTheOtherBecameANoop) {
  Wait();
  LearnY(Value::Noop());
  EXPECT_EQ(Proposed(), ValueKind::kCommands);
  EXPECT_EQ(Times(RecoveryRule::kW2), 1u);
}

// Two recoveries that wait for each other: the one with fewer votes ends.
TEST_F(EpaxosWaiting, GivesUpWhenTheOtherWaitsWithTooManyVotes) {
  Wait();
  cluster_.Deliver(kRecoverer, kOutside,
                   Waiting{.instance = kY, .matching_votes = 1});
  EXPECT_EQ(Proposed(), std::nullopt);
  cluster_.Deliver(kRecoverer, kOutside,
                   Waiting{.instance = kY, .matching_votes = 2});
  EXPECT_EQ(Proposed(), ValueKind::kNoop);
  EXPECT_EQ(Times(RecoveryRule::kW3), 1u);
}

TEST_F(EpaxosWaiting, TakesAnAcceptedValueThatComesLate) {
  Wait();
  RecoverReply late = NothingKnown();
  late.status = InstanceStatus::kAccepted;
  late.value = Value::Commands(payload_);
  late.deps.Add(kY);
  Answer(kOutside, late);
  EXPECT_EQ(Proposed(), ValueKind::kCommands);
  EXPECT_EQ(Times(RecoveryRule::kW4Value), 1u);
}

TEST_F(EpaxosWaiting, GivesUpWhenTheCommandLeaderAnswersLate) {
  Wait();
  RecoverReply late = NothingKnown();
  late.status = InstanceStatus::kPreAccepted;
  late.value = Value::Commands(payload_);
  late.matches_initial = true;
  Answer(kLeader, late);
  EXPECT_EQ(Proposed(), ValueKind::kNoop);
  EXPECT_EQ(Times(RecoveryRule::kW4Leader), 1u);
}

TEST_F(EpaxosWaiting, GivesUpWhenTooFewOfAllAnswersMatch) {
  Wait();
  Answer(kOutside, NothingKnown());
  EXPECT_EQ(Proposed(), ValueKind::kNoop);
  EXPECT_EQ(Times(RecoveryRule::kW5), 1u);
}

class EpaxosFewVotes : public EpaxosWaiting {
 protected:
  EpaxosFewVotes() {
    settings_.fast_faults = 1;
    cluster_ = TestCluster(5, settings_);
  }
};

// A fast quorum of four meets every three answers in two.
TEST_F(EpaxosFewVotes, GivesUpWithoutAskingWhenTooFewVotesMatch) {
  BeginRecovery();
  EXPECT_EQ(Proposed(), ValueKind::kNoop);
  EXPECT_EQ(Times(RecoveryRule::kR4), 1u);
  EXPECT_TRUE(cluster_.Queued<Validate>(Index(kInQuorum)).empty());
}

// Takes the recovery of the lost leader's instance at `recoverer` so far that
// it waits, with the answers of `others`.
void RecoverUntilItWaits(TestCluster& cluster, int recoverer, int leader,
                         std::initializer_list<int> others) {
  cluster.Suspect(recoverer, leader);
  for (int i = 0; i < 100 && cluster.Queued<Recover>(*others.begin()).empty();
       ++i) {
    cluster.Tick(recoverer);
    cluster.Sync(recoverer);
  }
  const auto ask_others = [&]<typename Request, typename Reply>() {
    for (const int other : others) {
      ASSERT_GE(cluster.DeliverAll<Request>(other), 1);
      cluster.Sync(other);
    }
    cluster.DeliverAll<Reply>(recoverer);
    cluster.Sync(recoverer);
  };
  ask_others.operator()<Recover, RecoverReply>();
  ask_others.operator()<Validate, ValidateReply>();
  EXPECT_EQ(cluster.at(recoverer).stats().recoveries_waited, 1u);
  cluster.network().clear();
}

// BM13: r1.1 is known to r3, r2.1 to r4 and r5, and neither sees the other.
TEST(EpaxosMutualWait, EndsThoughBothLeadersAreLost) {
  TestCluster cluster(5);
  const InstanceId x = cluster.Propose(0, Put("k", "x"));
  const InstanceId y = cluster.Propose(1, Put("k", "y", 2));
  cluster.SyncAll();
  std::erase_if(cluster.network(), [](const InFlight& m) {
    const bool to_the_first = m.to == ReplicaAt(2);
    return to_the_first != (m.from == ReplicaAt(0));
  });
  for (const int voter : {2, 3, 4}) cluster.DeliverAll<PreAccept>(voter);
  cluster.SyncAll();
  cluster.network().clear();
  RecoverUntilItWaits(cluster, 2, 0, {1, 3});
  RecoverUntilItWaits(cluster, 4, 1, {2, 3});

  const ReplicaSet down = ReplicaSet::FirstN(2);
  for (const int i : {2, 3, 4}) {
    cluster.Suspect(i, 0);
    cluster.Suspect(i, 1);
  }
  cluster.Run(600, down);
  for (const int i : {2, 3, 4}) {
    EXPECT_NE(cluster.FindCommitted(i, x), nullptr);
    EXPECT_NE(cluster.FindCommitted(i, y), nullptr);
  }
}

}  // namespace
}  // namespace quorate::epaxos
