// Whole clusters that write to disk.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "storage/memory_store.h"
#include "tests/node/harness.h"
#include "wire/codec/codec.h"

namespace quorate {
namespace {

class DurableClusterTest : public NodeTest {
 protected:
  DurableClusterTest() {
    config_.durability = Durability::kFsync;
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("durable_" + std::to_string(config_.nodes[0].peer.port));
    std::filesystem::remove_all(folder_);
    for (NodeConfig& node : config_.nodes) {
      node.directory = (folder_ / "data" / node.name).string();
    }
  }
  ~DurableClusterTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

// Fails from the given append on.
class FailingStore : public MemoryStore {
 public:
  FailingStore(StoreIdentity identity, int good_appends)
      : MemoryStore(std::move(identity)), good_appends_(good_appends) {}
  absl::Status Append(std::string_view group, RecordSequence last) override {
    if (good_appends_-- > 0) return MemoryStore::Append(group, last);
    return absl::InternalError("the disk is gone");
  }

 private:
  int good_appends_;
};

TEST_F(DurableClusterTest, AnswersAtEveryNode) {
  StartAll();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Execute(i, Put("k", "v")).status, ReplyStatus::kDone);
  }
}

// As in a directory of a release that did not keep the settings.
TEST_F(DurableClusterTest, RefusesTheJournalOfAnotherProtocol) {
  std::string group;
  EncodeRecord(
      PreAcceptedRecord{.instance = {ReplicaAt(0), 1},
                        .batch = MakeBatch({ClientId{1}, 1}, Put("k", "v")),
                        .initial_deps = DependencySet(3),
                        .deps = DependencySet(3)},
      group);
  auto store = std::make_unique<MemoryStore>(
      StoreIdentity{.cluster_id = "demo", .node = ReplicaAt(0)});
  ASSERT_TRUE(store->Append(group, 1).ok());
  config_.settings.protocol = Protocol::kMultipaxos;
  NodeOptions options;
  options.store = std::move(store);
  const absl::Status status =
      Node::Open(config_, 0, std::move(options)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(),
                                "it was written with cluster.protocol = "
                                "\"epaxos\", and the configuration now says "
                                "\"multipaxos\""))
      << status;
}

TEST_F(DurableClusterTest, CountsItsSyncs) {
  StartAll();
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
  const auto status = nlohmann::json::parse(StatusOf(0));
  EXPECT_GE(status["fsync"]["count"], 1);
  EXPECT_GT(status["fsync"]["max_us"], 0);
  EXPECT_GT(status["disk"]["bytes"], 0);
  EXPECT_EQ(status["durability"], "fsync");
}

TEST_F(DurableClusterTest, KeepsItsDataOverARestartOfAllNodes) {
  StartAll();
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    EXPECT_EQ(
        Execute(static_cast<std::size_t>(i % 3), Put("k" + n, "v" + n)).status,
        ReplyStatus::kDone);
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(StopNode(i).ok());
  StartAll();
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    const Completion read =
        Execute(static_cast<std::size_t>((i + 1) % 3), Get("k" + n));
    ASSERT_EQ(read.results.size(), 1u);
    EXPECT_EQ(read.results[0].value, "v" + n);
  }
}

TEST_F(DurableClusterTest, TakesBackANodeThatWasAway) {
  StartAll();
  EXPECT_EQ(Execute(0, Put("before", "1")).status, ReplyStatus::kDone);
  EXPECT_TRUE(StopNode(2).ok());
  EXPECT_EQ(Execute(0, Put("meanwhile", "2")).status, ReplyStatus::kDone);
  StartNode(2);
  AwaitFullMesh();
  EXPECT_EQ(Execute(2, Get("before")).results[0].value, "1");
  EXPECT_EQ(Execute(2, Get("meanwhile")).results[0].value, "2");
}

TEST_F(DurableClusterTest, GivesAllNodesOneStateWhenTheyAreIdle) {
  StartAll();
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(Execute(static_cast<std::size_t>(i % 3),
                      Put("k" + std::to_string(i % 4), std::to_string(i)))
                  .status,
              ReplyStatus::kDone);
  }
  EXPECT_TRUE(RunUntil([&] {
    return nodes_[1]->replica_status().state_hash ==
               nodes_[0]->replica_status().state_hash &&
           nodes_[2]->replica_status().state_hash ==
               nodes_[0]->replica_status().state_hash;
  }));
}

TEST_F(DurableClusterTest, IsRefusedInADirectoryThatIsInUse) {
  StartNode(0);
  EXPECT_FALSE(Node::Open(config_, 0, {}).ok());
}

TEST_F(DurableClusterTest, FallsSilentWhenItsDiskFails) {
  absl::Status failure;
  NodeOptions options;
  options.store = std::make_unique<FailingStore>(
      StoreIdentity{.cluster_id = "demo", .node = ReplicaAt(0)}, 0);
  options.on_storage_failure = [&](const absl::Status& why) { failure = why; };
  StartNode(0, std::move(options));
  StartNode(1);
  StartNode(2);
  AwaitFullMesh();
  const auto probe = ConnectToClientPort(0);
  probe->Send(Hello{.cluster_id = "demo"});
  probe->Send(PutRequest(5, 1, "k", "v"));
  EXPECT_TRUE(RunUntil([&] { return !failure.ok(); }));
  EXPECT_EQ(failure.message(), "the disk is gone");
  EXPECT_TRUE(RunUntil([&] { return probe->ended(); }));
  EXPECT_EQ(probe->Find<ClientReplies>(), nullptr);
  EXPECT_FALSE(nodes_[0]->connected_to(1));
  EXPECT_EQ(StopNode(0).message(), "the disk is gone");
  // The others go on.
  EXPECT_EQ(Execute(1, Put("k", "w")).status, ReplyStatus::kDone);
}

// ---- older copies of a directory --------------------------------------------

class OlderCopyTest : public DurableClusterTest {
 protected:
  std::filesystem::path DirectoryOf(std::size_t index) const {
    return config_.nodes[index].directory;
  }
  void CopyDirectory(std::size_t index) {
    std::filesystem::copy(DirectoryOf(index), folder_ / "copy",
                          std::filesystem::copy_options::recursive);
  }
  void TakeCopy(std::size_t index) {
    std::filesystem::remove_all(DirectoryOf(index));
    std::filesystem::rename(folder_ / "copy", DirectoryOf(index));
  }
  void AwaitLine(const std::string& begin) {
    EXPECT_TRUE(RunUntil([&] {
      return std::ranges::any_of(log_, [&](const std::string& line) {
        return line.starts_with(begin);
      });
    })) << begin;
  }
  // Starts the node, which stops by itself and says `text`.
  void ExpectStops(std::size_t index, const std::string& text) {
    absl::Status why;
    NodeOptions options;
    options.on_storage_failure = [&](const absl::Status& failure) {
      why = failure;
    };
    StartNode(index, std::move(options));
    EXPECT_TRUE(RunUntil([&] { return !why.ok(); }));
    EXPECT_TRUE(absl::IsDataLoss(why)) << why;
    EXPECT_FALSE(StopNode(index).ok());
    EXPECT_TRUE(absl::StrContains(why.message(), text)) << why;
  }
};

// Nothing was written since the copy was made: its life gives it away.
TEST_F(OlderCopyTest, StopsForALifeThatPeersHaveSeen) {
  StartAll();
  EXPECT_TRUE(StopNode(2).ok());
  CopyDirectory(2);
  StartNode(2);
  AwaitFullMesh();
  EXPECT_TRUE(StopNode(2).ok());
  TakeCopy(2);
  ExpectStops(2, "of it in life 2");
}

// The copy was made while the node ran: as often started as the original, it
// remembers less than peers have heard of, who have restarted since.
TEST_F(OlderCopyTest, StopsForRecordsThatItHadToldOf) {
  StartAll();
  CopyDirectory(2);
  EXPECT_EQ(Execute(0, Put("k", "v")).status, ReplyStatus::kDone);
  EXPECT_EQ(Execute(2, Put("k", "w")).status, ReplyStatus::kDone);
  for (const std::size_t index : {2, 0, 1}) {
    EXPECT_TRUE(StopNode(index).ok());
  }
  TakeCopy(2);
  StartNode(1);
  ExpectStops(2, "is in life 2");
}

TEST_F(OlderCopyTest, StopsForADirectoryThatWasWiped) {
  StartAll();
  for (const std::size_t index : {2, 0}) EXPECT_TRUE(StopNode(index).ok());
  std::filesystem::remove_all(DirectoryOf(2));
  ExpectStops(2, "has lost its data");
  // Both say who refuses whom: who calls, and who is called.
  AwaitLine("peer r2 is down: it refuses us: node r3 comes with a new");
  AwaitLine("refuses node r3: node r3 comes with a new");
  std::filesystem::remove_all(DirectoryOf(0));
  ExpectStops(0, "has lost its data");
  AwaitLine("is refused by node r2: node r1 comes with a new");
  AwaitLine("peer r1 is down: we refuse it: node r1 comes with a new");
}

TEST_F(OlderCopyTest, DoesNothingBesideTheOriginal) {
  StartAll();
  EXPECT_EQ(Execute(2, Put("k", "v")).status, ReplyStatus::kDone);
  CopyDirectory(2);
  ClusterConfig twin_config = config_;
  const std::vector<std::uint16_t> ports = FreePorts(2);
  twin_config.nodes[2].directory = (folder_ / "copy").string();
  twin_config.nodes[2].peer.port = ports[0];
  twin_config.nodes[2].client.port = ports[1];
  absl::Status why;
  NodeOptions options;
  options.log = [this](const std::string& line) { log_.push_back(line); };
  options.on_storage_failure = [&](const absl::Status& failure) {
    why = failure;
  };
  auto twin = Node::Open(twin_config, 2, std::move(options));
  ASSERT_TRUE(twin.ok()) << twin.status();
  ASSERT_TRUE((*twin)->Start(&loop_).ok());
  nodes_[3] = *std::move(twin);
  EXPECT_TRUE(RunUntil([&] {
    return std::ranges::count_if(log_, [](const std::string& line) {
             return absl::StrContains(line, "copies of one directory");
           }) >= 2;
  }));
  EXPECT_TRUE(absl::StrContains(StatusOf(3), "\"phase\":\"meeting\""))
      << StatusOf(3);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Execute(i, Put("k", "w")).status, ReplyStatus::kDone);
  }
  // When the original has gone, it has less than that and stops.
  EXPECT_TRUE(StopNode(2).ok());
  EXPECT_TRUE(RunUntil([&] { return !why.ok(); }));
  EXPECT_FALSE(StopNode(3).ok());
  StartNode(2);
  AwaitFullMesh();
  EXPECT_EQ(Execute(2, Get("k")).results[0].value, "w");
}

TEST_F(DurableClusterTest, CanBeOpenedAndClosedWithoutServing) {
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(config_, 0, {});
  ASSERT_TRUE(node.ok()) << node.status();
  bool stopped = false;
  (*node)->Stop([&](const absl::Status& status) { stopped = status.ok(); });
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace quorate
