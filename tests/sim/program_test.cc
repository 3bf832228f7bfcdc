// quorate-sim as a reader uses it: a bug by its name, the line that replays it.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/sim/child_program.h"

namespace quorate::sim {
namespace {

constexpr int kViolation = 1;
constexpr int kWrongUsage = 2;

// From the line that begins so, its rest.
std::string RestOfLine(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t from = at + begin.size();
  return text.substr(from, text.find('\n', from) - from);
}

class BugByName : public testing::TestWithParam<const char*> {};

TEST_P(BugByName, IsFoundFromItsKnownSeedAndByItsReplayLine) {
  ChildProgram first(std::string(QUORATE_SIM_BINARY) + " --bug " + GetParam());
  const std::string output = first.Output();
  EXPECT_EQ(first.exit_code(), kViolation) << output;
  const std::string replay = RestOfLine(output, "replay: ");
  ASSERT_NE(replay, "") << output;
  ChildProgram second(replay);
  EXPECT_EQ(second.Output(), output);
  EXPECT_EQ(second.exit_code(), kViolation);
}

// Of the toy, of each protocol, and of the store.
INSTANTIATE_TEST_SUITE_P(Some, BugByName,
                         testing::Values("reads-locally", "d_coord_pre",
                                         "deps_from_f", "log_promise",
                                         "no_sync"),
                         [](const testing::TestParamInfo<const char*>& bug) {
                           std::string name(bug.param);
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

class BugWithoutSeed : public testing::TestWithParam<const char*> {};

TEST_P(BugWithoutSeed, IsFoundByWhatElseFindsIt) {
  ChildProgram first(std::string(QUORATE_SIM_BINARY) + " --bug " + GetParam());
  const std::string output = first.Output();
  EXPECT_EQ(first.exit_code(), kViolation) << output;
  const std::string replay = RestOfLine(output, "replay: ");
  ASSERT_NE(replay, "") << output;
  ChildProgram second(replay);
  second.Output();
  EXPECT_EQ(second.exit_code(), kViolation);
}

// A recorded schedule, and a unit test.
INSTANTIATE_TEST_SUITE_P(Some, BugWithoutSeed,
                         testing::Values("no_phantom", "amnesia"),
                         [](const testing::TestParamInfo<const char*>& bug) {
                           return std::string(bug.param);
                         });

TEST(Program, ListsTheBugsOfTheToyAndOfTheMachine) {
  ChildProgram list(std::string(QUORATE_SIM_BINARY) + " --bug list");
  EXPECT_NE(list.Output().find("reads-locally"), std::string::npos);
  EXPECT_NE(list.Output().find("d_coord_pre"), std::string::npos);
  EXPECT_EQ(list.exit_code(), 0);
}

// A seed that finds a bug no longer, because the worlds have changed, is to be
// replaced (tests/model/mutants.cc).
TEST(Program, FindsEveryBugByItsName) {
  const std::string program = QUORATE_SIM_BINARY " --bug ";
  ChildProgram list(program + "list");
  std::istringstream lines(list.Output());
  int bugs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(' ')) continue;  // What finds the one before.
    ++bugs;
    const std::string name = line.substr(0, line.find(' '));
    ChildProgram run(program + name + " 2>&1");
    EXPECT_NE(RestOfLine(run.Output(), "replay: "), "") << run.Output();
    EXPECT_EQ(run.exit_code(), kViolation) << name;
  }
  EXPECT_GT(bugs, 100);
}

TEST(Program, SaysThatThereIsNoSuchBug) {
  ChildProgram run(std::string(QUORATE_SIM_BINARY) + " --bug moths");
  EXPECT_NE(run.Output().find("--bug list"), std::string::npos);
  EXPECT_EQ(run.exit_code(), kWrongUsage);
}

}  // namespace
}  // namespace quorate::sim
