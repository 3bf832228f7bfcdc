#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/cli/local_cluster.h"
#include "replica/cli/process.h"
#include "wire/operations.h"

extern char** environ;

namespace quorate::cli {
namespace {

TEST(NearestTest, FindsAMisspeltWord) {
  const std::vector<std::string> known = {"status", "serve", "local"};
  EXPECT_EQ(Nearest("statsu", known), "status");
  EXPECT_EQ(Nearest("serv", known), "serve");
  EXPECT_EQ(Nearest("locla", known), "");
  EXPECT_EQ(Nearest("elephant", known), "");
  EXPECT_EQ(Nearest("", known), "");
}

TEST(ConflictsTest, RefusesAnUnknownModeAsWrongUsage) {
  const char* const unknown[] = {"conflicts", "--conflicts=all"};
  EXPECT_EQ(ConflictsMain(2, unknown), kWrongUsage);
  const char* const misspelt[] = {"conflicts", "--conflict"};
  EXPECT_EQ(ConflictsMain(2, misspelt), kWrongUsage);
}

TEST(ConflictsTest, PrintsTheTableOfTheMode) {
  const char* const arguments[] = {"conflicts", "--conflicts=key", "--json"};
  testing::internal::CaptureStdout();
  EXPECT_EQ(ConflictsMain(3, arguments), kDone);
  std::fflush(stdout);
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_NE(printed.find("\"mode\": \"key\""), std::string::npos);
}

std::string Why(const char* a, const char* b,
                const char* mode = "--conflicts=op") {
  const char* const arguments[] = {"conflicts", "--why", a, b, mode, "--json"};
  testing::internal::CaptureStdout();
  EXPECT_EQ(ConflictsMain(6, arguments), kDone) << a << " " << b;
  std::fflush(stdout);
  return testing::internal::GetCapturedStdout();
}

TEST(ConflictsTest, TellsWhyForEveryPair) {
  for (const OperationRow& a : kOperations) {
    for (const OperationRow& b : kOperations) {
      const auto json =
          nlohmann::json::parse(Why(a.word.data(), b.word.data()));
      const bool clients =
          a.asker == Asker::kClients && b.asker == Asker::kClients;
      EXPECT_EQ(json["witness"].is_null(), !clients || json["ordered"] == false)
          << a.name << " " << b.name;
      EXPECT_FALSE(json["reason"].get<std::string>().empty());
    }
  }
}

TEST(ConflictsTest, ShowsTheStateAndTheTwoOutcomes) {
  const auto json = nlohmann::json::parse(Why("add", "append"));
  const auto& witness = json["witness"];
  EXPECT_EQ(witness["first"], "add \"k\" 1");
  EXPECT_EQ(witness["second"], "append \"k\" \"1\"");
  EXPECT_NE(witness["in_order"]["after"], witness["reversed"]["after"]);
}

TEST(ConflictsTest, SaysThatAModeOrdersMoreThanItMust) {
  const std::string why = Why("get", "get", "--conflicts=key");
  EXPECT_NE(why.find("orders more than it must"), std::string::npos) << why;
}

TEST(ConflictsTest, RefusesToExplainWhatIsNoOperation) {
  const char* const arguments[] = {"conflicts", "--why", "add", "addd"};
  EXPECT_EQ(ConflictsMain(4, arguments), kWrongUsage);
}

TEST(KvTest, NeedsAConfigurationThatExists) {
  const char* const arguments[] = {"kv", "get", "k", "--config",
                                   "/nonexistent/cluster.toml"};
  EXPECT_EQ(KvMain(5, arguments), kWrongUsage);
}

// The exit code of kv with this cluster, and what it says on stderr.
std::pair<int, std::string> Kv(std::vector<const char*> words) {
  const std::string path = testing::TempDir() + "/kv_cluster.toml";
  {
    std::ofstream file(path);
    file << "[cluster]\nid = \"c\"\n";
    for (const char* n : {"1", "2", "3"}) {
      file << "[[node]]\nname = \"r" << n << "\"\npeer = \"127.0.0.1:710" << n
           << "\"\nclient = \"127.0.0.1:720" << n << "\"\ndir = \"r" << n
           << "\"\n";
    }
  }
  words.insert(words.begin(), "kv");
  words.insert(words.end(), {"--config", path.c_str()});
  testing::internal::CaptureStderr();
  const int code = KvMain(static_cast<int>(words.size()), words.data());
  std::fflush(stderr);
  std::remove(path.c_str());
  return {code, testing::internal::GetCapturedStderr()};
}

TEST(KvTest, NamesTheNodesThatThereAre) {
  const auto [code, said] = Kv({"get", "k", "--node", "r9"});
  EXPECT_EQ(code, kWrongUsage);
  EXPECT_EQ(said,
            "quorate kv: there is no node \"r9\"; this cluster has r1, r2, "
            "r3\n");
  const auto [empty, why] = Kv({"get", "k", "--node", ""});
  EXPECT_EQ(empty, kWrongUsage);
  EXPECT_NE(why.find("--node: the word is empty"), std::string::npos) << why;
}

TEST(KvTest, SaysWhatIsWrongWithABatch) {
  const auto [code, said] = Kv({"batch", "/dev/null"});
  EXPECT_EQ(code, kWrongUsage);
  EXPECT_EQ(said,
            "quorate kv: \"/dev/null\": there is no operation in it; write one "
            "a line (quorate kv batch --help)\n");
}

TEST(FreePortsTest, FindsDifferentPorts) {
  const auto ports = FindFreePorts(18);
  ASSERT_TRUE(ports.ok()) << ports.status();
  EXPECT_EQ(std::set<std::uint16_t>(ports->begin(), ports->end()).size(), 18u);
}

// A process that does nothing until it is ended.
class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    char program[] = "/bin/sleep";
    char seconds[] = "600";
    char* arguments[] = {program, seconds, nullptr};
    EXPECT_EQ(posix_spawn(&pid_, program, nullptr, nullptr, arguments, environ),
              0);
    const auto identified = IdentifyProcess(pid_);
    EXPECT_TRUE(identified.has_value());
    process_ = identified.value_or(ProcessId{});
  }
  ~ProcessTest() override {
    if (reaped_) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  void Reap() {
    waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }

  pid_t pid_ = 0;
  ProcessId process_;
  bool reaped_ = false;
};

TEST_F(ProcessTest, SurvivesItsFile) {
  const std::string path = testing::TempDir() + "/process.pid";
  ASSERT_TRUE(WriteProcessFile(path, process_).ok());
  EXPECT_EQ(ReadProcessFile(path), process_);
  std::remove(path.c_str());
  EXPECT_EQ(ReadProcessFile(path), std::nullopt);
}

TEST_F(ProcessTest, AFileWithoutAProcessIsNoProcess) {
  const std::string path = testing::TempDir() + "/broken.pid";
  for (const char* text : {"", "x", "12", "-1\n5\n", "0\n5\n", "1\n5\n"}) {
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_EQ(ReadProcessFile(path), std::nullopt) << text;
  }
  std::remove(path.c_str());
}

TEST_F(ProcessTest, AFileOfAnotherBootIsNoProcess) {
  const std::string path = testing::TempDir() + "/boot.pid";
  std::ofstream(path, std::ios::trunc)
      << pid_ << '\n'
      << process_.start_time << "\nanother-boot\n";
  EXPECT_EQ(ReadProcessFile(path), std::nullopt);
  // Earlier versions did not say.
  std::ofstream(path, std::ios::trunc) << pid_ << '\n'
                                       << process_.start_time << '\n';
  EXPECT_EQ(ReadProcessFile(path), process_);
  std::remove(path.c_str());
}

TEST_F(ProcessTest, WhoMayNotSignalIsNotToldThatItIsGone) {
  // Root becomes somebody else for it; anybody else asks the first process,
  // which is root's.
  const bool root = geteuid() == 0;
  const std::optional<ProcessId> foreign =
      root ? std::optional(process_) : IdentifyProcess(1);
  ASSERT_TRUE(foreign.has_value());
  const pid_t child = fork();
  if (child == 0) {
    const bool other = !root || setuid(65534) == 0;
    _exit(other && SendSignal(*foreign, SIGURG) == Sent::kNotAllowed ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(ProcessTest, AnotherProcessUnderTheSameNumberIsNotSignalled) {
  const ProcessId earlier{.pid = pid_, .start_time = process_.start_time - 1};
  EXPECT_EQ(StateOf(earlier), ProcessState::kGone);
  EXPECT_EQ(SendSignal(earlier, SIGKILL), Sent::kGone);
  EXPECT_EQ(StateOf(process_), ProcessState::kRunning);
}

// A copy of a folder has the numbers of processes that are not its own; a
// folder that was moved is the same one.
TEST_F(ProcessTest, WorksInItsFolderWhateverThatIsCalledNow) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::path(testing::TempDir()) / ("works-in-" + std::to_string(getpid()));
  fs::create_directories(folder / "own");
  fs::create_directories(folder / "copy");
  const pid_t child = fork();
  if (child == 0) {
    if (chdir((folder / "own").c_str()) == 0) pause();
    _exit(1);
  }
  const ProcessId process = IdentifyProcess(child).value_or(ProcessId{});
  // Until then it works where this one does.
  while (WorksElsewhere(process, folder / "own") == fs::current_path()) {
    sched_yield();
  }
  EXPECT_EQ(WorksElsewhere(process, folder / "own"), "");
  EXPECT_EQ(WorksElsewhere(process, folder / "copy"),
            fs::canonical(folder / "own"));
  fs::rename(folder / "own", folder / "moved");
  EXPECT_EQ(WorksElsewhere(process, folder / "moved"), "");
  EXPECT_EQ(WorksElsewhere(process, folder / "copy"),
            fs::canonical(folder / "moved"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(WorksElsewhere(process, folder / "copy"), "");
  fs::remove_all(folder);
}

TEST_F(ProcessTest, WaitsUntilTheProcessIsGone) {
  EXPECT_FALSE(WaitUntilGone({&process_, 1}, 0));
  EXPECT_EQ(SendSignal(process_, SIGKILL), Sent::kYes);
  // A zombie is gone as well: nobody may ever wait for it.
  EXPECT_TRUE(WaitUntilGone({&process_, 1}, 10000));
  EXPECT_EQ(StateOf(process_), ProcessState::kGone);
  EXPECT_EQ(SendSignal(process_, SIGKILL), Sent::kGone);
  Reap();
  EXPECT_EQ(StateOf(process_), ProcessState::kGone);
}

TEST_F(ProcessTest, StopsAPausedProcess) {
  EXPECT_EQ(SendSignal(process_, SIGSTOP), Sent::kYes);
  int status = 0;
  ASSERT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
  EXPECT_EQ(StateOf(process_), ProcessState::kPaused);
  EXPECT_EQ(StopProcesses({&process_, 1}, 10000), 0);
  EXPECT_EQ(StateOf(process_), ProcessState::kGone);
}

}  // namespace
}  // namespace quorate::cli
