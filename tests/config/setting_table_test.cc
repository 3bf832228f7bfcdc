// The table of settings: that it is whole, and that words are equal when
// meanings are.
#include "replica/config/setting_table.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "wire/limits.h"
#include "wire/timers.h"

namespace quorate {
namespace {

std::string Nodes(int count, const std::string& more = "") {
  std::string text;
  for (int i = 1; i <= count; ++i) {
    const std::string n = std::to_string(i);
    text += "[[node]]\nname = \"r" + n +
            "\"\npeer = \"127.0.0.1:" + std::to_string(7100 + i) +
            "\"\nclient = \"127.0.0.1:" + std::to_string(7200 + i) +
            "\"\ndir = \"r" + n + "\"\n" + more;
  }
  return text;
}

// Those of `count` nodes that follow the first three.
std::string TailOf(int count, const std::string& more) {
  return Nodes(count, more).substr(Nodes(3, more).size());
}

ClusterConfig Parsed(const std::string& text) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(text, "cluster.toml");
  EXPECT_TRUE(config.ok()) << config.status() << "\n" << text;
  return config.ok() ? *config : ClusterConfig();
}

AgreedSettings Of(const std::string& text) {
  return AgreedSettingsOf(Parsed(text));
}

const std::string kOfEpaxos = "[cluster]\nid = \"demo\"\n";
const std::string kOfMultipaxos = kOfEpaxos + "protocol = \"multipaxos\"\n";
const std::string kOfBpaxos = kOfEpaxos + "protocol = \"bpaxos\"\n";

TEST(SettingTableTest, EveryRowIsWhole) {
  std::set<std::string_view> names;
  for (const SettingRow& row : SettingRows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.key().empty()) << row.name;
    EXPECT_EQ(row.value != nullptr, row.scope == SettingScope::kAgreed)
        << row.name;
    EXPECT_FALSE(row.about.empty()) << row.name;
    EXPECT_FALSE(row.why.empty()) << row.name;
    EXPECT_FALSE(row.Allowed().empty()) << row.name;
    EXPECT_EQ(row.of_file(), !row.name.starts_with(kReleasePrefix)) << row.name;
    EXPECT_EQ(row.of_file(), row.form.print != nullptr) << row.name;
    EXPECT_EQ(row.of_file(), !row.Default().empty()) << row.name;
  }
}

// A new setting of a known kind: a field, and this row.
TEST(SettingTableTest, OneRowIsAllThatASettingNeeds) {
  std::vector<SettingRow> rows(SettingRows().begin(), SettingRows().end());
  rows.push_back({"toy.most_waiting",
                  Number<&Settings::max_waiting_instances>(1, 99'999),
                  "how much may wait", SettingScope::kAgreed,
                  [](const ClusterConfig& config) {
                    return std::optional(
                        std::to_string(config.settings.max_waiting_instances));
                  },
                  "all play alike"});
  const std::string base = kOfEpaxos + Nodes(3);
  const auto parse = [&](const std::string& table) {
    return ParseConfigBy(rows, base + table, "c.toml");
  };
  // Read, with the table's own default where it is not there.
  EXPECT_EQ(parse("")->settings.max_waiting_instances,
            Settings().max_waiting_instances);
  const ClusterConfig config = *parse("[toy]\nmost_waiting = 9\n");
  EXPECT_EQ(config.settings.max_waiting_instances, 9u);
  // Refused by its limits, its type and its name.
  const auto error = [&](const std::string& line) {
    return std::string(parse("[toy]\n" + line + "\n").status().message());
  };
  EXPECT_EQ(error("most_waiting = 100000"),
            "config \"c.toml\" line 19: toy.most_waiting is 100000; choose a "
            "number from 1 to 99999");
  EXPECT_EQ(error("most_waiting = true"),
            "config \"c.toml\" line 19: toy.most_waiting is true or false, "
            "expected an integer");
  EXPECT_EQ(error("least = 1"),
            "config \"c.toml\" line 19: unknown key \"least\" in toy; known "
            "are most_waiting");
  EXPECT_FALSE(ParseConfig(base + "[toy]\n", "c.toml").ok());
  // Printed, and read back.
  const std::string text = FormatConfigBy(rows, config);
  EXPECT_NE(text.find("\n[toy]\nmost_waiting = 9\n"), std::string::npos)
      << text;
  EXPECT_EQ(FormatConfigBy(rows, *ParseConfigBy(rows, text, "again")), text);
  // Agreed on, and explained.
  const auto difference = FindDifference(AgreedSettingsOf(config, rows),
                                         AgreedSettingsOf(*parse(""), rows));
  ASSERT_TRUE(difference);
  EXPECT_EQ(difference->name, "toy.most_waiting");
  EXPECT_NE(SettingsPage(rows).find("| `toy.most_waiting` | `4096` | 1 to "
                                    "99999 | how much may wait | all play "
                                    "alike |\n"),
            std::string::npos);
}

TEST(SettingTableTest, TimersThatCanBeSetHaveOneDefault) {
  std::set<std::string_view> names;
  for (const Timer& timer : kTimers) {
    EXPECT_TRUE(names.insert(timer.name).second) << timer.name;
    EXPECT_FALSE(timer.what.empty()) << timer.name;
    if (timer.setting.empty()) continue;
    EXPECT_EQ(SettingRowOf(timer.setting).Default(),
              std::to_string(timer.value))
        << timer.name;
    EXPECT_TRUE(timer.setting.ends_with("_" + std::string(Name(timer.unit))))
        << timer.setting;
  }
}

TEST(SettingTableTest, TheMinimalFileIsOne) {
  const absl::StatusOr<ClusterConfig> config =
      ParseConfig(MinimalConfig(), "cluster.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->nodes.size(), 5u);
}

TEST(SettingTableTest, IsThePageInTheDocumentation) {
  const std::string path =
      std::string(QUORATE_SOURCE_DIR) + "/replica/docs/settings.md";
  if (std::getenv("QUORATE_UPDATE") != nullptr) {
    std::ofstream(path) << SettingsPage();
  }
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), SettingsPage())
      << "write it again with QUORATE_UPDATE=1 config_test";
}

TEST(SettingTableTest, FitsIntoAHandshake) {
  std::size_t bytes = 0;
  for (const AgreedSetting& setting : Of(kOfBpaxos + Nodes(9))) {
    bytes += setting.name.size() + setting.value.size() + 32;
  }
  EXPECT_LT(bytes, kMaxHandshakeFrameBytes / 2);
}

TEST(SettingTableTest, NamesTooLongForAHandshakeAreRefused) {
  std::string text = kOfEpaxos + Nodes(3);
  const std::string name = "\"r2\"\npeer";
  text.replace(text.find(name), name.size(),
               "\"" + std::string(4000, 'r') + "\"\npeer");
  const absl::StatusOr<ClusterConfig> config = ParseConfig(text, "c.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_NE(std::string(config.status().message()).find("shorten them"),
            std::string::npos)
      << config.status();
}

// ---- equal meanings ---------------------------------------------------------

struct Pair {
  std::string a;
  std::string b;
};

TEST(SettingTableTest, EqualMeaningsHaveEqualWords) {
  const Pair equal[] = {
      {kOfEpaxos + Nodes(5), kOfEpaxos + "[protocol]\nfaults = 2\n" + Nodes(5)},
      {kOfEpaxos + Nodes(5),
       kOfEpaxos + "[protocol]\nfast_faults = 2\n" + Nodes(5)},
      // Private ones.
      {kOfEpaxos + Nodes(3),
       kOfEpaxos +
           "[protocol]\nthrifty = true\nretained_bytes = 1\n"
           "max_in_flight = 2\n[batch]\nmax_commands = 1\n" +
           Nodes(3)},
      // Of no use to the protocol.
      {kOfMultipaxos + Nodes(3),
       kOfMultipaxos + "[protocol]\nlazy_fast_commit = true\n" + Nodes(3)},
      {kOfEpaxos + Nodes(3),
       kOfEpaxos + "[paxos]\nphase1 = \"size 3\"\n" + Nodes(3)},
      // Two ways to write quorums.
      {kOfMultipaxos + Nodes(5),
       kOfMultipaxos +
           "[paxos]\nphase1 = \"size 3\"\nphase2 = \"weights 1 1 1 "
           "1 1\"\n" +
           Nodes(5)},
      {kOfMultipaxos + "[paxos]\nphase1 = \"rows 1x5\"\nphase2 = \"size 1\"\n" +
           Nodes(5),
       kOfMultipaxos +
           "[paxos]\nphase1 = \"size 5\"\nphase2 = \"columns 1x5\"" + "\n" +
           Nodes(5)},
      // Every role, and one part, said or not.
      {kOfBpaxos + Nodes(3),
       kOfBpaxos + Nodes(3,
                         "roles = [\"leader\", \"depsvc\", \"acceptor\", "
                         "\"executor\"]\ndepsvc_shard = 1\n")},
      {kOfBpaxos + Nodes(3), kOfBpaxos + "[protocol]\nfaults = 1\n" + Nodes(3)},
  };
  for (const auto& [a, b] : equal) {
    const auto difference = FindDifference(Of(a), Of(b));
    EXPECT_FALSE(difference)
        << Assignment(difference->name, difference->here) << " and "
        << Assignment(difference->name, difference->there) << "\n"
        << b;
    EXPECT_EQ(DigestOf(Of(a)), DigestOf(Of(b)));
  }
}

TEST(SettingTableTest, OtherMeaningsAreNamed) {
  struct Case {
    std::string base;
    std::string other;
    std::string says;
  };
  const Case cases[] = {
      {kOfEpaxos + Nodes(3), kOfMultipaxos + Nodes(3),
       "cluster.protocol = \"epaxos\", cluster.protocol = \"multipaxos\""},
      {kOfEpaxos + Nodes(3), kOfEpaxos + Nodes(5),
       "node.name = \"r1 r2 r3\", node.name = \"r1 r2 r3 r4 r5\""},
      {kOfEpaxos + Nodes(3), kOfEpaxos + "durability = \"memory\"\n" + Nodes(3),
       "cluster.durability = \"fsync\", cluster.durability = \"memory\""},
      {kOfEpaxos + Nodes(5), kOfEpaxos + "[protocol]\nfaults = 1\n" + Nodes(5),
       "protocol.faults = \"2\", protocol.faults = \"1\""},
      {kOfEpaxos + Nodes(5),
       kOfEpaxos + "[protocol]\nfast_faults = 1\n" + Nodes(5),
       "protocol.fast_faults = \"2\", protocol.fast_faults = \"1\""},
      {kOfEpaxos + Nodes(3),
       kOfEpaxos + "[protocol]\nfast_path = \"atlas\"\n" + Nodes(3),
       "protocol.fast_path = \"epaxos\", protocol.fast_path = \"atlas\""},
      {kOfEpaxos + Nodes(3),
       kOfEpaxos + "[protocol]\nlazy_fast_commit = true\n" + Nodes(3),
       "protocol.lazy_fast_commit = \"false\", protocol.lazy_fast_commit = "
       "\"true\""},
      {kOfEpaxos + Nodes(3),
       kOfEpaxos + "[protocol]\nconflicts = \"rw\"\n" + Nodes(3),
       "protocol.conflicts = \"op\", protocol.conflicts = \"rw\""},
      {kOfEpaxos + Nodes(3),
       kOfEpaxos + "[protocol]\nretained_bytes = 0\n" + Nodes(3),
       "protocol.retained_bytes = \"members that lag are left out\", "
       "protocol.retained_bytes = \"nobody is left out\""},
      {kOfMultipaxos + Nodes(5),
       kOfMultipaxos + "[paxos]\nphase1 = \"size 4\"\nphase2 = \"size 2\"\n" +
           Nodes(5),
       "paxos.phase1 = \"majority\", paxos.phase1 = \"size 4\""},
      {kOfBpaxos + Nodes(5),
       kOfBpaxos + "[paxos]\ndependencies = \"size 4\"\n" + Nodes(5),
       "protocol.faults = \"2\", protocol.faults = \"1\""},
      {kOfBpaxos + Nodes(6),
       kOfBpaxos + Nodes(3, "depsvc_shard = 1\n") +
           TailOf(6, "depsvc_shard = 2\n"),
       "protocol.faults = \"2\", protocol.faults = \"1\""},
      {kOfBpaxos + "[protocol]\nfaults = 1\n" + Nodes(6),
       kOfBpaxos + "[protocol]\nfaults = 1\n" + Nodes(3, "depsvc_shard = 1\n") +
           TailOf(6, "depsvc_shard = 2\n"),
       "node.depsvc_shard = \"one\", node.depsvc_shard = \"r1 r2 r3 / r4 r5 "
       "r6\""},
      {kOfBpaxos + Nodes(3),
       kOfBpaxos + Nodes(3) + "roles = [\"depsvc\", \"acceptor\"]\n",
       "node.roles = \"leader: all; depsvc: all; acceptor: all; executor: "
       "all\", node.roles = \"leader: r1 r2; depsvc: all; acceptor: all; "
       "executor: r1 r2\""},
  };
  for (const Case& each : cases) {
    const auto difference = FindDifference(Of(each.base), Of(each.other));
    ASSERT_TRUE(difference) << each.says;
    EXPECT_EQ(Assignment(difference->name, difference->here) + ", " +
                  Assignment(difference->name, difference->there),
              each.says);
    EXPECT_NE(DigestOf(Of(each.base)), DigestOf(Of(each.other)));
  }
}

TEST(FindDifferenceTest, AlsoNamesWhatOneSideDoesNotSay) {
  const AgreedSettings one = {{"a", "1"}, {"b", "2"}};
  const AgreedSettings more = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  EXPECT_FALSE(FindDifference(one, one));
  const auto lacks = FindDifference(one, more);
  ASSERT_TRUE(lacks);
  EXPECT_EQ(Assignment(lacks->name, lacks->here), "no c");
  EXPECT_EQ(Assignment(lacks->name, lacks->there), "c = \"3\"");
  EXPECT_EQ(FindDifference(more, one)->there, std::nullopt);
  EXPECT_NE(DigestOf(one), DigestOf(more));
  // No two lists run together.
  EXPECT_NE(DigestOf({{"a", "1b"}}), DigestOf({{"a", "1"}, {"b", ""}}));
}

}  // namespace
}  // namespace quorate
