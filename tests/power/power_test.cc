// The power is cut under the real store: at every operation of a fixed
// workload, during the recovery from such a cut, and a hundred thousand times
// at random; and every single operation fails once or from then on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "tests/power/disk.h"
#include "tests/power/lives.h"
#include "tests/power/wal.h"
#include "tests/storage/store_fixture.h"
#include "wire/fingerprint.h"

namespace quorate::power {
namespace {

constexpr std::uint64_t kDefaultCycles = 100'000;
constexpr std::uint64_t kControlCycles = 2'000;
// A control that breaks fewer cycles than this has not been found out.
constexpr std::uint64_t kLeastBroken = 12;
// A journal that does not end makes every replay slower.
constexpr int kCyclesADisk = 40;

Step Append(std::size_t bytes) {
  return {.kind = StepKind::kAppend, .bytes = bytes};
}
constexpr Step kOpen{.kind = StepKind::kOpen};
constexpr Step kMaintain{.kind = StepKind::kMaintain};
constexpr Step kCheckpoint{.kind = StepKind::kCheckpoint};
constexpr Step kClose{.kind = StepKind::kClose};
constexpr Step kKill{.kind = StepKind::kKill};

// Everything a store does: made, closed, opened, killed, merged, small groups
// that share a page and large ones that need many.
std::vector<Step> Workload() {
  return {kOpen,       Append(0),   Append(1),     Append(100),   kMaintain,
          Append(600), Append(600), Append(5000),  kMaintain,     Append(200),
          kClose,      kOpen,       Append(20000), kMaintain,     Append(60),
          Append(300), Append(300), Append(300),   kCheckpoint,   Append(4000),
          kKill,       kOpen,       Append(700),   Append(700),   Append(9000),
          Append(10),  kMaintain,   Append(10),    kKill,         kOpen,
          kMaintain,   kClose,      kOpen,         Append(40000), Append(1),
          kCheckpoint, kMaintain,   kClose};
}

// What a node does after any trouble, twice.
std::vector<Step> AfterTrouble() {
  return {kOpen, Append(300), kMaintain, Append(5000), kKill,
          kOpen, Append(10),  kMaintain, kClose,       kOpen};
}

std::uint64_t NumberFrom(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A disk and what must be on it.
struct State {
  Disk disk;
  Books books;
};

class PowerTest : public ::testing::Test {
 protected:
  Outcome Run(State& state, const std::vector<Step>& steps,
              Spoiler spoiler = Spoiler::kNone) {
    Lives lives(directory_.path(), state.disk, state.books, spoiler);
    const Outcome outcome = lives.Run(steps);
    fault_ = lives.fault();
    return outcome;
  }

  // How many operations it takes without any trouble.
  std::uint64_t CountOperations(const std::vector<Step>& steps,
                                bool count_reads) {
    State state;
    state.disk.Prepare({.count_reads = count_reads});
    EXPECT_EQ(Run(state, steps), Outcome::kDone) << fault_;
    return state.disk.operations();
  }

  // The workload up to a cut of the power.
  State CutAt(std::uint64_t operation) {
    State state;
    state.disk.Prepare({.cut_at = operation});
    EXPECT_EQ(Run(state, Workload()), Outcome::kStopped)
        << "operation " << operation << ": " << fault_;
    return state;
  }

  // Cuts a recovery at each of its operations, and expects the next one to
  // succeed. Returns how many cuts that were.
  std::uint64_t CutEveryRecovery(const State& before, std::uint64_t salt) {
    for (std::uint64_t cut = 0;; ++cut) {
      State state = before;
      state.disk.Prepare({.cut_at = cut});
      if (Run(state, {kOpen}) != Outcome::kStopped) {
        EXPECT_EQ(fault_, "");
        return cut;
      }
      state.disk.PowerOn(static_cast<Tear>((salt + cut) % kTears), cut);
      EXPECT_EQ(Run(state, {kOpen, Append(100), kClose, kOpen}), Outcome::kDone)
          << "recovery cut at " << cut << ": " << fault_;
      if (HasFailure()) return cut;
    }
  }

  // One life with a cut at a random place, and the tear. Empty, or the fault.
  std::string Cycle(State& state, sim::Random& random, Spoiler spoiler,
                    bool lying_sync, bool reseal) {
    std::vector<Step> steps = {kOpen};
    const std::uint64_t appends = random.Below(7);
    for (std::uint64_t i = 0; i < appends; ++i) {
      steps.push_back(Append(random.HeavyTailed(60, 300)));
      if (random.Pick(2) == 0) steps.push_back(kMaintain);
      if (random.Pick(8) == 0) steps.push_back(kCheckpoint);
    }
    if (random.Pick(4) == 0) steps.push_back(kClose);
    state.disk.Prepare({.cut_at = random.Below(50), .lying_sync = lying_sync});
    if (Run(state, steps, spoiler) == Outcome::kBroken) return fault_;
    state.disk.Cut();
    state.disk.PowerOn(static_cast<Tear>(random.Below(kTears)), random.Next());
    if (reseal) state.disk.Alter("node.db-wal", ResealWal);
    return {};
  }

  // How many of so many cycles break a promise, and an example. Starts with a
  // new disk now and then, and after each broken promise.
  std::uint64_t CountBroken(std::uint64_t cycles, Spoiler spoiler,
                            bool lying_sync, bool reseal) {
    sim::Random random(7);
    State state;
    std::uint64_t broken = 0;
    for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {
      if (cycle % kCyclesADisk == 0) state = {};
      const std::string fault =
          Cycle(state, random, spoiler, lying_sync, reseal);
      if (fault.empty()) continue;
      ++broken;
      example_ = "cycle " + std::to_string(cycle) + ": " + fault;
      state = {};
    }
    return broken;
  }

  // Has nothing been tried yet that begins like this?
  bool IsNew(const State& state) {
    Fingerprint print;
    print.Mix(state.disk.Fingerprint());
    print.Mix(state.books.lives);
    print.Mix(state.books.checkpointed);
    print.Mix(state.books.acknowledged.size());
    const Group doubtful = state.books.doubtful.value_or(Group{});
    for (const std::uint64_t part :
         {std::uint64_t{doubtful.life}, std::uint64_t{doubtful.number},
          std::uint64_t{doubtful.bytes}}) {
      print.Mix(part);
    }
    return tried_.insert(print.value()).second;
  }

  // Each operation fails, and the node starts again: at once; with the power
  // cut during that start; after a power cut. Most failures leave a disk that
  // others have left as well: reads do, and errors of another name.
  void FailEveryOperation(int error, bool for_good) {
    const std::uint64_t operations = CountOperations(Workload(), true);
    for (std::uint64_t failing = 0; failing < operations; ++failing) {
      SCOPED_TRACE("operation " + std::to_string(failing));
      State state;
      state.disk.Prepare({.fail_at = failing,
                          .error = error,
                          .for_good = for_good,
                          .count_reads = true});
      ASSERT_NE(Run(state, Workload()), Outcome::kBroken) << fault_;
      if (!IsNew(state)) continue;
      // What a failed sync did not write can be read here for the last time.
      CutEveryRecovery(state, failing);
      ASSERT_FALSE(HasFailure());
      State without_power = state;
      state.disk.Prepare({});
      ASSERT_EQ(Run(state, AfterTrouble()), Outcome::kDone) << fault_;
      without_power.disk.Cut();
      without_power.disk.PowerOn(static_cast<Tear>(failing % kTears), failing);
      ASSERT_EQ(Run(without_power, AfterTrouble()), Outcome::kDone)
          << "after a power cut: " << fault_;
    }
  }

  TemporaryDirectory directory_;
  std::string fault_;
  std::string example_;
  std::set<std::uint64_t> tried_;
};

TEST_F(PowerTest, EveryOperationOfAWorkloadMayBeTheLastAndAnySectorsSurvive) {
  const std::uint64_t operations = CountOperations(Workload(), false);
  ASSERT_GT(operations, 150u);
  for (std::uint64_t cut = 0; cut < operations; ++cut) {
    const State state = CutAt(cut);
    for (int tear = 0; tear < kTears; ++tear) {
      State after = state;
      after.disk.PowerOn(static_cast<Tear>(tear), cut);
      ASSERT_EQ(Run(after, AfterTrouble()), Outcome::kDone)
          << "cut at " << cut << ", tear " << tear << ": " << fault_;
    }
  }
  RecordProperty("cycles", std::to_string(operations * kTears));
}

TEST_F(PowerTest, EveryOperationOfARecoveryMayBeTheLast) {
  // QUORATE_POWER_SOAK=1 takes every tear for the first cut.
  const bool soak = NumberFrom("QUORATE_POWER_SOAK", 0) != 0;
  const std::uint64_t operations = CountOperations(Workload(), false);
  std::uint64_t cycles = 0;
  for (std::uint64_t cut = 0; cut < operations; ++cut) {
    const State state = CutAt(cut);
    for (std::uint64_t tear = 0; tear < kTears; ++tear) {
      if (!soak && tear != cut % kTears) continue;
      State after = state;
      after.disk.PowerOn(static_cast<Tear>(tear), cut);
      cycles += CutEveryRecovery(after, cut + tear);
      ASSERT_FALSE(HasFailure()) << "cut at " << cut << ", tear " << tear;
    }
  }
  RecordProperty("cycles", std::to_string(cycles));
}

TEST_F(PowerTest, KeepsItsWordThroughRandomCuts) {
  const std::uint64_t cycles =
      NumberFrom("QUORATE_POWER_CYCLES", kDefaultCycles);
  EXPECT_EQ(CountBroken(cycles, Spoiler::kNone, false, false), 0u) << example_;
}

TEST_F(PowerTest, StopsAtTheFirstErrorAndLosesNothing) {
  for (const bool for_good : {false, true}) {
    for (const int error : {EIO, ENOSPC}) {
      SCOPED_TRACE(std::string(std::strerror(error)) +
                   (for_good ? ", for good" : ", once"));
      FailEveryOperation(error, for_good);
      ASSERT_FALSE(HasFailure());
    }
  }
  RecordProperty("states", std::to_string(tried_.size()));
  // Operations of different effect are not taken for one.
  EXPECT_GT(tried_.size(), CountOperations(Workload(), false));
}

// The test's own test: each of these must be found out.

TEST_F(PowerTest, FindsThatSynchronousNormalLosesAcknowledgedGroups) {
  EXPECT_GT(
      CountBroken(kControlCycles, Spoiler::kSynchronousNormal, false, false),
      kLeastBroken);
}

TEST_F(PowerTest, FindsThatSynchronousOffDamagesTheDatabase) {
  EXPECT_GT(CountBroken(kControlCycles, Spoiler::kSynchronousOff, false, false),
            kLeastBroken);
}

TEST_F(PowerTest, FindsASyncThatLies) {
  EXPECT_GT(CountBroken(kControlCycles, Spoiler::kNone, true, false),
            kLeastBroken);
}

TEST_F(PowerTest, FindsThatTheChecksumsOfTheLogAreIgnored) {
  EXPECT_GT(CountBroken(kControlCycles, Spoiler::kNone, false, true),
            kLeastBroken);
}

}  // namespace
}  // namespace quorate::power
