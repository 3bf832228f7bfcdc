#include "storage/known_peers.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace quorate {
namespace {

class KnownPeersTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(KnownPeersTest, KnowsNobodyAtFirst) {
  const auto peers = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(peers.ok()) << peers.status();
  EXPECT_EQ(peers->Find(ReplicaAt(2)), std::nullopt);
}

TEST_F(KnownPeersTest, StillKnowsInTheNextLifeWhomItHasMet) {
  auto peers = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(peers->Remember(ReplicaAt(0), 0xabc).ok());
  ASSERT_TRUE(peers->Remember(ReplicaAt(2), ~std::uint64_t{0}).ok());
  const auto again = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Find(ReplicaAt(0)), 0xabcu);
  EXPECT_EQ(again->Find(ReplicaAt(1)), std::nullopt);
  EXPECT_EQ(again->Find(ReplicaAt(2)), ~std::uint64_t{0});
}

TEST_F(KnownPeersTest, SaysSoWhenItCannotBeWrittenDown) {
  auto peers = KnownPeers::Load((folder_ / "missing").string());
  EXPECT_FALSE(peers->Remember(ReplicaAt(0), 1).ok());
  EXPECT_EQ(peers->Find(ReplicaAt(0)), std::nullopt);
}

TEST_F(KnownPeersTest, RefusesAFileThatIsNotItsOwn) {
  for (const char* text : {"0 ab\n", "17 ab\n", "1 xyz\n", "1\n", "1 a b\n"}) {
    std::ofstream(folder_ / "peers") << text;
    const auto peers = KnownPeers::Load(folder_.string());
    EXPECT_TRUE(absl::IsDataLoss(peers.status())) << text;
  }
}

TEST_F(KnownPeersTest, RefusesAFileThatItCannotRead) {
  std::filesystem::create_directory(folder_ / "peers");
  EXPECT_TRUE(absl::IsDataLoss(KnownPeers::Load(folder_.string()).status()));
}

TEST_F(KnownPeersTest, WithoutADirectoryItKnowsForTheLifeOfTheProcess) {
  KnownPeers peers;
  ASSERT_TRUE(peers.Remember(ReplicaAt(1), 7).ok());
  EXPECT_EQ(peers.Find(ReplicaAt(1)), 7u);
}

}  // namespace
}  // namespace quorate
