#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "gtest/gtest.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

// Checkpoints as often as possible: that is where the danger is.
constexpr SqliteStoreOptions kSmallWal{.checkpoint_pages = 16};

// The child of a kill cycle: goes on after the groups it finds and reports each
// number once Append has returned OK. Never ends by itself.
[[noreturn]] void AppendForEver(const std::string& directory, int report) {
  auto store = OpenStore(directory, kSmallWal);
  if (!store.ok()) _exit(2);
  const auto found = CountGroups(**store);
  if (!found.ok()) _exit(3);
  for (std::uint64_t number = *found + 1;; ++number) {
    if (!(*store)->Append(GroupNumber(number), number * 10).ok()) _exit(4);
    if (write(report, &number, sizeof(number)) != sizeof(number)) _exit(5);
    if (number % 3 == 0 && !(*store)->Maintain().ok()) _exit(6);
  }
}

// Kills the child after `groups` acknowledgements, wherever it then is, and
// returns the last number it acknowledged (0: none).
std::uint64_t KillAfter(const std::string& directory, int groups) {
  int pipe_ends[2];
  EXPECT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    AppendForEver(directory, pipe_ends[1]);
  }
  close(pipe_ends[1]);
  std::uint64_t number = 0;
  std::uint64_t last = 0;
  int heard = 0;
  // What is in the pipe after the kill was acknowledged as well.
  while (read(pipe_ends[0], &number, sizeof(number)) == sizeof(number)) {
    last = number;
    if (++heard == groups) kill(child, SIGKILL);
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status))
      << "the child failed by itself, exit code " << WEXITSTATUS(status);
  return last;
}

TEST(SqliteCrashTest, KeepsEveryAcknowledgedGroupThroughTwentyKills) {
  TemporaryDirectory directory;
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int cycle = 0; cycle < 20; ++cycle) {
    const int groups = 1 + static_cast<int>(random() % 100);
    const std::uint64_t acknowledged = KillAfter(directory.path(), groups);
    auto store = OpenStore(directory.path(), kSmallWal);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->recovered_from_crash());
    // In order, without gaps and garbage: CountGroups compares contents.
    const auto found = CountGroups(**store);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_GE(*found, acknowledged);
    EXPECT_LE(*found, acknowledged + 1) << "a group that nobody appended";
  }
}

TEST(SqliteCrashTest, SurvivesAKillWhileTheDirectoryIsBeingCreated) {
  // The child is killed at its first acknowledgement at the earliest; so here
  // the kill is sent right after the fork, at a point the scheduler chooses.
  for (int cycle = 0; cycle < 20; ++cycle) {
    TemporaryDirectory directory;
    const pid_t child = fork();
    if (child == 0) {
      auto store = OpenStore(directory.path());
      _exit(store.ok() ? 0 : 1);
    }
    // Let it come as far as `cycle` files in the directory say, at most.
    while (access(directory.File("lock").c_str(), F_OK) != 0) {
    }
    for (int spin = 0; spin < cycle * 20; ++spin) {
      (void)access(directory.File("identity").c_str(), F_OK);
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    auto store = OpenStore(directory.path());
    ASSERT_TRUE(store.ok()) << "cycle " << cycle << ": " << store.status();
    EXPECT_EQ((*store)->identity().incarnation, 77u);
  }
}

}  // namespace
}  // namespace quorate
