// [wan] of cluster.toml, and the file of troubles beside it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "replica/config/config.h"
#include "replica/config/trouble.h"
#include "replica/config/wan_ways.h"

namespace quorate {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMs = 1'000'000;

class WanConfigTest : public testing::Test {
 protected:
  WanConfigTest() {
    std::string pattern = (fs::temp_directory_path() / "wan-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~WanConfigTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  // Three nodes at these sites.
  absl::StatusOr<ClusterConfig> Load(const std::string& wan,
                                     const std::string& sites) const {
    std::string text = "[cluster]\nid = \"w\"\ndurability = \"memory\"\n" + wan;
    for (int i = 1; i <= 3; ++i) {
      const std::string n = std::to_string(i);
      text += "[[node]]\nname = \"r" + n +
              "\"\npeer = \"127.0.0.1:" + std::to_string(7100 + i) +
              "\"\nclient = \"127.0.0.1:" + std::to_string(7200 + i) + "\"\n";
      const std::string site(1, sites[static_cast<std::size_t>(i - 1)]);
      if (site != "-") text += "site = \"" + site + "\"\n";
    }
    Write("cluster.toml", text);
    return LoadConfig((folder_ / "cluster.toml").string());
  }
  std::string Problem(const std::string& wan, const std::string& sites) const {
    const auto config = Load(wan, sites);
    return config.ok() ? "" : std::string(config.status().message());
  }

  fs::path folder_;
};

TEST_F(WanConfigTest, FilesCountFromTheFileAndGiveWays) {
  Write("m.csv", "one-way,a,b,c\na,0,1,2\nb,3,0,4\nc,5,6,0\n");
  Write("late.txt", "0.5\n");
  const auto config = Load(
      "[wan]\nmatrix = \"m.csv\"\njitter = \"trace late.txt\"\n"
      "trouble = \"trouble\"\n",
      "cab");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->wan.trouble, (folder_ / "trouble").string());
  ASSERT_NE(config->ways, nullptr);
  // r1 is at c, r2 at a: there 5, back 2, and half a millisecond of jitter.
  EXPECT_EQ(config->ways->Between(0, 1)->Arrival(0, 1), 5'500'000u);
  EXPECT_EQ(config->ways->Between(1, 0)->Arrival(0, 1), 2'500'000u);
  const auto b = config->ways->FindSite("b");
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(config->ways->FromSite(*b, 2, 0)->Arrival(0, 1), 4'500'000u);
  EXPECT_FALSE(config->ways->FindSite("nowhere").ok());
}

TEST_F(WanConfigTest, WithoutAMatrixAllAreWhereTheyAre) {
  const auto config = Load("", "xyz");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->ways, nullptr);
}

TEST_F(WanConfigTest, SaysWhatIsWrong) {
  Write("m.csv", "region,a,b\na,0,10\nb,10,0\n");
  EXPECT_NE(
      Problem("[wan]\nmatrix = \"m.csv\"\n", "ab-").find("node r3 has no site"),
      std::string::npos);
  EXPECT_NE(Problem("[wan]\nmatrix = \"m.csv\"\n", "abz").find("node r3"),
            std::string::npos);
  EXPECT_NE(Problem("[wan]\nmatrix = \"none.csv\"\n", "aba").find("none.csv"),
            std::string::npos);
  EXPECT_NE(Problem("[wan]\nmatrix = \"m.csv\"\njitter = \"some\"\n", "aba")
                .find("line 6"),
            std::string::npos);
  EXPECT_NE(Problem("[wan]\nmatrix = \"m.csv\"\njitter = \"trace t\"\n", "aba")
                .find("wan.jitter: trace"),
            std::string::npos);
  Write("t", "1\nx\n");
  EXPECT_NE(Problem("[wan]\nmatrix = \"m.csv\"\njitter = \"trace t\"\n", "aba")
                .find("line 2"),
            std::string::npos);
  EXPECT_NE(Problem("[wan]\nbandwidth_mbit = -1\n", "aba").find("bandwidth"),
            std::string::npos);
}

TEST_F(WanConfigTest, TheChanceOfAWayIsItsOwnAndTheSameEachTime) {
  Write("m.csv", "region,a,b,c\na,0,10,10\nb,10,0,10\nc,10,10,0\n");
  const auto config = Load(
      "[wan]\nmatrix = \"m.csv\"\njitter = \"uniform 100\"\nseed = 5\n", "abc");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto first = [&](std::size_t from, std::size_t to) {
    return config->ways->Between(from, to)->Arrival(0, 1);
  };
  EXPECT_EQ(first(0, 1), first(0, 1));
  EXPECT_NE(first(0, 1), first(1, 0));
  EXPECT_NE(first(0, 1), first(0, 2));
}

// ---- trouble ----------------------------------------------------------------

TEST_F(WanConfigTest, ReadsTroubleAndWritesItBack) {
  const auto config = Load("", "abc");
  ASSERT_TRUE(config.ok());
  const auto table = ParseTrouble(
      "# an experiment\n r1 r2 cut\nr1  r2\tslow 50 # and slow\n"
      "r3 r1 flap 500 200\n\n",
      *config);
  ASSERT_TRUE(table.ok()) << table.status();
  const TroubleTable expected = {
      {{0, 1}, {.cut = true, .extra_ns = 50 * kMs}},
      {{2, 0}, {.open_ns = 500 * kMs, .closed_ns = 200 * kMs}}};
  EXPECT_EQ(*table, expected);
  EXPECT_EQ(*ParseTrouble(FormatTrouble(*table, *config), *config), *table);
  EXPECT_TRUE(ParseTrouble("", *config)->empty());
}

TEST_F(WanConfigTest, SaysWhichLineIsNoTrouble) {
  const auto config = Load("", "abc");
  ASSERT_TRUE(config.ok());
  for (const char* line :
       {"r1", "r1 r2", "r1 r9 cut", "r1 r1 cut", "r1 r2 cut now", "r1 r2 slow",
        "r1 r2 slow 0", "r1 r2 slow -5", "r1 r2 slow 1e3", "r1 r2 flap 5",
        "r1 r2 flap 5 0", "r1 r2 melt", "\x01\xff\xfe"}) {
    const auto table = ParseTrouble(std::string("r1 r2 cut\n") + line, *config);
    ASSERT_FALSE(table.ok()) << line;
    EXPECT_TRUE(std::string(table.status().message()).starts_with("line 2: "))
        << table.status();
  }
}

}  // namespace
}  // namespace quorate
