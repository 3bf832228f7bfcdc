#include "storage/known_peers.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "storage/descriptor.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

class KnownPeersTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ASSERT_TRUE(KnownPeers::Create(folder_.string(), kOwn).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<KnownPeers> Load() const {
    return KnownPeers::Load(folder_.string(), kOwn);
  }
  std::string File(const char* name) const { return folder_ / name; }
  // Two peers were met and heard of.
  void MeetSome() const {
    auto peers = Load();
    ASSERT_TRUE(peers.ok()) << peers.status();
    ASSERT_TRUE(peers->Remember(ReplicaAt(0), kFirst).ok());
    ASSERT_TRUE(peers->Remember(ReplicaAt(2), kSecond).ok());
    ASSERT_TRUE(peers->WriteHeard().ok());
  }
  // It stops itself, and says for which file's sake.
  void ExpectLost(const char* name, const std::string& what) const {
    const absl::Status status = Load().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(status.message().find("\"" + File(name) + "\""),
              std::string::npos)
        << status;
    EXPECT_NE(status.message().find(what), std::string::npos) << status;
    EXPECT_NE(status.message().find(kBringBack), std::string::npos) << status;
  }

  static constexpr std::uint64_t kOwn = 77;
  static constexpr KnownPeer kFirst{
      .incarnation = 0xabc, .life = 3, .process = 0xf00, .record = 17};
  static constexpr KnownPeer kSecond{.incarnation = ~std::uint64_t{0}};

  std::filesystem::path folder_;
};

TEST_F(KnownPeersTest, KnowsNobodyAtFirst) {
  const auto peers = Load();
  ASSERT_TRUE(peers.ok()) << peers.status();
  EXPECT_EQ(peers->Find(ReplicaAt(2)), std::nullopt);
}

TEST_F(KnownPeersTest, StillKnowsInTheNextLifeWhomItHasMet) {
  MeetSome();
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Find(ReplicaAt(0)), kFirst);
  EXPECT_EQ(again->Find(ReplicaAt(1)), std::nullopt);
  EXPECT_EQ(again->Find(ReplicaAt(2)), kSecond);
}

TEST_F(KnownPeersTest, StillKnowsHowFarTheyHadCome) {
  auto peers = Load();
  ASSERT_TRUE(peers->Remember(ReplicaAt(2), {.incarnation = 7}).ok());
  peers->Hear(ReplicaAt(1), 5);  // Never met.
  for (const RecordSequence record : {10u, 30u, 20u}) {
    peers->Hear(ReplicaAt(2), record);
    ASSERT_TRUE(peers->WriteHeard().ok());
  }
  auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->Find(ReplicaAt(1)), std::nullopt);
  EXPECT_EQ(again->Find(ReplicaAt(2))->record, 30u);
}

// One that passed would tell a healthy peer that it had lost its data.
TEST_F(KnownPeersTest, StopsForEachFlippedBitOfThePeers) {
  MeetSome();
  const std::string before = ReadFile(File("peers"));
  for (std::size_t at = 0; at < before.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = before;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      WriteFile(File("peers"), bytes);
      const absl::Status status = Load().status();
      ASSERT_TRUE(absl::IsDataLoss(status)) << at << ": " << status;
      ASSERT_NE(status.message().find("it is damaged"), std::string::npos);
    }
  }
}

TEST_F(KnownPeersTest, StopsWhereAFileIsGoneEmptiedOrHalved) {
  for (const char* name : {"peers", "heard"}) {
    MeetSome();
    const std::string before = ReadFile(File(name));
    std::filesystem::remove(File(name));
    ExpectLost(name, "it is gone");
    WriteFile(File(name), "");
    ExpectLost(name, "it is damaged");
    WriteFile(File(name), before.substr(0, before.size() / 2));
    ExpectLost(name, "it is damaged");
    WriteFile(File(name), before);
    EXPECT_TRUE(Load().ok());
  }
}

TEST_F(KnownPeersTest, StopsWhereThePeersAreOlderThanTheMark) {
  const std::string before = ReadFile(File("peers"));
  MeetSome();
  WriteFile(File("peers"), before);
  ExpectLost("peers", "it is older than the file \"heard\" beside it");
}

TEST_F(KnownPeersTest, RefusesTheFilesOfAnotherNode) {
  for (const char* name : {"peers", "heard"}) {
    const std::string before = ReadFile(File(name));
    TemporaryDirectory other;
    ASSERT_TRUE(KnownPeers::Create(other.path(), 78).ok());
    WriteFile(File(name), ReadFile(other.File(name)));
    const absl::Status status = Load().status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(status.message().find("incarnation 78, not to this one of 77"),
              std::string::npos)
        << status;
    WriteFile(File(name), before);
  }
}

// What was written before there were checksums, and before nodes had lives.
TEST_F(KnownPeersTest, TakesOverWhatAnEarlierReleaseHasWritten) {
  WriteFile(File("peers"), "1 abc\n3 12 3 f00 11\n");
  const std::uint64_t records[kMaxNodes] = {0, 0, 30};
  ASSERT_TRUE(MarkFile::Create(
                  File("heard"),
                  {static_cast<const char*>(static_cast<const void*>(records)),
                   sizeof(records)})
                  .ok());
  for (int time = 1; time <= 2; ++time) {  // A crash may have come between.
    ASSERT_TRUE(KnownPeers::TakeOver(folder_.string(), kOwn).ok());
    const auto peers = Load();
    ASSERT_TRUE(peers.ok()) << peers.status();
    EXPECT_EQ(peers->Find(ReplicaAt(0)), KnownPeer{.incarnation = 0xabc});
    EXPECT_EQ(
        peers->Find(ReplicaAt(2)),
        (KnownPeer{
            .incarnation = 0x12, .life = 3, .process = 0xf00, .record = 30}));
  }
}

// They came with the first meeting.
TEST_F(KnownPeersTest, TakesOverADirectoryThatHadNoSuchFiles) {
  for (const char* name : {"peers", "heard"}) {
    std::filesystem::remove(File(name));
  }
  ASSERT_TRUE(KnownPeers::TakeOver(folder_.string(), kOwn).ok());
  EXPECT_TRUE(Load().ok());
}

TEST_F(KnownPeersTest, TakesOverNothingThatIsDamaged) {
  for (const char* text : {"0 ab\n", "17 ab\n", "1 xyz\n", "1\n", "1 a b\n",
                           "1 a b c d e\n", "1 a b c x\n"}) {
    WriteFile(File("peers"), text);
    EXPECT_TRUE(absl::IsDataLoss(KnownPeers::TakeOver(folder_.string(), kOwn)))
        << text;
  }
}

TEST_F(KnownPeersTest, RefusesAMarkThatIsNotItsOwn) {
  WriteFile(File("heard"), std::string(1024, 'x'));
  ExpectLost("heard", "it is damaged");
}

TEST_F(KnownPeersTest, SaysSoWhenItCannotBeWrittenDown) {
  auto peers = Load();
  std::filesystem::remove_all(folder_);
  EXPECT_FALSE(peers->Remember(ReplicaAt(0), {.incarnation = 1}).ok());
  EXPECT_EQ(peers->Find(ReplicaAt(0)), std::nullopt);
}

TEST_F(KnownPeersTest, RefusesAFileThatItCannotRead) {
  std::filesystem::remove(File("peers"));
  std::filesystem::create_directory(File("peers"));
  EXPECT_TRUE(absl::IsDataLoss(Load().status()));
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
