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
  const KnownPeer first{
      .incarnation = 0xabc, .life = 3, .process = 0xf00, .record = 17};
  const KnownPeer second{.incarnation = ~std::uint64_t{0}};
  ASSERT_TRUE(peers->Remember(ReplicaAt(0), first).ok());
  ASSERT_TRUE(peers->Remember(ReplicaAt(2), second).ok());
  const auto again = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Find(ReplicaAt(0)), first);
  EXPECT_EQ(again->Find(ReplicaAt(1)), std::nullopt);
  EXPECT_EQ(again->Find(ReplicaAt(2)), second);
}

TEST_F(KnownPeersTest, StillKnowsHowFarTheyHadCome) {
  auto peers = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(peers->Remember(ReplicaAt(2), {.incarnation = 7}).ok());
  peers->Hear(ReplicaAt(1), 5);  // Never met.
  for (const RecordSequence record : {10u, 30u, 20u}) {
    peers->Hear(ReplicaAt(2), record);
    ASSERT_TRUE(peers->WriteHeard().ok());
  }
  auto again = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Find(ReplicaAt(1)), std::nullopt);
  EXPECT_EQ(again->Find(ReplicaAt(2))->record, 30u);
}

// What was written before nodes had lives.
TEST_F(KnownPeersTest, ReadsIncarnationsAlone) {
  std::ofstream(folder_ / "peers") << "1 abc\n3 12\n";
  const auto peers = KnownPeers::Load(folder_.string());
  ASSERT_TRUE(peers.ok()) << peers.status();
  EXPECT_EQ(peers->Find(ReplicaAt(0)), KnownPeer{.incarnation = 0xabc});
  EXPECT_EQ(peers->Find(ReplicaAt(2)), KnownPeer{.incarnation = 0x12});
}

TEST_F(KnownPeersTest, RefusesAMarkThatIsNotItsOwn) {
  std::ofstream(folder_ / "heard") << std::string(1024, 'x');
  EXPECT_TRUE(absl::IsDataLoss(KnownPeers::Load(folder_.string()).status()));
}

TEST_F(KnownPeersTest, SaysSoWhenItCannotBeWrittenDown) {
  auto peers = KnownPeers::Load((folder_ / "missing").string());
  EXPECT_FALSE(peers->Remember(ReplicaAt(0), {.incarnation = 1}).ok());
  EXPECT_EQ(peers->Find(ReplicaAt(0)), std::nullopt);
}

TEST_F(KnownPeersTest, RefusesAFileThatIsNotItsOwn) {
  for (const char* text : {"0 ab\n", "17 ab\n", "1 xyz\n", "1\n", "1 a b\n",
                           "1 a b c d e\n", "1 a b c x\n"}) {
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
  ASSERT_TRUE(peers.Remember(ReplicaAt(1), {.incarnation = 7}).ok());
  peers.Hear(ReplicaAt(1), 9);
  ASSERT_TRUE(peers.WriteHeard().ok());
  EXPECT_EQ(peers.Find(ReplicaAt(1))->incarnation, 7u);
  EXPECT_EQ(peers.Find(ReplicaAt(1))->record, 9u);
}

}  // namespace
}  // namespace quorate
