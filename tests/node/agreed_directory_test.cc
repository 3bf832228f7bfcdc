// A directory keeps what its cluster has agreed on: with any other value of any
// agreed setting no node starts in it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "replica/config/config.h"
#include "replica/config/setting_table.h"
#include "replica/node/node.h"
#include "storage/descriptor.h"
#include "storage/sqlite_store.h"

namespace quorate {
namespace {

namespace fs = std::filesystem;

std::string NodesTo(int count, const std::string& more = "", int from = 1) {
  std::string text;
  for (int i = from; i <= count; ++i) {
    const std::string n = std::to_string(i);
    text += "[[node]]\nname = \"r" + n + "\"\npeer = \"127.0.0.1:71" + n +
            "\"\nclient = \"127.0.0.1:72" + n + "\"\ndir = \"r" + n + "\"\n" +
            more;
  }
  return text;
}

std::string SixNodes(const std::string& first, const std::string& last) {
  return NodesTo(3, first) + NodesTo(6, last, 4);
}

const std::string kOfId = "[cluster]\nid = \"demo\"\n";
const std::string kMultipaxos = kOfId + "protocol = \"multipaxos\"\n";
const std::string kBpaxos = kOfId + "protocol = \"bpaxos\"\n";
const std::string kOneFault = "[protocol]\nfaults = 1\n";

// The row, the file that a directory was written with, and the one of the next
// start; the same where the value is the program's.
struct Change {
  std::string_view row;
  std::string before;
  std::string after;
};

const Change kChanges[] = {
    {"cluster.id", kOfId + NodesTo(3),
     "[cluster]\nid = \"other\"\n" + NodesTo(3)},
    {"cluster.protocol", kOfId + NodesTo(3), kMultipaxos + NodesTo(3)},
    {"node.name", kOfId + NodesTo(3), kOfId + NodesTo(5)},
    {"cluster.durability", kOfId + NodesTo(3),
     kOfId + "durability = \"memory\"\n" + NodesTo(3)},
    {"protocol.fast_path", kOfId + NodesTo(3),
     kOfId + "[protocol]\nfast_path = \"atlas\"\n" + NodesTo(3)},
    {"protocol.faults", kOfId + NodesTo(5), kOfId + kOneFault + NodesTo(5)},
    {"protocol.fast_faults", kOfId + NodesTo(5),
     kOfId + "[protocol]\nfast_faults = 1\n" + NodesTo(5)},
    {"protocol.lazy_fast_commit", kOfId + NodesTo(3),
     kOfId + "[protocol]\nlazy_fast_commit = true\n" + NodesTo(3)},
    {"protocol.conflicts", kOfId + NodesTo(3),
     kOfId + "[protocol]\nconflicts = \"rw\"\n" + NodesTo(3)},
    {"protocol.retained_bytes", kOfId + NodesTo(3),
     kOfId + "[protocol]\nretained_bytes = 0\n" + NodesTo(3)},
    {"paxos.phase1",
     kMultipaxos + "[paxos]\nphase1 = \"size 3\"\n" + NodesTo(5),
     kMultipaxos + "[paxos]\nphase1 = \"size 4\"\n" + NodesTo(5)},
    {"paxos.phase2",
     kMultipaxos + "[paxos]\nphase1 = \"size 4\"\n" + NodesTo(5),
     kMultipaxos + "[paxos]\nphase1 = \"size 4\"\nphase2 = \"size 2\"\n" +
         NodesTo(5)},
    {"paxos.dependencies", kBpaxos + kOneFault + NodesTo(5),
     kBpaxos + kOneFault + "[paxos]\ndependencies = \"size 4\"\n" + NodesTo(5)},
    {"node.roles", kBpaxos + NodesTo(3),
     kBpaxos + NodesTo(3) + "roles = [\"depsvc\", \"acceptor\"]\n"},
    {"node.depsvc_shard", kBpaxos + kOneFault + NodesTo(6),
     kBpaxos + kOneFault +
         SixNodes("depsvc_shard = 1\n", "depsvc_shard = 2\n")},
    {"node.acceptor_group", kBpaxos + kOneFault + NodesTo(6),
     kBpaxos + kOneFault +
         SixNodes("acceptor_group = 1\n", "acceptor_group = 2\n")},
    {"results.command_bytes", kOfId + NodesTo(3),
     kOfId + NodesTo(3) + "[results]\ncommand_bytes = 2097152\n"},
    {"results.kept_bytes", kOfId + NodesTo(3),
     kOfId + NodesTo(3) + "[results]\nkept_bytes = 1000\n"},
    {"release.limits", kOfId + NodesTo(3), kOfId + NodesTo(3)},
    {"release.conflict_table", kOfId + NodesTo(3), kOfId + NodesTo(3)},
};

class AgreedDirectoryTest : public testing::Test {
 protected:
  AgreedDirectoryTest() { fs::remove_all(folder_); }
  ~AgreedDirectoryTest() override { fs::remove_all(folder_); }

  ClusterConfig Parse(const std::string& text) const {
    absl::StatusOr<ClusterConfig> config = ParseConfig(text, "cluster.toml");
    EXPECT_TRUE(config.ok()) << config.status() << "\n" << text;
    if (!config.ok()) return {};
    config->nodes[0].directory = directory_;
    return *std::move(config);
  }
  // What r1 has written, with one record at least.
  void WriteWith(const ClusterConfig& config, const AgreedSettings& settings) {
    fs::remove_all(folder_);
    const absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(directory_, {.cluster_id = config.cluster_id,
                                       .node_name = config.nodes[0].name,
                                       .incarnation = 7,
                                       .settings = settings});
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Append("a record", 1).ok());
    ASSERT_TRUE((*store)->Close().ok());
  }
  absl::Status StartWith(const ClusterConfig& config) {
    return Node::Open(config, 0, {}).status();
  }

  const std::string folder_ =
      testing::TempDir() + "/agreed-" + std::to_string(getpid());
  const std::string directory_ = folder_ + "/r1";
};

TEST_F(AgreedDirectoryTest, IsRefusedWithAnyOtherValueOfAnyAgreedSetting) {
  std::set<std::string_view> rows;
  for (const Change& change : kChanges) {
    rows.insert(change.row);
    const ClusterConfig before = Parse(change.before);
    const ClusterConfig after = Parse(change.after);
    AgreedSettings had = AgreedSettingsOf(before);
    for (AgreedSetting& setting : had) {
      if (change.before == change.after && setting.name == change.row) {
        setting.value += "x";
      }
    }
    const auto difference = FindDifference(had, AgreedSettingsOf(after));
    ASSERT_TRUE(difference) << change.row;
    EXPECT_EQ(difference->name, change.row);
    WriteWith(before, had);
    const absl::Status status = StartWith(after);
    EXPECT_TRUE(absl::IsFailedPrecondition(status))
        << change.row << ": " << status;
    // Both values and what to do, and the name: a cluster's is said in words.
    const bool is_id = change.row == "cluster.id";
    for (const std::optional<std::string>& value :
         {difference->here, difference->there}) {
      EXPECT_TRUE(absl::StrContains(
          status.message(),
          is_id ? "\"" + *value + "\"" : Assignment(change.row, value)))
          << status;
    }
    EXPECT_TRUE(absl::StrContains(
        status.message(), is_id ? "the `id` under [cluster]"
                          : difference->of_release() ? "start the release"
                                                     : kFixedFromTheFirst))
        << status;
  }
  for (const SettingRow& row : SettingRows()) {
    if (row.scope != SettingScope::kAgreed) continue;
    EXPECT_TRUE(rows.contains(row.name)) << row.name << " has no case here";
  }
}

// Whatever is left of what had been written.
TEST_F(AgreedDirectoryTest, IsNotForgottenInMemoryByAnyOfItsFiles) {
  const ClusterConfig fsync = Parse(kOfId + NodesTo(3));
  const ClusterConfig memory =
      Parse(kOfId + "durability = \"memory\"\n" + NodesTo(3));
  for (const char* name :
       {"node.db", "node.db-wal", "identity", "mark", "peers"}) {
    fs::remove_all(folder_);
    fs::create_directories(directory_);
    std::ofstream(directory_ + "/" + name) << "x";
    EXPECT_TRUE(absl::IsFailedPrecondition(StartWith(memory))) << name;
  }
  // A log beside it is nobody's data.
  fs::remove_all(folder_);
  fs::create_directories(directory_);
  std::ofstream(directory_ + "/r1.log") << "r1: serving\n";
  EXPECT_TRUE(StartWith(memory).ok());
  // The reverse is a beginning: nodes in memory leave nothing behind.
  EXPECT_TRUE(StartWith(fsync).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(StartWith(memory)));
}

}  // namespace
}  // namespace quorate
