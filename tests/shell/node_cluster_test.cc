// Whole clusters that write to disk.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "storage/memory_store.h"
#include "tests/shell/harness.h"

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

TEST_F(DurableClusterTest, CanBeOpenedAndClosedWithoutServing) {
  absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(config_, 0, {});
  ASSERT_TRUE(node.ok()) << node.status();
  bool stopped = false;
  (*node)->Stop([&](const absl::Status& status) { stopped = status.ok(); });
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace quorate
