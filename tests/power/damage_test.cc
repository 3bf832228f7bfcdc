// One bit of what a killed node left behind is flipped, each in turn: the store
// either has everything that it acknowledged, or does not open.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/power/disk.h"
#include "tests/power/lives.h"
#include "tests/storage/store_fixture.h"

namespace quorate::power {
namespace {

constexpr Step kOpen{.kind = StepKind::kOpen};
constexpr Step kMaintain{.kind = StepKind::kMaintain};
constexpr Step kCheckpoint{.kind = StepKind::kCheckpoint};
constexpr Step kKill{.kind = StepKind::kKill};
Step Append(std::size_t bytes) {
  return {.kind = StepKind::kAppend, .bytes = bytes};
}

// Bytes between two flips. QUORATE_DAMAGE_STRIDE=1 flips one bit of every byte.
std::size_t Stride() {
  const char* text = std::getenv("QUORATE_DAMAGE_STRIDE");
  return text == nullptr ? 53 : std::strtoull(text, nullptr, 10);
}

struct State {
  Disk disk;
  Books books;
};

struct Verdicts {
  std::size_t harmless = 0;
  std::size_t refused = 0;
  std::vector<std::string> broken;
};

class DamageTest : public ::testing::Test {
 protected:
  // A life that ends with a kill, after groups of one page and of several.
  State KilledLife(std::vector<Step> last_steps) {
    std::vector<Step> steps = {kOpen,     Append(100), Append(6000),
                               kMaintain, Append(300), kKill,
                               kOpen,     Append(50),  Append(9000)};
    steps.insert(steps.end(), last_steps.begin(), last_steps.end());
    steps.push_back(kKill);
    State state;
    state.disk.Prepare({});
    Lives lives(directory_.path(), state.disk, state.books);
    EXPECT_EQ(lives.Run(steps), Outcome::kDone) << lives.fault();
    return state;
  }

  std::size_t SizeOf(const State& state, const std::string& name) {
    const auto inode = state.disk.Find(name);
    EXPECT_TRUE(inode) << name;
    return inode ? state.disk.SizeOf(*inode) : 0;
  }

  void Judge(State state, const std::string& what, Verdicts& verdicts) {
    Lives lives(directory_.path(), state.disk, state.books);
    if (lives.Run({kOpen}) == Outcome::kDone) {
      ++verdicts.harmless;
    } else if (lives.refused()) {
      ++verdicts.refused;
    } else {
      verdicts.broken.push_back(what + ": " + lives.fault());
    }
  }

  // Flips bits of the file `name` one after the other.
  Verdicts FlipEach(const State& before, const std::string& name) {
    Verdicts verdicts;
    for (std::size_t at = 0; at < SizeOf(before, name); at += Stride()) {
      State state = before;
      state.disk.Alter(name, [at](std::string& bytes) {
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
      });
      Judge(std::move(state), name + ", byte " + std::to_string(at), verdicts);
    }
    return verdicts;
  }

  TemporaryDirectory directory_;
};

TEST_F(DamageTest, NoFlippedBitOfTheLogOfAKilledNodeLosesAGroup) {
  for (const std::vector<Step>& last :
       {std::vector<Step>{Append(40)}, {Append(7000)}, {kCheckpoint}}) {
    const State state = KilledLife(last);
    const Verdicts verdicts = FlipEach(state, "node.db-wal");
    EXPECT_EQ(verdicts.broken, std::vector<std::string>());
    EXPECT_GT(verdicts.refused, 100u);
  }
}

TEST_F(DamageTest, AFlippedBitOfTheMarkHarmsNobody) {
  const State state = KilledLife({Append(40)});
  const Verdicts verdicts = FlipEach(state, "mark");
  EXPECT_EQ(verdicts.broken, std::vector<std::string>());
  EXPECT_EQ(verdicts.refused, 0u);
}

// The rest of the log, from a byte on, is gone.
TEST_F(DamageTest, NoCutLogOfAKilledNodeLosesAGroup) {
  const State before = KilledLife({Append(40)});
  Verdicts verdicts;
  for (std::size_t at = 0; at < SizeOf(before, "node.db-wal");
       at += 10 * Stride()) {
    State state = before;
    state.disk.Alter("node.db-wal",
                     [at](std::string& bytes) { bytes.resize(at); });
    Judge(std::move(state), "cut at " + std::to_string(at), verdicts);
  }
  EXPECT_EQ(verdicts.broken, std::vector<std::string>());
  EXPECT_EQ(verdicts.harmless, 0u);
}

// After a power loss the mark may be that of any earlier moment; what the log
// itself says covers all groups but the last.
TEST_F(DamageTest, WithAnOldMarkOnlyTheLastGroupCanBeLost) {
  const State at_mark = KilledLife({});
  std::string old_mark;
  State copy = at_mark;
  copy.disk.Alter("mark", [&](std::string& bytes) { old_mark = bytes; });
  State state = KilledLife({Append(5000), Append(6000), Append(7000)});
  state.disk.Alter("mark", [&](std::string& bytes) { bytes = old_mark; });
  state.books.doubtful = state.books.acknowledged.back();
  state.books.acknowledged.pop_back();
  const Verdicts verdicts = FlipEach(state, "node.db-wal");
  EXPECT_EQ(verdicts.broken, std::vector<std::string>());
}

}  // namespace
}  // namespace quorate::power
