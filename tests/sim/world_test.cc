// Disk, network and plan: the world around the machines.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "replica/base/quorum.h"
#include "replica/base/roles.h"
#include "tests/sim/disk.h"
#include "tests/sim/network.h"
#include "tests/sim/plan.h"

namespace quorate::sim {
namespace {

Record Promise(std::uint64_t slot) {
  return PromisedRecord{.instance = {ReplicaAt(0), slot}};
}

void Append(SimulatedDisk& disk, int records) {
  for (int i = 0; i < records; ++i) disk.Append(Promise(disk.last() + 1));
}

TEST(SimulatedDisk, RecordsAppendedDuringASyncWaitForTheNext) {
  SimulatedDisk disk;
  Append(disk, 2);
  disk.BeginSync();
  Append(disk, 1);
  EXPECT_EQ(disk.durable(), 0u);
  EXPECT_EQ(disk.EndSync().size(), 2u);
  EXPECT_EQ(disk.durable(), 2u);
  EXPECT_TRUE(disk.has_unsynced());
  disk.BeginSync();
  EXPECT_EQ(disk.EndSync().size(), 1u);
  EXPECT_FALSE(disk.has_unsynced());
}

TEST(SimulatedDisk, ACrashKeepsWhatIsDurableAndAnyPrefixOfTheRest) {
  std::set<RecordSequence> survived;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedDisk disk;
    Append(disk, 2);
    disk.BeginSync();
    disk.EndSync();
    Append(disk, 3);
    disk.BeginSync();  // The crash comes in the middle of it.
    Random random(seed);
    disk.Crash(random);
    EXPECT_FALSE(disk.syncing());
    EXPECT_EQ(disk.last(), disk.durable());
    for (std::uint64_t i = 0; i < disk.last(); ++i) {
      EXPECT_EQ(std::get<PromisedRecord>(disk.journal()[i]).instance.slot,
                i + 1);
    }
    survived.insert(disk.last());
  }
  EXPECT_EQ(survived, (std::set<RecordSequence>{2, 3, 4, 5}));
}

TEST(SimulatedDisk, WithARealStoreACrashKeepsAWholeGroupOrNothingOfIt) {
  std::set<RecordSequence> survived;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Verdict verdict;
    SimulatedDisk disk;
    disk.UseStore(std::make_unique<StoreDisk>(0, 3, verdict));
    Append(disk, 2);
    disk.BeginSync();
    disk.EndSync();
    Append(disk, 3);
    disk.BeginSync();  // The crash comes in the middle of it.
    Append(disk, 1);   // Nobody has begun to write this one.
    Random random(seed);
    disk.Crash(random);
    EXPECT_TRUE(disk.found_is_possible());
    EXPECT_EQ(disk.found()->size(), disk.last());
    EXPECT_FALSE(verdict.failed()) << verdict.detail();
    survived.insert(disk.last());
  }
  EXPECT_EQ(survived, (std::set<RecordSequence>{2, 5}));
}

TEST(SimulatedDisk, WithARealStoreACheckpointOutlivesACrashOrDoesNot) {
  std::set<RecordSequence> finished;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Verdict verdict;
    SimulatedDisk disk;
    disk.UseStore(std::make_unique<StoreDisk>(0, 3, verdict));
    Append(disk, 2);
    disk.BeginCheckpoint();
    disk.AppendCheckpoint({Promise(1)});
    disk.FinishCheckpoint(2, /*is_snapshot=*/false);
    EXPECT_EQ(disk.checkpoint_through(), 0u);  // Its records are not durable.
    disk.BeginSync();
    Random random(seed);
    disk.Crash(random);
    EXPECT_TRUE(disk.found_is_possible());
    EXPECT_FALSE(verdict.failed()) << verdict.detail();
    finished.insert(disk.checkpoint_through());
  }
  EXPECT_EQ(finished, (std::set<RecordSequence>{0, 2}));
}

TEST(SimulatedDisk, WithARealStoreThePowerIsGoneForCertainWhereAllLoseIt) {
  std::set<bool> otherwise;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const bool power : {false, true}) {
      Verdict verdict;
      SimulatedDisk disk;
      disk.UseStore(std::make_unique<StoreDisk>(0, 3, verdict));
      Random random(seed);
      disk.Crash(random, power);
      EXPECT_FALSE(verdict.failed()) << verdict.detail();
      if (power) {
        EXPECT_TRUE(disk.power_was_cut());
      } else {
        otherwise.insert(disk.power_was_cut());
      }
    }
  }
  EXPECT_EQ(otherwise, (std::set<bool>{false, true}));
}

TEST(Network, KeepsTheOrderOfALinkUnlessReorderingExists) {
  for (const bool in_order : {true, false}) {
    Network network({.delay = 1000, .tail_permille = 300, .in_order = in_order},
                    3, Random(1));
    Micros now = 0, last = 0;
    bool overtaken = false;
    for (int i = 0; i < 200; ++i) {
      const Micros arrival = now + network.Send(0, 1, now).front();
      overtaken |= arrival < last;
      last = arrival;
      now += 100;
    }
    EXPECT_NE(overtaken, in_order);
  }
}

TEST(Network, LosesAndDuplicatesAsOftenAsPlanned) {
  Network network({.loss_permille = 200, .duplicate_permille = 300}, 3,
                  Random(1));
  for (int i = 0; i < 10000; ++i) network.Send(0, 1, 0);
  EXPECT_NEAR(static_cast<double>(network.statistics().lost), 2000, 200);
  EXPECT_NEAR(static_cast<double>(network.statistics().duplicated), 2400, 250);
}

TEST(Network, AResetChangesTheConnectionOfBothDirectionsOnly) {
  Network network({}, 3, Random(1));
  network.Reset(0, 1);
  EXPECT_EQ(network.connection(0, 1), 1u);
  EXPECT_EQ(network.connection(1, 0), 1u);
  EXPECT_EQ(network.connection(0, 2), 0u);
}

TEST(Network, PartitionsTakeEveryShapeAndAreHealed) {
  Network network({}, 5, Random(1));
  std::set<std::string> shapes;
  for (int i = 0; i < 100; ++i) {
    shapes.insert(network.Partition());
    bool some = false;
    for (int from = 0; from < 5; ++from) {
      EXPECT_FALSE(network.blocked(from, from));
      for (int to = 0; to < 5; ++to) some |= network.blocked(from, to);
    }
    // Halves of five and none are halves too.
    EXPECT_TRUE(some || shapes.contains("halves"));
    network.HealPartition();
    EXPECT_FALSE(network.blocked(0, 1));
  }
  EXPECT_EQ(shapes, (std::set<std::string>{"halves", "lone", "one-way",
                                           "bridge", "ring"}));
}

TEST(Plan, FaultNamesAreReadBackAsWritten) {
  EXPECT_EQ(FaultSet::Parse("none")->ToString(), "none");
  EXPECT_EQ(FaultSet::Parse("crash,loss")->ToString(), "loss,crash");
  EXPECT_EQ(FaultSet::Parse("all")->ToString(), FaultSet::All().ToString());
  const auto wrong = FaultSet::Parse("crash,flood");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.status().message().find("\"flood\""), std::string::npos);
}

TEST(Plan, ASeedDrawsOnlyFaultsThatAreAllowed) {
  PlanLimits limits;
  limits.allowed = *FaultSet::Parse("crash,pause");
  std::set<std::string> drawn;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Plan plan = DrawPlan(Random(seed), limits);
    drawn.insert(plan.faults.ToString());
    EXPECT_EQ(plan.network.loss_permille, 0);
    EXPECT_TRUE(plan.network.in_order);
  }
  EXPECT_EQ(drawn,
            (std::set<std::string>{"none", "crash", "pause", "crash,pause"}));
}

TEST(Plan, WorldsOfBpaxosHavePartsAndQuorumsOfEveryKind) {
  PlanLimits limits;
  limits.protocol = Protocol::kBpaxos;
  std::set<std::pair<int, int>> parts;
  std::set<std::string> quorums;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Settings settings = DrawPlan(Random(seed), limits).settings;
    ASSERT_TRUE(ValidateSettings(settings).ok()) << seed;
    const Cluster cluster(settings);
    parts.emplace(cluster.shards(), cluster.groups());
    quorums.insert(ToString(settings.dependency_quorum));
    quorums.insert(ToString(settings.phase1));
    quorums.insert(ToString(settings.phase2));
  }
  EXPECT_EQ(parts,
            (std::set<std::pair<int, int>>{{1, 1}, {1, 2}, {2, 1}, {2, 2}}));
  EXPECT_EQ(quorums, (std::set<std::string>{
                         "majority", "even", "weights 2 1 1 1", "size 3",
                         "size 2", "rows 2x2", "columns 2x2"}));
}

TEST(Plan, RolesAreLaidOutAsAskedFor) {
  PlanLimits limits;
  limits.protocol = Protocol::kBpaxos;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    limits.roles = RoleLayout::kTogether;
    EXPECT_EQ(DrawPlan(Random(seed), limits).settings.roles, Roles());
    limits.roles = RoleLayout::kSeparate;
    const Settings apart = DrawPlan(Random(seed), limits).settings;
    const Roles& roles = apart.roles;
    EXPECT_EQ(roles.leaders.size() + roles.dependency_nodes.size() +
                  roles.acceptors.size() + roles.executors.size(),
              apart.replicas);
    limits.roles = RoleLayout::kMixed;
    EXPECT_NE(DrawPlan(Random(seed), limits).settings.roles, Roles());
  }
  for (const RoleLayout layout :
       {RoleLayout::kTogether, RoleLayout::kSeparate, RoleLayout::kMixed}) {
    EXPECT_EQ(ParseRoleLayout(Name(layout)), layout);
  }
  EXPECT_EQ(ParseRoleLayout("alone"), std::nullopt);
}

}  // namespace
}  // namespace quorate::sim
