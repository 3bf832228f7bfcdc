// The program: what is no history is never called linearizable.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quorate::lincheck {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using std::string_literals::operator""s;

struct Said {
  int exit_code = -1;
  std::string text;  // stdout and stderr
};

// Runs it with these words, as a shell reads them.
Said Lincheck(const std::string& words) {
  const std::string line = std::string(QUORATE_LINCHECK) + " " + words;
  std::FILE* const output = popen(("{ " + line + "; } 2>&1").c_str(), "r");
  Said said;
  char room[4096];
  while (std::fgets(room, sizeof room, output) != nullptr) said.text += room;
  const int status = pclose(output);
  if (WIFEXITED(status)) said.exit_code = WEXITSTATUS(status);
  return said;
}

class LincheckProgramTest : public testing::Test {
 protected:
  LincheckProgramTest() {
    std::string pattern = testing::TempDir() + "/lincheck-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LincheckProgramTest() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& text) const {
    std::ofstream(folder_ + "/h.jsonl", std::ios::binary) << text;
    return folder_ + "/h.jsonl";
  }

  std::string folder_;
};

constexpr char kPut[] = R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":1})";
constexpr char kStale[] =
    R"({"c":1,"f":"get","k":"x","call":2,"ret":3,"out":"2"})";

TEST_F(LincheckProgramTest, WhatIsNoHistoryIsNotLinearizable) {
  const Said directory = Lincheck(folder_);
  EXPECT_EQ(directory.exit_code, 2);
  EXPECT_THAT(directory.text, HasSubstr("it is a directory"));
  const Said missing = Lincheck(folder_ + "/none");
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.text, HasSubstr("No such file"));
  for (const char* nothing : {"", "\n\r\n\n", "\xef\xbb\xbf"}) {
    const Said empty = Lincheck(Write(nothing));
    EXPECT_EQ(empty.exit_code, 2);
    EXPECT_THAT(empty.text, HasSubstr("it holds no operation"));
  }
  EXPECT_EQ(Lincheck("/dev/null").exit_code, 2);
  EXPECT_EQ(Lincheck("- </dev/null").exit_code, 2);
  EXPECT_EQ(Lincheck("- <&-").exit_code, 2);
}

TEST_F(LincheckProgramTest, ALineWithoutEndIsRefused) {
  const Said endless = Lincheck("/dev/zero");
  EXPECT_EQ(endless.exit_code, 2);
  EXPECT_THAT(endless.text, HasSubstr("line 1 is longer than 67108864 bytes"));
}

TEST_F(LincheckProgramTest, WhatMayNotBeReadIsNotLinearizable) {
  // There nobody may read at offset 0, root neither.
  EXPECT_EQ(Lincheck("/proc/self/mem").exit_code, 2);
  if (geteuid() == 0) return;  // Root may read everything else.
  ASSERT_EQ(chmod(Write(kPut).c_str(), 0), 0);
  EXPECT_EQ(Lincheck(folder_ + "/h.jsonl").exit_code, 2);
}

TEST_F(LincheckProgramTest, AMarkAndForeignLineEndsAreNoMatter) {
  const std::string history = "\xef\xbb\xbf"s + kPut + "\r\n" + kStale + "\r\n";
  EXPECT_EQ(Lincheck(Write(history)).exit_code, 1);
  EXPECT_EQ(Lincheck("- <" + Write(kPut)).exit_code, 0);
}

TEST_F(LincheckProgramTest, TheVerdictIsTheExitCodeWhoeverHearsIt) {
  const std::string right = Write(kPut);
  for (const char* output : {">/dev/full", ">&-", ">/dev/full 2>&1"}) {
    EXPECT_EQ(Lincheck(right + " " + output).exit_code, 0) << output;
  }
  const std::string wrong = Write(std::string(kPut) + "\n" + kStale);
  for (const char* output : {">/dev/full", ">&-", "--json >/dev/full"}) {
    EXPECT_EQ(Lincheck(wrong + " " + output).exit_code, 1) << output;
  }
}

TEST_F(LincheckProgramTest, WhatIsNoNumberOfSecondsIsRefused) {
  const std::string file = Write(kPut);
  for (const char* number : {"nan", "inf", "-1", "0", "1e400", "0x10", "5s",
                             "\" 5\"", "\"\"", "1e10"}) {
    const Said said =
        Lincheck(std::string("--max-seconds ") + number + " " + file);
    EXPECT_EQ(said.exit_code, 2) << number;
    EXPECT_THAT(said.text, StartsWith("quorate-lincheck: --max-seconds"));
  }
  EXPECT_EQ(Lincheck("--max-seconds 1e3 " + file).exit_code, 0);
}

}  // namespace
}  // namespace quorate::lincheck
