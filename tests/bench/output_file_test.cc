#include "experiments/bench/output_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() { fs::create_directories(folder_); }
  ~OutputFileTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }
  OutputFile Open(const std::string& path, bool force = false) const {
    auto file = OutputFile::Open("result", path, force);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  std::string Read(const std::string& path) const {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::size_t Files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), {}));
  }

 private:
  fs::path folder_ = fs::path(testing::TempDir()) /
                     ("output_" + std::to_string(std::random_device{}()));
};

TEST_F(OutputFileTest, HasItsNameWhenItIsWhole) {
  OutputFile file = Open(Path("a.json"));
  file.Write("all ");
  EXPECT_FALSE(fs::exists(Path("a.json")));
  file.Write("of it");
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(Read(Path("a.json")), "all of it");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(OutputFileTest, LeavesNothingOfWhatWasNotCommitted) {
  { OutputFile file = Open(Path("a.json")); }
  EXPECT_EQ(Files(), 0u);
}

// Half a result is none, and its name is the one that was asked for.
TEST_F(OutputFileTest, LeavesNothingOfWhatCouldNotBeWritten) {
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{.rlim_cur = 1024, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  OutputFile file = Open(Path("a.json"));
  file.Write(std::string(1 << 16, 'x'));
  const absl::Status committed = file.Commit();
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(std::string(committed.message()),
            "cannot write result \"" + Path("a.json") +
                "\": File too large; nothing is left of it");
  EXPECT_EQ(Files(), 0u);
}

TEST_F(OutputFileTest, RefusesWhatIsThereAndNamesTheRemedy) {
  std::ofstream(Path("a.json")) << "old";
  const auto refused = OutputFile::Open("result", Path("a.json"), false);
  ASSERT_TRUE(absl::IsAlreadyExists(refused.status()));
  const std::string message(refused.status().message());
  EXPECT_NE(message.find(Path("a.json")), message.npos) << message;
  EXPECT_NE(message.find("--force"), message.npos) << message;
  OutputFile file = Open(Path("a.json"), /*force=*/true);
  file.Write("new");
  EXPECT_EQ(Read(Path("a.json")), "old");
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(Read(Path("a.json")), "new");
}

// Two runs that began when there was no such file yet.
TEST_F(OutputFileTest, TheLaterOfTwoTakesAnotherName) {
  OutputFile first = Open(Path("a.json"));
  std::ofstream(Path("a.json")) << "somebody was faster";
  first.Write("mine");
  ASSERT_TRUE(first.Commit().ok());
  EXPECT_EQ(Read(Path("a.json")), "somebody was faster");
  EXPECT_EQ(first.path(), Path("a-2.json"));
  EXPECT_EQ(Read(first.path()), "mine");
}

TEST_F(OutputFileTest, CreatesItsFolderAndFollowsALink) {
  OutputFile file = Open(Path("new/er/a.json"));
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_TRUE(fs::exists(Path("new/er/a.json")));
  fs::create_symlink(Path("new/er/a.json"), Path("link"));
  OutputFile linked = Open(Path("link"), /*force=*/true);
  linked.Write("through");
  ASSERT_TRUE(linked.Commit().ok());
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Read(Path("new/er/a.json")), "through");
}

TEST_F(OutputFileTest, WritesToADeviceAsItIs) {
  OutputFile file = Open("/dev/null");
  file.Write("gone");
  EXPECT_TRUE(file.Commit().ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  OutputFile full = Open("/dev/full");
  full.Write(std::string(1 << 16, 'x'));
  EXPECT_FALSE(full.Commit().ok());
}

TEST_F(OutputFileTest, SaysWhatItCannotWrite) {
  EXPECT_FALSE(OutputFile::Open("result", Path(""), false).ok());
  const auto refused = OutputFile::Open("history", "/proc/no/h", false);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(std::string(refused.status().message())
                .find("cannot write history \"/proc/no/h\""),
            std::string::npos);
}

TEST_F(OutputFileTest, EveryRunHasAFolderOfItsOwn) {
  const auto one = NewFolder(Path("deep/run"));
  const auto two = NewFolder(Path("deep/run"));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(*one, Path("deep/run"));
  EXPECT_EQ(*two, Path("deep/run-2"));
  EXPECT_FALSE(NewFolder("/proc/no/run").ok());
}

}  // namespace
}  // namespace quorate::bench
