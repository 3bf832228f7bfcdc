// Members that lag in different columns: what the others may forget meanwhile,
// and that any n-f of them go on afterwards without the rest.
#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "replica/base/quorum.h"
#include "tests/replica/replica_cluster.h"

namespace quorate {
namespace {

// What goes wrong in the network. A cut link carries nothing. A member that
// lacks a column hears nothing about that column's instances, from nobody.
struct Trouble {
  struct Pair {
    int first;
    int second;
  };
  std::vector<Pair> cut;
  std::vector<Pair> lacking;  // member, column
  ReplicaSet down;

  bool Loses(const InFlight& each) const {
    if (down.Contains(each.from) || down.Contains(each.to)) return true;
    const int from = Index(each.from);
    const int to = Index(each.to);
    for (const auto [a, b] : cut) {
      if ((from == a && to == b) || (from == b && to == a)) return true;
    }
    const int column = std::visit(
        [](const auto& m) {
          if constexpr (requires { m.instance; }) {
            return Index(m.instance.replica);
          }
          return -1;
        },
        each.message);
    return std::ranges::any_of(lacking, [&](const Pair& pair) {
      return pair.first == to && pair.second == column;
    });
  }
};

struct Rule {
  FastPathRule fast_path = FastPathRule::kEpaxos;
  Protocol protocol = Protocol::kEpaxos;
};

class FloorsTest : public testing::TestWithParam<Rule> {
 protected:
  static Settings SettingsOf(int replicas, std::size_t retained_bytes = 1) {
    return {.protocol = GetParam().protocol,
            .replicas = replicas,
            .fast_path = GetParam().fast_path,
            .retained_bytes = retained_bytes};
  }
  static ReplicaSet Nodes(std::initializer_list<int> members) {
    ReplicaSet set;
    for (const int i : members) set.Insert(ReplicaAt(i));
    return set;
  }

  // Suspicion follows the links.
  static void Suspect(ReplicaCluster& cluster, const Trouble& trouble,
                      bool suspected) {
    for (const auto [a, b] : trouble.cut) {
      cluster.Suspect(a, b, suspected);
      cluster.Suspect(b, a, suspected);
    }
  }
  static void Run(ReplicaCluster& cluster, const Trouble& trouble, int ticks) {
    for (int tick = 0; tick < ticks; ++tick) {
      for (int i = 0; i < cluster.size(); ++i) {
        if (!trouble.down.Contains(ReplicaAt(i))) cluster.Tick(i);
      }
      cluster.Settle([&](const InFlight& each) { return trouble.Loses(each); });
    }
  }
  // Each of `writers` puts keys of its own, `commands` of them.
  void Write(ReplicaCluster& cluster, const Trouble& trouble,
             std::initializer_list<int> writers, int commands) {
    for (int i = 0; i < commands; ++i) {
      for (const int writer : writers) {
        cluster.Submit(writer, Put(writer));
        cluster.Settle(
            [&](const InFlight& each) { return trouble.Loses(each); });
      }
    }
  }
  CommandBatchPtr Put(int writer) {
    ++sequence_;
    return MakeBatch(
        {ClientId{static_cast<std::uint64_t>(writer) + 1}, sequence_},
        {.kind = OperationKind::kPut,
         .key =
             "k" + std::to_string(writer) + "." + std::to_string(sequence_ % 7),
         .value = "v" + std::to_string(sequence_)},
        /*origin=*/1);
  }
  // Of two members, one has executed all that the other has forgotten.
  static void ExpectNoneHasPassedTheOther(ReplicaCluster& cluster) {
    for (int i = 0; i < cluster.size(); ++i) {
      for (int j = 0; j < i; ++j) {
        const ReplicaStatus one = cluster.at(i).Status();
        const ReplicaStatus other = cluster.at(j).Status();
        EXPECT_TRUE(one.executed.Covers(other.drop_floor) ||
                    other.executed.Covers(one.drop_floor))
            << i << " has " << ToString(one.executed) << " and forgot "
            << ToString(one.drop_floor) << ", " << j << " has "
            << ToString(other.executed) << " and forgot "
            << ToString(other.drop_floor);
      }
    }
  }
  // The members that are left come to one state, and to the end of new
  // commands of each, within a second.
  void ExpectToGoOn(ReplicaCluster& cluster, const Trouble& trouble) {
    Run(cluster, trouble, 100);
    std::optional<std::uint64_t> hash;
    for (int i = 0; i < cluster.size(); ++i) {
      if (trouble.down.Contains(ReplicaAt(i))) continue;
      cluster.replies().clear();
      cluster.Submit(i, Put(i));
      Run(cluster, trouble, 10);
      ASSERT_EQ(cluster.replies().size(), 1u) << i;
      EXPECT_EQ(cluster.replies()[0].status, ReplyStatus::kDone) << i;
    }
    for (int i = 0; i < cluster.size(); ++i) {
      if (trouble.down.Contains(ReplicaAt(i))) continue;
      const std::uint64_t mine = cluster.at(i).Status().state_hash;
      EXPECT_EQ(hash.value_or(mine), mine) << i;
      hash = mine;
    }
  }
  // Those of `down` are lost for good, all else heals.
  void LoseAndHeal(ReplicaCluster& cluster, const Trouble& trouble,
                   std::initializer_list<int> down) {
    Suspect(cluster, trouble, false);
    const Trouble after{.down = Nodes(down)};
    for (int i = 0; i < cluster.size(); ++i) {
      for (const int lost : down) {
        if (!after.down.Contains(ReplicaAt(i))) cluster.Suspect(i, lost);
      }
    }
    ExpectToGoOn(cluster, after);
  }

  std::uint64_t sequence_ = 0;
};

// The third hears both and proposes nothing; each of two lacks what the other
// has proposed. Then the third is lost.
TEST_P(FloorsTest, OfThreeTwoDoNotPassEachOther) {
  ReplicaCluster cluster(SettingsOf(3));
  const Trouble trouble{.cut = {{0, 1}}, .lacking = {{0, 1}, {1, 0}}};
  Suspect(cluster, trouble, true);
  Write(cluster, trouble, {0, 1}, 20);
  Run(cluster, trouble, 60);
  ExpectNoneHasPassedTheOther(cluster);
  LoseAndHeal(cluster, trouble, {2});
}

// Every column has a laggard of its own among those that are left.
TEST_P(FloorsTest, OfFiveThreeDoNotPassEachOther) {
  ReplicaCluster cluster(SettingsOf(5));
  const Trouble trouble{.cut = {{0, 1}, {2, 4}},
                        .lacking = {{1, 0}, {0, 1}, {4, 2}}};
  Suspect(cluster, trouble, true);
  Write(cluster, trouble, {0, 1, 2}, 20);
  Run(cluster, trouble, 60);
  ExpectNoneHasPassedTheOther(cluster);
  LoseAndHeal(cluster, trouble, {2, 3});
}

// The rule does not keep everything for one that is down.
TEST_P(FloorsTest, OneThatIsDownIsPassed) {
  for (const int replicas : {3, 5}) {
    ReplicaCluster cluster(SettingsOf(replicas));
    const Trouble trouble{.down = Nodes({replicas - 1})};
    for (int i = 0; i + 1 < replicas; ++i) cluster.Suspect(i, replicas - 1);
    for (int round = 0; round < 10; ++round) {
      Write(cluster, trouble, {0, 1}, 10);
      Run(cluster, trouble, 30);
    }
    for (int i = 0; i + 1 < replicas; ++i) {
      EXPECT_LE(cluster.at(i).Status().instances_in_memory, 30u) << i;
    }
    ExpectNoneHasPassedTheOther(cluster);
    for (int i = 0; i + 1 < replicas; ++i) {
      cluster.Suspect(i, replicas - 1, false);
    }
    ExpectToGoOn(cluster, {});
    EXPECT_GE(cluster.at(replicas - 1).Status().snapshots_installed, 1u);
  }
}

// Nor while a link is cut: who hears both relays what is lacked, so that nobody
// need be passed.
TEST_P(FloorsTest, ACutLinkDoesNotMakeMemoryGrow) {
  ReplicaCluster cluster(SettingsOf(3, /*retained_bytes=*/20'000));
  const Trouble trouble{.cut = {{0, 1}}};
  Suspect(cluster, trouble, true);
  for (int round = 0; round < 10; ++round) {
    Write(cluster, trouble, {0, 1}, 10);
    Run(cluster, trouble, 60);
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(cluster.at(i).Status().instances_in_memory, 60u) << i;
    EXPECT_EQ(cluster.at(i).Status().snapshots_installed, 0u) << i;
  }
  ExpectNoneHasPassedTheOther(cluster);
  LoseAndHeal(cluster, trouble, {2});
}

// One that comes back hears that it was passed, and then nothing any more.
TEST_P(FloorsTest, AReturnerThatLosesItsServersSaysForWhomItWaits) {
  ReplicaCluster cluster(SettingsOf(3));
  const Trouble trouble{.down = Nodes({2})};
  for (const int i : {0, 1}) cluster.Suspect(i, 2);
  Write(cluster, trouble, {0, 1}, 20);
  Run(cluster, trouble, 60);
  for (const int i : {0, 1}) cluster.Suspect(i, 2, false);
  for (int tick = 0; tick < 30 && !cluster.at(2).Status().fetches_snapshot;
       ++tick) {
    for (int i = 0; i < 3; ++i) cluster.Tick(i);
    for (const InFlight& each : std::exchange(cluster.network(), {})) {
      if (!cluster.at(2).Status().fetches_snapshot) cluster.Deliver(each);
    }
  }
  ASSERT_TRUE(cluster.at(2).Status().snapshot_from.has_value());
  for (const int i : {0, 1}) cluster.Suspect(2, i);
  Run(cluster, {.down = Nodes({0, 1})}, 100);
  // For one of those that have it all, by what they had said.
  const ReplicaSet waits_for = cluster.at(2).Status().snapshot_waits_for;
  EXPECT_FALSE(waits_for.empty());
  EXPECT_FALSE(waits_for.Contains(ReplicaAt(2)));
  for (const int i : {0, 1}) cluster.Suspect(2, i, false);
  Run(cluster, {}, 200);
  EXPECT_TRUE(cluster.at(2).Status().snapshot_waits_for.empty());
  ExpectToGoOn(cluster, {});
}

INSTANTIATE_TEST_SUITE_P(
    Rules, FloorsTest,
    testing::Values(Rule{.fast_path = FastPathRule::kEpaxos},
                    Rule{.fast_path = FastPathRule::kAtlas},
                    Rule{.fast_path = FastPathRule::kUnanimous},
                    Rule{.protocol = Protocol::kBpaxos}),
    [](const testing::TestParamInfo<Rule>& rule) {
      return rule.param.protocol == Protocol::kEpaxos
                 ? std::string(Name(rule.param.fast_path))
                 : std::string(Name(rule.param.protocol));
    });

}  // namespace
}  // namespace quorate
