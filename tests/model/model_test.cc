// The explorer itself: schedules are read, taken, shrunk and written; small
// worlds come to their known ends.
#include <gtest/gtest.h>

#include "tests/model/completion.h"
#include "tests/model/explorer.h"
#include "tests/model/scenario.h"
#include "tests/model/walker.h"

namespace quorate::model {
namespace {

const std::vector<std::string> kFastCommit = {
    "propose a at r1",
    "deliver PreAccept r1.1 r1>r2 : {}",
    "deliver PreAcceptReply r1.1 r2>r1 : {}",
    "deliver Commit r1.1 r1>r3 : commands {}",
};

Scope Small() { return *ParseScope("X1 recoveries=1 impatience=0"); }

TEST(Scenario, ASchedulesLinesLeadToACommit) {
  World world(Small());
  const absl::StatusOr<ScheduleRun> run =
      Replay(world, Open(world), kFastCommit);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->violation, "");
  WorldState state = Open(world);
  for (const Action& action : run->taken) state = world.Apply(state, action);
  for (const int replica : {0, 2}) {
    const Replica& machine = *world.At(state, replica).machine;
    EXPECT_EQ(machine.executor().state_machine().Find("x"), "a");
  }
  EXPECT_EQ(world.At(state, 1).machine->Status().keys, 0u);
}

TEST(Scenario, IsTheSameAfterWritingAndReading) {
  const Scenario written{.scope = Small(),
                         .mutation = "no_r3",
                         .expects_violation = true,
                         .actions = kFastCommit};
  const absl::StatusOr<Scenario> read =
      ParseScenario("# prose\n" + ScenarioText(written));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ScopeText(read->scope), "X1 recoveries=1 impatience=0");
  EXPECT_EQ(read->mutation, "no_r3");
  EXPECT_TRUE(read->expects_violation);
  EXPECT_EQ(read->actions, kFastCommit);
}

TEST(Scenario, SaysWhatIsNotPossible) {
  World world(Small());
  EXPECT_FALSE(Replay(world, Open(world), {"recover r1 at r1"}).ok());
  EXPECT_FALSE(Replay(world, Open(world), {kFastCommit[1]}).ok());
  EXPECT_FALSE(ParseScope("X1 moths=3").ok());
  EXPECT_FALSE(ParseScope("nowhere").ok());
  ASSERT_TRUE(ParseScope("XM1").ok());
  EXPECT_EQ(ParseScope(std::string("XM1").substr(1))->name, "XM1");
  EXPECT_FALSE(ParseScenario("propose a at r1\n").ok());
}

TEST(World, ForgetsNoPacketAndPaysItsBudgetOnce) {
  World world(Small());
  WorldState state = Open(world);
  for (const std::string& line : kFastCommit) {
    state = world.Apply(state, *FindAction(world, state, line));
  }
  // Delivered, and still there; a repetition changes nothing.
  const auto again = FindAction(world, state, kFastCommit[1]);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(World::Changes(state, world.Apply(state, *again)));
  // Nothing of r1 is left to recover at r3, so nothing is paid for it.
  const auto recover = FindAction(world, state, "recover r1 at r3");
  ASSERT_TRUE(recover.ok());
  EXPECT_EQ(world.Apply(state, *recover).recoveries, 1);
}

TEST(Explorer, ExhaustsASmallScopeTheSameWayTwice) {
  Exploration first;
  for (const int time : {1, 2}) {
    World world(Small());
    Explorer explorer(world, Open(world));
    const Exploration found = explorer.Run(
        {}, [](const WorldState&, bool) { return std::string(); },
        [](const Exploration&) { return true; });
    EXPECT_TRUE(found.complete);
    EXPECT_EQ(found.violation, "");
    EXPECT_GT(found.states, 10000u);
    EXPECT_GT(found.terminal, 0u);
    if (time == 1) first = found;
    EXPECT_EQ(found.states, first.states);
    EXPECT_EQ(found.transitions, first.transitions);
  }
}

TEST(Explorer, GivesTheWayToWhatAnInspectorMinds) {
  World world(Small());
  Explorer explorer(world, Open(world));
  const Exploration found = explorer.Run(
      {},
      [&](const WorldState& state, bool) -> std::string {
        const bool executed = world.At(state, 2).machine->Status().keys == 1;
        return executed ? "r3 has executed something" : "";
      },
      [](const Exploration&) { return true; });
  EXPECT_EQ(found.violation, "r3 has executed something");
  EXPECT_EQ(found.path.size(), kFastCommit.size());
}

TEST(Walker, WalksTheSameWayFromTheSameSeed) {
  const auto walk = [](std::uint64_t seed) {
    Walker walker(*FindScope("X4"));
    return walker.Run({.walks = 50, .seed = seed}, [](const WalkResult&) {});
  };
  const WalkResult first = walk(7);
  EXPECT_EQ(first.violation, "");
  EXPECT_EQ(first.steps, walk(7).steps);
  EXPECT_NE(first.steps, walk(8).steps);
}

TEST(Completion, SurvivorsFinishWhatADeadLeaderBegan) {
  World world(*ParseScope("X1 clients_wait=1"));
  WorldState state = Open(world);
  for (const char* line :
       {"propose a at r1", "propose b at r2", "deliver PreAccept r1.1 r1>r3"}) {
    state = world.Apply(state, *FindAction(world, state, line));
  }
  for (const bool lost : {false, true}) {
    Ending ending{.lost = lost};
    EXPECT_EQ(FindUnfinished(world, state, ending), "");
    ending.dead.Insert(ReplicaAt(1));
    EXPECT_EQ(FindUnfinished(world, state, ending), "");
  }
}

// Found by the explorer: a restarted leader that had begun to recover its own
// instance said its Accept once and never again.
TEST(Completion, ARestartedLeaderRepeatsTheAcceptsOfItsRecovery) {
  World world(*ParseScope("X1 recoveries=1 restarts=1"));
  const absl::StatusOr<ScheduleRun> run =
      Replay(world, Open(world),
             {"propose a at r1", "deliver PreAccept r1.1 r1>r3",
              "recover r1 at r3", "deliver Recover r1.1 b1.r3 r3>r1",
              "restart r1", "deliver Recover r1.1 b2.r1 r1>r3",
              "deliver RecoverReply r1.1 b2.r1 r3>r1"});
  ASSERT_TRUE(run.ok()) << run.status();
  WorldState state = Open(world);
  for (const Action& action : run->taken) state = world.Apply(state, action);
  Ending ending{.lost = true};
  ending.dead.Insert(ReplicaAt(2));
  EXPECT_EQ(FindUnfinished(world, state, ending), "");
}

TEST(Completion, SaysWhatDoesNotComeToAnEnd) {
  World world(*ParseScope("X1 clients_wait=1 proposed=1"));
  Ending ending{.lost = true};
  // No quorum is left.
  ending.dead.Insert(ReplicaAt(1));
  ending.dead.Insert(ReplicaAt(2));
  EXPECT_NE(FindUnfinished(world, Open(world), ending), "");
}

}  // namespace
}  // namespace quorate::model
