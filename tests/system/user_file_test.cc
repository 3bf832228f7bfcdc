#include "replica/system/user_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <istream>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quorate {
namespace {

using ::testing::HasSubstr;

class UserFileTest : public testing::Test {
 protected:
  UserFileTest() {
    std::string pattern = testing::TempDir() + "/user-file-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~UserFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }
  std::string Write(const std::string& text) const {
    std::ofstream(Path("file"), std::ios::binary) << text;
    return Path("file");
  }
  static std::string Why(const std::string& path, std::size_t most = 1000) {
    const absl::StatusOr<std::string> text = ReadUserFile(path, most);
    EXPECT_FALSE(text.ok());
    return std::string(text.status().message());
  }

  std::string folder_;
};

TEST_F(UserFileTest, GivesTheWholeText) {
  EXPECT_EQ(*ReadUserFile(Write("a\nb"), 1000), "a\nb");
  EXPECT_EQ(*ReadUserFile(Write(""), 1000), "");
  const std::string large(1'000'000, 'x');
  EXPECT_TRUE(*ReadUserFile(Write(large), large.size()) == large);
}

TEST_F(UserFileTest, AMarkInFrontIsNoText) {
  EXPECT_EQ(*ReadUserFile(Write("\xef\xbb\xbftext"), 1000), "text");
  EXPECT_THAT(Why(Write(std::string("\xff\xfet\0", 4))), HasSubstr("UTF-16"));
}

TEST_F(UserFileTest, ADirectoryIsNoEmptyFile) {
  EXPECT_THAT(Why(folder_), HasSubstr("it is a directory"));
  UserFileBuffer buffer(folder_);
  std::istream input(&buffer);
  std::string line;
  EXPECT_FALSE(std::getline(input, line));
  EXPECT_FALSE(buffer.status().ok());
}

TEST_F(UserFileTest, WhatIsNotThereIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(ReadUserFile(Path("none"), 1).status()));
}

TEST_F(UserFileTest, WhatMayNotBeReadSaysSo) {
  // There nobody may read at offset 0, root neither.
  EXPECT_THAT(Why("/proc/self/mem"), HasSubstr("Input/output error"));
  if (geteuid() == 0) return;  // Root may read everything else.
  ASSERT_EQ(chmod(Write("text").c_str(), 0), 0);
  EXPECT_THAT(Why(Path("file")), HasSubstr("Permission denied"));
}

TEST_F(UserFileTest, ADeviceWithoutEndHasAnEnd) {
  EXPECT_THAT(Why("/dev/zero", 100'000), HasSubstr("more than 100000 bytes"));
  EXPECT_EQ(*ReadUserFile("/dev/null", 1000), "");
}

TEST_F(UserFileTest, APipeIsReadToItsEnd) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream pipe(Path("pipe"));
    pipe << "first ";
    pipe.flush();
    pipe << "second";
  });
  EXPECT_EQ(*ReadUserFile(Path("pipe"), 1000), "first second");
  writer.join();
}

}  // namespace
}  // namespace quorate
