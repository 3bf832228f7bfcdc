#include "storage/mark_file.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

class MarkFileTest : public ::testing::Test {
 protected:
  std::string Contents() {
    const auto mark = MarkFile::Open(path_);
    if (!mark.ok()) return std::string(mark.status().message());
    return mark->has_value() ? (*mark)->contents() : "no file";
  }
  // The mark after it was written so many times, with its number.
  void MakeMark(int writes) {
    auto mark = MarkFile::Create(path_, "0");
    ASSERT_TRUE(mark.ok()) << mark.status();
    for (int i = 1; i <= writes; ++i) {
      ASSERT_TRUE(mark->Write(std::to_string(i)).ok());
    }
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.File("mark");
};

TEST_F(MarkFileTest, IsWhatWasWrittenLast) {
  EXPECT_EQ(Contents(), "no file");
  for (int writes = 0; writes < 5; ++writes) {
    MakeMark(writes);
    EXPECT_EQ(Contents(), std::to_string(writes));
  }
  EXPECT_EQ(ReadFile(path_).size(), 1024u);
}

TEST_F(MarkFileTest, GoesOnWhereTheLastProcessStopped) {
  MakeMark(3);
  auto mark = MarkFile::Open(path_);
  ASSERT_TRUE((*mark)->Write("a longer one").ok());
  ASSERT_TRUE((*mark)->Sync().ok());
  EXPECT_EQ(Contents(), "a longer one");
}

TEST_F(MarkFileTest, TheOneBeforeStandsForADamagedOne) {
  MakeMark(4);
  const std::string before = ReadFile(path_);
  for (std::size_t at = 0; at < before.size(); ++at) {
    std::string bytes = before;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    WriteFile(path_, bytes);
    const std::string contents = Contents();
    EXPECT_TRUE(contents == "4" || contents == "3") << at << ": " << contents;
  }
}

TEST_F(MarkFileTest, RefusesAFileThatMakesNoSense) {
  for (const std::string& text :
       {std::string(), std::string("short"), std::string(1024, 'x')}) {
    WriteFile(path_, text);
    EXPECT_TRUE(absl::IsDataLoss(MarkFile::Open(path_).status())) << text;
  }
  // Half of a mark would be an older one.
  MakeMark(4);
  WriteFile(path_, ReadFile(path_).substr(0, 512));
  EXPECT_TRUE(absl::IsDataLoss(MarkFile::Open(path_).status()));
}

}  // namespace
}  // namespace quorate
