// The real machine through fixed ranges of seeds, what these must reach, and
// determinism itself.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "replica/base/quorum.h"
#include "tests/sim/child_program.h"
#include "tests/sim/runner.h"

namespace quorate::sim {
namespace {

using enum Mark;
using enum epaxos::RecoveryRule;

// At least so often in a range of seeds. Equal seeds give equal counts, so a
// floor does not fail by chance; it lies far below what was counted when it was
// written, because every change of the protocol changes all worlds.
struct Floor {
  std::size_t mark = 0;
  std::uint64_t least = 0;
};
template <typename MarkOrRule>
constexpr Floor AtLeast(std::uint64_t least, MarkOrRule mark) {
  return {.mark = Marks::IndexOf(mark), .least = least};
}

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  RunOptions options;
  std::vector<Floor> floors;
};

FaultSet Faults(const char* names) { return *FaultSet::Parse(names); }

// Most of what there is, in worlds with anything.
Range ThreeReplicas() {
  return {.last = 60,
          .options = {.replicas = 3},
          .floors = {AtLeast(10000, kFastCommit),
                     AtLeast(2000, kSlowCommit),
                     AtLeast(80, kRecoveredCommands),
                     AtLeast(2000, kRecoveredNoop),
                     AtLeast(300, kLaterBallot),
                     AtLeast(2000, kUnknownPayload),
                     AtLeast(200, kRefusal),
                     AtLeast(1000, kMissingPayload),
                     AtLeast(10000, kRepetition),
                     AtLeast(50, kBusy),
                     AtLeast(300, kSessionExpired),
                     AtLeast(100, kExpiredCommand),
                     AtLeast(50, kResultTooLarge),
                     AtLeast(1, kResultGone),
                     AtLeast(2000, kCycle),
                     AtLeast(50, kCrashInTurn),
                     AtLeast(150, kCrashUnsynced),
                     AtLeast(80, kCrashLost),
                     AtLeast(80, kCrashKept),
                     AtLeast(60, kSyncFailed),
                     AtLeast(80, kCheckpoint),
                     AtLeast(2, kCheckpointInterrupted),
                     AtLeast(80, kRestartFromCheckpoint),
                     AtLeast(80, kJournalTruncated),
                     AtLeast(10000, kFloorRaised),
                     AtLeast(300, kLeftOut),
                     AtLeast(20, kFloorHeldBack),
                     AtLeast(300, kRelayed),
                     AtLeast(100, kToldTruncated),
                     AtLeast(15, kSnapshotRead),
                     AtLeast(4, kSnapshotInstalled),
                     AtLeast(2000, kR3),
                     AtLeast(100, kRecused),
                     AtLeast(2000, kForgotten),
                     AtLeast(300, kAtWork),
                     AtLeast(50, kSilent)}};
}

Range FiveReplicas() {
  return {.last = 50,
          .options = {.replicas = 5},
          .floors = {AtLeast(50, kRecoveredCommands),
                     AtLeast(8, kProposedAgain),
                     AtLeast(100, kR1),
                     AtLeast(40, kR2),
                     AtLeast(2000, kR3),
                     AtLeast(30, kR4),
                     AtLeast(150, kR5),
                     AtLeast(40, kV1),
                     AtLeast(10, kV2),
                     AtLeast(30, kV3),
                     AtLeast(20, kV4),
                     AtLeast(8, kW2),
                     AtLeast(1, kW5),
                     AtLeast(8, kSalvage),
                     AtLeast(2000, kNoop),
                     AtLeast(100, kOvertaken),
                     AtLeast(150, kRecused),
                     AtLeast(80, kResumed),
                     AtLeast(300, kPromised),
                     AtLeast(2000, kForgotten)}};
}

Range SevenReplicas() {
  return {.last = 10,
          .options = {.replicas = 7},
          .floors = {AtLeast(1000, kFastCommit), AtLeast(1000, kSlowCommit),
                     AtLeast(200, kRecoveredNoop)}};
}

// Seed 1 makes a history that is linearizable, but not searched within bounds:
// unknown additions to one key.
Range DeadMinorities() {
  return {
      .first = 2,
      .last = 31,
      .options = {.replicas = 5, .faults = Faults("death")},
      .floors = {AtLeast(4, kRecoveredCommands), AtLeast(30, kRecoveredNoop)}};
}

// Every node with every role, a node a role, or any mixture.
Range Bpaxos() {
  return {.last = 20,
          .options = {.protocol = "bpaxos", .replicas = 3},
          .floors = {AtLeast(1, kRecoveredNoop),
                     AtLeast(1, kRestartFromCheckpoint)}};
}

Range BpaxosWithDeadNodesOfEachRole() {
  return {.last = 12,
          .options = {.protocol = "bpaxos",
                      .replicas = 5,
                      .faults = Faults("death,crash")},
          .floors = {}};
}

// Executors that lag are passed, and take over a peer's state; the roles beside
// them keep their own.
Range BpaxosSnapshots() {
  return {.last = 12,
          .options = {.protocol = "bpaxos",
                      .replicas = 3,
                      .faults = Faults("checkpoint,death,crash")},
          .floors = {AtLeast(5, kSnapshotInstalled),
                     AtLeast(2, kSnapshotInterrupted),
                     AtLeast(10, kSnapshotRead), AtLeast(500, kLeftOut)}};
}

// Whoever leads proposes, and leaders change.
Range Multipaxos() {
  return {.last = 60,
          .options = {.protocol = "multipaxos", .replicas = 3},
          .floors = {AtLeast(30, kRestartFromCheckpoint), AtLeast(30, kBusy),
                     AtLeast(3, kSnapshotInstalled)}};
}

Range MultipaxosOfFive() {
  return {.last = 20,
          .options = {.protocol = "multipaxos", .replicas = 5},
          .floors = {AtLeast(10, kRestartFromCheckpoint)}};
}

// Sessions are forgotten while their clients think, and when the faults are
// over most of the work has still to be asked for: a healed world is judged by
// how long anybody waits, not by how much is wanted.
Range MuchWorkLeft() {
  return {.first = 229,
          .last = 229,
          .options = {.protocol = "bpaxos",
                      .replicas = 5,
                      .roles = RoleLayout::kSeparate},
          .floors = {}};
}

// A round trip is longer than anybody's patience (timers), and nobody leads
// unless it grows.
Range ImpatientCandidates() {
  return {.first = 10607,
          .last = 10607,
          .options = {.protocol = "multipaxos", .replicas = 5},
          .floors = {}};
}

// Sessions are forgotten before their clients hear: dozens of commands on
// joined keys, some done and some not, of which no client knows which.
Range ManyUnanswered() {
  return {.first = 10047,
          .last = 10047,
          .options = {.replicas = 3, .fast_path = FastPathRule::kUnanimous},
          .floors = {}};
}

Range NoFaults() {
  return {.last = 10,
          .options = {.replicas = 5, .faults = FaultSet::None()},
          .floors = {AtLeast(1000, kFastCommit), AtLeast(200, kSlowCommit)}};
}

Range CrashesAlone() {
  return {.last = 20,
          .options = {.replicas = 3, .faults = Faults("crash,power")},
          .floors = {AtLeast(20, kCrashUnsynced), AtLeast(50, kResumed)}};
}

// Each such restart is compared with a replay of the whole journal (BM15).
Range Checkpoints() {
  return {.last = 100,
          .options = {.replicas = 3,
                      .faults =
                          Faults("checkpoint,crash,power,pause,suspect,loss")},
          .floors = {AtLeast(50, kRestartFromCheckpoint),
                     AtLeast(3, kCheckpointInterrupted),
                     AtLeast(80, kJournalTruncated),
                     AtLeast(2, kSnapshotInstalled)}};
}

// Members that lag are left out and come back with a snapshot.
Range Snapshots() {
  return {
      .last = 16,
      .options = {.replicas = 3, .faults = Faults("checkpoint,death,crash")},
      .floors = {AtLeast(8, kSnapshotInstalled),
                 AtLeast(1, kSnapshotInterrupted), AtLeast(6, kToldTruncated),
                 AtLeast(5, kFloorHeldBack), AtLeast(80, kLeftOut)}};
}

// What recovery does about conflicts.
Range Contention() {
  return {.last = 30,
          .options = {.replicas = 5,
                      .faults = Faults("crash,pause,suspect,loss,delay"),
                      .operations = 300,
                      .contended = true,
                      .fast_path = FastPathRule::kEpaxos},
          .floors = {AtLeast(600, kR1), AtLeast(600, kR2), AtLeast(1000, kR3),
                     AtLeast(80, kR4), AtLeast(800, kR5), AtLeast(100, kV1),
                     AtLeast(100, kV2), AtLeast(100, kV3), AtLeast(100, kV4),
                     AtLeast(30, kW2), AtLeast(25, kW5), AtLeast(40, kSalvage),
                     AtLeast(250, kOvertaken), AtLeast(10, kProposedAgain),
                     AtLeast(600, kLaterBallot)}};
}

Range ContentionOfSeven() {
  return {.last = 300,
          .options = {.replicas = 7,
                      .faults = Faults("suspect,pause,partition"),
                      .operations = 300,
                      .contended = true,
                      .fast_path = FastPathRule::kEpaxos},
          .floors = {AtLeast(1, kW4Leader), AtLeast(10, kV1)}};
}

Range RealStore() {
  return {
      .last = 16,
      .options = {.replicas = 3,
                  .faults =
                      Faults("crash,power,sync,checkpoint,pause,loss,death"),
                  .operations = 300,
                  .real_store = true},
      .floors = {AtLeast(3, kStoreCutInWrite), AtLeast(30, kStorePowerCut),
                 AtLeast(30, kStoreKilled), AtLeast(12, kStoreSyncFailed),
                 AtLeast(8, kStoreGroupLost), AtLeast(20, kStoreGroupKept),
                 AtLeast(4, kStoreCutInRecovery), AtLeast(10, kStoreChunkRead),
                 AtLeast(30, kStoreTruncated), AtLeast(1, kSnapshotInstalled),
                 AtLeast(15, kRestartFromCheckpoint)}};
}

// The power of one node, or of all, goes again and again while any role is at
// work.
RunOptions RealStoreOf(const char* protocol, int operations) {
  return {.protocol = protocol,
          .replicas = 3,
          .faults = Faults("crash,power,sync,checkpoint,pause,loss,death"),
          .operations = operations,
          .real_store = true,
          .contended = true};
}

Range RealStoreOfMultipaxos() {
  return {.last = 8,
          .options = RealStoreOf("multipaxos", 200),
          .floors = {AtLeast(300, kStorePowerCut), AtLeast(30, kStoreGroupLost),
                     AtLeast(200, kStorePowerOfAll),
                     AtLeast(10, kStorePowerOfLogLeader),
                     AtLeast(150, kStorePowerOfLogFollower),
                     AtLeast(20, kCrashOfLogLeader),
                     AtLeast(250, kCrashOfLogFollower), AtLeast(10, kLostVote),
                     AtLeast(25, kLostPromise), AtLeast(80, kLostDecision),
                     AtLeast(1, kSnapshotInstalled)}};
}

Range RealStoreOfBpaxos() {
  RunOptions options = RealStoreOf("bpaxos", 60);
  options.roles = RoleLayout::kTogether;
  return {.last = 2,
          .options = options,
          .floors = {AtLeast(150, kStorePowerCut), AtLeast(20, kStoreGroupLost),
                     AtLeast(100, kStorePowerOfAll),
                     AtLeast(80, kStorePowerOfLeader),
                     AtLeast(150, kStorePowerOfDependencyNode),
                     AtLeast(150, kStorePowerOfAcceptor),
                     AtLeast(100, kStorePowerOfExecutor),
                     AtLeast(2, kLostReservation), AtLeast(5, kLostAnswer)}};
}

// Here a node that dies is of one role.
Range RealStoreOfEachRole() {
  RunOptions options = RealStoreOf("bpaxos", 60);
  options.roles = RoleLayout::kSeparate;
  return {.last = 5,
          .options = options,
          .floors = {
              AtLeast(800, kStorePowerCut), AtLeast(25, kStoreGroupLost),
              AtLeast(150, kStorePowerOfAll), AtLeast(80, kStorePowerOfLeader),
              AtLeast(150, kStorePowerOfDependencyNode),
              AtLeast(250, kStorePowerOfAcceptor),
              AtLeast(20, kStorePowerOfExecutor), AtLeast(1, kLostReservation),
              AtLeast(15, kLostAnswer), AtLeast(10, kLostVote),
              AtLeast(100, kLostPromise), AtLeast(250, kLostDecision),
              AtLeast(500, kRestartFromCheckpoint)}};
}

// Leaders, dependency nodes, acceptors and executors die in the middle of an
// instance, one at a time, some, or all at once.
Range CrashesOf(RoleLayout roles) {
  return {
      .last = 8,
      .options = {.protocol = "bpaxos",
                  .replicas = 3,
                  .faults = Faults("crash,power,sync,checkpoint,loss,suspect"),
                  .operations = 300,
                  .roles = roles},
      .floors = {
          AtLeast(5, kCrashOfLeader), AtLeast(10, kCrashOfDependencyNode),
          AtLeast(5, kCrashOfAcceptor), AtLeast(5, kCrashOfExecutor),
          AtLeast(12, kRestartFromCheckpoint), AtLeast(100, kRecoveredNoop)}};
}

// Clients give up what a paused or cut off leader has in its backlog, and go on
// elsewhere; when it wakes, that must not undo what they did since.
RunOptions Impatient(const char* protocol, int replicas, const char* faults) {
  return {.protocol = protocol,
          .replicas = replicas,
          .faults = Faults(faults),
          .operations = 300,
          .contended = true,
          .impatient = true};
}

Range ImpatientClients() {
  return {.last = 12,
          .options = Impatient("epaxos", 3, "pause,partition,crash,loss"),
          .floors = {AtLeast(300, kGivenUp), AtLeast(40, kWithdrawn),
                     AtLeast(40, kLateCommand)}};
}

Range ImpatientClientsOfFive() {
  return {.last = 8,
          .options = Impatient("epaxos", 5, "pause,partition,crash,loss"),
          .floors = {AtLeast(200, kGivenUp), AtLeast(30, kWithdrawn),
                     AtLeast(25, kLateCommand)}};
}

// A deposed leader's proposals are refused by whoever follows another one.
Range ImpatientClientsOfMultipaxos() {
  return {.first = 91,
          .last = 130,
          .options = Impatient("multipaxos", 3, "pause,partition,suspect"),
          .floors = {AtLeast(100, kGivenUp), AtLeast(5, kWithdrawn),
                     AtLeast(1, kLateCommand)}};
}

Range ImpatientClientsOfBpaxos() {
  return {.last = 12,
          .options = Impatient("bpaxos", 3, "pause,partition,crash,loss"),
          .floors = {AtLeast(80, kGivenUp), AtLeast(3, kWithdrawn),
                     AtLeast(4, kLateCommand)}};
}

// A batch with a withdrawal in it is divided among two shards (seed 2).
Range ImpatientClientsOfShards() {
  return {.last = 4,
          .options = {.protocol = "bpaxos",
                      .replicas = 3,
                      .operations = 200,
                      .impatient = true,
                      .roles = RoleLayout::kSeparate},
          .floors = {AtLeast(1, kGivenUp)}};
}

// What nodes take for the distance of their peers is mostly wrong.
Range Measured(int replicas, FastPathRule rule) {
  return {.last = 8,
          .options = {.replicas = replicas,
                      .operations = 200,
                      .measured = true,
                      .fast_path = rule},
          .floors = {AtLeast(100, kFastCommit), AtLeast(100, kSlowCommit)}};
}

class Seeds : public testing::Test {
 protected:
  static void SetUpTestSuite() { ReportOnAbort(); }

  static void Run(const Range& range) {
    SimulationStatistics total;
    for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
      const SeedResult result = RunSeed(seed, range.options);
      EXPECT_TRUE(result.ok) << result.failure;
      total.Add(result.statistics);
    }
    std::printf("%s\nmarks reached:\n%s", Describe(total).c_str(),
                total.marks.Table().c_str());
    for (const Floor& floor : range.floors) {
      EXPECT_GE(total.marks.at(floor.mark), floor.least)
          << "mark \"" << Marks::NameOf(floor.mark)
          << "\" is below its floor: these seeds no longer test that";
    }
  }
};

TEST_F(Seeds, OfThreeReplicas) { Run(ThreeReplicas()); }
TEST_F(Seeds, OfImpatientClients) { Run(ImpatientClients()); }
TEST_F(Seeds, OfImpatientClientsOfFive) { Run(ImpatientClientsOfFive()); }
TEST_F(Seeds, OfImpatientClientsOfMultipaxos) {
  Run(ImpatientClientsOfMultipaxos());
}
TEST_F(Seeds, OfImpatientClientsOfBpaxos) { Run(ImpatientClientsOfBpaxos()); }
TEST_F(Seeds, OfImpatientClientsOfShards) { Run(ImpatientClientsOfShards()); }
TEST_F(Seeds, OfFiveReplicas) { Run(FiveReplicas()); }
TEST_F(Seeds, OfSevenReplicas) { Run(SevenReplicas()); }
TEST_F(Seeds, OfDeadMinorities) { Run(DeadMinorities()); }
TEST_F(Seeds, OfBpaxos) { Run(Bpaxos()); }
TEST_F(Seeds, OfBpaxosWithDeadNodesOfEachRole) {
  Run(BpaxosWithDeadNodesOfEachRole());
}
TEST_F(Seeds, OfSnapshotsOfBpaxos) { Run(BpaxosSnapshots()); }
TEST_F(Seeds, OfMultipaxos) { Run(Multipaxos()); }
TEST_F(Seeds, OfMultipaxosOfFive) { Run(MultipaxosOfFive()); }
TEST_F(Seeds, OfImpatientCandidates) { Run(ImpatientCandidates()); }
TEST_F(Seeds, OfManyUnansweredCommands) { Run(ManyUnanswered()); }
TEST_F(Seeds, OfAWorldWithoutFaults) { Run(NoFaults()); }
TEST_F(Seeds, OfCrashesAlone) { Run(CrashesAlone()); }
// The same few worlds under each rule.
TEST_F(Seeds, OfEachFastPathRule) {
  for (const FastPathRule rule : kFastPathRules) {
    Run({.last = 6,
         .options = {.replicas = 5, .fast_path = rule},
         .floors = {AtLeast(1, kFastCommit), AtLeast(1, kRecoveredNoop)}});
  }
}
TEST_F(Seeds, OfDistancesThatAreWrong) {
  for (const FastPathRule rule : kFastPathRules) Run(Measured(5, rule));
}
TEST_F(Seeds, OfMuchWorkThatIsLeft) { Run(MuchWorkLeft()); }
TEST_F(Seeds, OfRestartsFromCheckpoints) { Run(Checkpoints()); }
TEST_F(Seeds, OfSnapshots) { Run(Snapshots()); }
TEST_F(Seeds, OfContention) { Run(Contention()); }
TEST_F(Seeds, OfContentionOfSeven) { Run(ContentionOfSeven()); }
TEST_F(Seeds, OfTheRealStore) { Run(RealStore()); }
TEST_F(Seeds, OfTheRealStoreOfMultipaxos) { Run(RealStoreOfMultipaxos()); }
TEST_F(Seeds, OfTheRealStoreOfBpaxos) { Run(RealStoreOfBpaxos()); }
TEST_F(Seeds, OfTheRealStoreOfEachRole) { Run(RealStoreOfEachRole()); }
TEST_F(Seeds, OfCrashesOfEachRole) { Run(CrashesOf(RoleLayout::kSeparate)); }
TEST_F(Seeds, OfCrashesOfMixedRoles) { Run(CrashesOf(RoleLayout::kMixed)); }

TEST(Marks, EachHasAFloorSomewhere) {
  std::set<std::size_t> marks;
  for (const Range& range : {ThreeReplicas(),
                             FiveReplicas(),
                             SevenReplicas(),
                             DeadMinorities(),
                             NoFaults(),
                             CrashesAlone(),
                             Checkpoints(),
                             Snapshots(),
                             Contention(),
                             ContentionOfSeven(),
                             RealStore(),
                             RealStoreOfMultipaxos(),
                             RealStoreOfBpaxos(),
                             RealStoreOfEachRole(),
                             CrashesOf(RoleLayout::kSeparate),
                             CrashesOf(RoleLayout::kMixed),
                             ImpatientClients(),
                             ImpatientClientsOfFive(),
                             ImpatientClientsOfMultipaxos(),
                             ImpatientClientsOfBpaxos()}) {
    for (const Floor& floor : range.floors) marks.insert(floor.mark);
  }
  // A waiting recovery asks everybody again, so that W5, which counts all
  // answers, ends it before the other's votes (W3) or a late accept (W4) are
  // heard of; a few in a thousand seeds come to the latter. And who asks before
  // it recovers rarely waits for somebody who gives up (W1). Their floor is
  // tests/replica/epaxos_waiting_test.cc, which comes to each.
  const std::set<std::size_t> elsewhere = {
      Marks::IndexOf(kW1), Marks::IndexOf(kW3), Marks::IndexOf(kW4Value)};
  for (std::size_t mark = 0; mark < Marks::kAll; ++mark) {
    EXPECT_NE(marks.contains(mark), elsewhere.contains(mark))
        << Marks::NameOf(mark);
  }
}

TEST(Determinism, TwoProcessesLeaveTheSameTracesOfTwoHundredSeeds) {
  const std::string command = QUORATE_SIM_BINARY
      " --seeds 1..200 --replicas 3 --operations 40 --hashes";
  ChildProgram first(command);
  ChildProgram second(command);  // At the same time.
  const std::string output = first.Output();
  EXPECT_NE(output.find("200 seeds, 0 failed"), std::string::npos) << output;
  EXPECT_NE(output.find("seed 200: trace "), std::string::npos) << output;
  EXPECT_EQ(output, second.Output());
}

}  // namespace
}  // namespace quorate::sim
