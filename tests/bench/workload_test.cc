#include "experiments/bench/workload.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "wire/commutation.h"

namespace quorate::bench {
namespace {

std::string ToText(std::span<const Operation> operations) {
  std::string text;
  for (const Operation& operation : operations) {
    text += std::string(Name(operation.kind)) + " " +
            std::string(operation.key) + " " + std::string(operation.value) +
            " " + std::string(operation.expected) + " " +
            std::to_string(operation.number) + ";";
  }
  return text;
}

std::map<OperationKind, int> CountKinds(const WorkloadSpec& spec,
                                        int commands) {
  CommandSource source(spec, 1, 4, 1, false);
  std::map<OperationKind, int> counts;
  for (int i = 0; i < commands; ++i) {
    const auto operations = source.Next(static_cast<std::size_t>(i % 4));
    ++counts[operations.back().kind];
  }
  return counts;
}

TEST(WorkloadTest, AStreamDependsOnSeedAndClientAlone) {
  const WorkloadSpec spec{.conflict = 20, .reads = 30, .adds = 10};
  CommandSource in_turn(spec, 7, 3, 2, true);
  std::vector<std::string> first;
  for (int i = 0; i < 300; ++i) {
    const std::string text =
        ToText(in_turn.Next(static_cast<std::size_t>(i % 3)));
    if (i % 3 == 1) first.push_back(text);
  }
  CommandSource alone(spec, 7, 3, 2, true);
  for (const std::string& text : first) EXPECT_EQ(ToText(alone.Next(1)), text);
}

TEST(WorkloadTest, SeedsAndClientsDiffer) {
  const WorkloadSpec spec{.distribution = KeyChoice::kUniform};
  CommandSource one(spec, 1, 2, 1, false);
  CommandSource two(spec, 2, 2, 1, false);
  std::set<std::string> keys;
  for (int i = 0; i < 10; ++i) {
    for (std::size_t client : {0, 1}) {
      keys.insert(std::string(one.Next(client)[0].key));
      keys.insert(std::string(two.Next(client)[0].key));
    }
  }
  EXPECT_GT(keys.size(), 35u);  // 40 draws from 100,000 keys
}

TEST(WorkloadTest, TheConflictShareGoesToOneKeyAndTheRestToNobodyElses) {
  constexpr int kClients = 10;
  CommandSource source({.conflict = 25, .keys = 1000}, 1, kClients, 4, false);
  int hot = 0;
  std::map<std::string, std::set<int>> users;
  for (int i = 0; i < 40'000; ++i) {
    const int client = i % kClients;
    const auto operations = source.Next(static_cast<std::size_t>(client));
    const std::string key(operations[0].key);
    if (key == "k0000000") {
      ++hot;
    } else {
      users[key].insert(client);
    }
  }
  EXPECT_NEAR(hot, 10'000, 500);
  for (const auto& [key, clients] : users) {
    EXPECT_EQ(clients.size(), 1u) << key;
  }
  EXPECT_GT(users.size(), 900u);
}

TEST(WorkloadTest, AFullPipelineHasNoKeyTwice) {
  constexpr std::size_t kPipeline = 50;
  CommandSource source({.conflict = 0, .keys = 10}, 1, 3, kPipeline, false);
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i) {
    keys.emplace_back(source.Next(1)[0].key);
    const std::size_t from =
        keys.size() > kPipeline ? keys.size() - kPipeline : 0;
    const std::set<std::string> last(keys.begin() + static_cast<long>(from),
                                     keys.end());
    EXPECT_EQ(last.size(), keys.size() - from);
  }
}

TEST(WorkloadTest, FullConflictUsesTheHotKeyOnly) {
  CommandSource source({.conflict = 100}, 1, 2, 1, false);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(source.Next(static_cast<std::size_t>(i % 2))[0].key, "k0000000");
  }
}

TEST(WorkloadTest, OperationsComeInTheirShares) {
  const auto counts = CountKinds(
      {.conflict = 10, .reads = 40, .adds = 15, .cas = 10, .appends = 5},
      100'000);
  EXPECT_NEAR(counts.at(OperationKind::kGet), 40'000, 1'000);
  EXPECT_NEAR(counts.at(OperationKind::kAdd), 15'000, 700);
  EXPECT_NEAR(counts.at(OperationKind::kCompareAndSet), 10'000, 600);
  EXPECT_NEAR(counts.at(OperationKind::kAppend), 5'000, 400);
  EXPECT_NEAR(counts.at(OperationKind::kPut), 30'000, 1'000);
}

TEST(WorkloadTest, ZipfKeysAreSharedAndSkewed) {
  CommandSource source(
      {.distribution = KeyChoice::kZipf, .zipf = 0.99, .keys = 1000}, 1, 5, 1,
      false);
  std::map<std::string, int> counts;
  for (int i = 0; i < 50'000; ++i) {
    ++counts[std::string(source.Next(static_cast<std::size_t>(i % 5))[0].key)];
  }
  const Zipf law(1000, 0.99);
  EXPECT_NEAR(counts["k0000000"], 50'000 * law.Probability(0), 400);
  EXPECT_NEAR(counts["k0000001"], 50'000 * law.Probability(1), 300);
}

TEST(WorkloadTest, UniqueValuesNeverRepeat) {
  CommandSource source({.distribution = KeyChoice::kUniform,
                        .cas = 20,
                        .appends = 20,
                        .value_size = 1},
                       1, 8, 1, /*unique_values=*/true);
  std::set<std::string> values;
  for (int i = 0; i < 20'000; ++i) {
    const auto operations = source.Next(static_cast<std::size_t>(i % 8));
    EXPECT_TRUE(values.insert(std::string(operations[0].value)).second);
  }
}

TEST(WorkloadTest, ValuesHaveTheSizeAskedFor) {
  for (std::uint64_t size : {0, 1, 8, 16, 100, 5000}) {
    CommandSource source({.value_size = size}, 1, 1, 1, false);
    EXPECT_EQ(source.Next(0)[0].value.size(), size);
  }
}

TEST(WorkloadTest, CompareAndSetExpectsWhatTheClientSawLast) {
  CommandSource source(
      {.distribution = KeyChoice::kUniform, .cas = 100, .keys = 1}, 1, 2, 1,
      true);
  EXPECT_EQ(source.Next(0)[0].expected, "");
  source.Observe(0, "k0000000", "seen");
  EXPECT_EQ(source.Next(0)[0].expected, "seen");
  EXPECT_EQ(source.Next(1)[0].expected, "");
}

TEST(WorkloadTest, CountersAndListsAreReadButNeverPut) {
  CommandSource source({.distribution = KeyChoice::kUniform,
                        .reads = 50,
                        .adds = 25,
                        .appends = 25,
                        .keys = 5},
                       1, 1, 1, true);
  std::map<char, std::set<OperationKind>> kinds;
  for (int i = 0; i < 1000; ++i) {
    const auto operations = source.Next(0);
    kinds[operations[0].key[0]].insert(operations[0].kind);
  }
  using Kinds = std::set<OperationKind>;
  EXPECT_EQ(kinds['n'], (Kinds{OperationKind::kGet, OperationKind::kAdd}));
  EXPECT_EQ(kinds['a'], (Kinds{OperationKind::kGet, OperationKind::kAppend}));
  EXPECT_EQ(kinds.count('k'), 0u);
}

TEST(WorkloadTest, InsertsUseKeysThatNobodyHasUsed) {
  CommandSource source(
      {.distribution = KeyChoice::kLatest, .inserts = 100, .keys = 100}, 1, 3,
      1, false);
  std::set<std::string> keys;
  for (int i = 0; i < 300; ++i) {
    const std::string key(source.Next(static_cast<std::size_t>(i % 3))[0].key);
    EXPECT_GE(key, "k0000064");
    EXPECT_TRUE(keys.insert(key).second);
  }
}

TEST(WorkloadTest, PreloadPutsEveryKeyOnce) {
  CommandSource source(*FindPreset("c"), 1, 1, 1, false);
  std::set<std::string> keys;
  for (std::uint64_t i = 0; source.Preload(i) != nullptr; ++i) {
    keys.insert(std::string(source.Preload(i)->key));
  }
  EXPECT_EQ(keys.size(), source.spec().keys);
  EXPECT_TRUE(keys.contains(std::string(source.Next(0)[0].key)));
}

TEST(WorkloadTest, PrefixedKeysKeepTheirForm) {
  CommandSource source({.conflict = 100, .key_prefix = "run7:"}, 1, 1, 1, true);
  EXPECT_EQ(source.Next(0)[0].key, "run7:k0000000");
}

TEST(WorkloadTest, ScansStayAmongTheRunsOwnRegisters) {
  CommandSource source({.distribution = KeyChoice::kUniform,
                        .scans = 100,
                        .scan_rows = 10,
                        .key_prefix = "p:"},
                       1, 1, 1, false);
  for (int i = 0; i < 100; ++i) {
    const Operation scan = source.Next(0)[0];
    EXPECT_EQ(scan.key.substr(0, 3), "p:k");
    EXPECT_EQ(scan.value, "p:l");
    EXPECT_GE(scan.number, 1);
    EXPECT_LE(scan.number, 10);
  }
}

TEST(WorkloadTest, PresetsAreTheMixesOfYcsb) {
  EXPECT_EQ(FindPreset("a")->reads, 50);
  EXPECT_EQ(FindPreset("b")->puts(), 5);
  EXPECT_EQ(FindPreset("c")->reads, 100);
  EXPECT_EQ(FindPreset("d")->distribution, KeyChoice::kLatest);
  EXPECT_EQ(FindPreset("e")->scans, 95);
  EXPECT_EQ(FindPreset("f")->read_modify_writes, 50);
  EXPECT_FALSE(FindPreset("g").has_value());
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    EXPECT_TRUE(Validate(*FindPreset(name)).ok()) << name;
  }
}

TEST(WorkloadTest, AReadModifyWriteIsOneCommandOnOneKey) {
  CommandSource source(
      {.distribution = KeyChoice::kUniform, .read_modify_writes = 100}, 1, 1, 1,
      false);
  const auto operations = source.Next(0);
  ASSERT_EQ(operations.size(), 2u);
  EXPECT_EQ(operations[0].kind, OperationKind::kGet);
  EXPECT_EQ(operations[1].kind, OperationKind::kPut);
  EXPECT_EQ(operations[0].key, operations[1].key);
}

TEST(WorkloadFileTest, ReadsTheFieldsByName) {
  const auto spec = ParseWorkload(
      "name = \"orders\"\nzipf = 0.8\nreads = 90\nkeys = 500\n"
      "value_size = 64\npreload = true\n",
      "orders.toml");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->name, "orders");
  EXPECT_EQ(spec->distribution, KeyChoice::kZipf);
  EXPECT_EQ(spec->zipf, 0.8);
  EXPECT_EQ(spec->reads, 90);
  EXPECT_EQ(spec->keys, 500u);
  EXPECT_EQ(spec->value_size, 64u);
  EXPECT_TRUE(spec->preload);
}

TEST(WorkloadFileTest, NamesFileLineAndRemedyOfAMisspeltField) {
  const auto spec = ParseWorkload("reads = 5\nvalue_sise = 3\n", "w.toml");
  ASSERT_FALSE(spec.ok());
  const std::string message(spec.status().message());
  EXPECT_NE(message.find("\"w.toml\", line 2"), std::string::npos) << message;
  EXPECT_NE(message.find("\"value_sise\""), std::string::npos) << message;
  EXPECT_NE(message.find("value_size"), std::string::npos) << message;
}

TEST(WorkloadFileTest, RefusesWhatIsNotToml) {
  EXPECT_FALSE(ParseWorkload("reads = = 5", "w.toml").ok());
}

TEST(WorkloadFileTest, RefusesSharesOverAHundred) {
  EXPECT_FALSE(ParseWorkload("reads = 70\nadds = 40", "w.toml").ok());
}

TEST(WorkloadFileTest, RefusesNumbersOutOfRange) {
  for (const char* text :
       {"keys = 0", "keys = -5", "conflict = 101", "value_size = 100000000",
        "zipf = -1", "scan_rows = 0", "keys = \"many\""}) {
    EXPECT_FALSE(ParseWorkload(text, "w.toml").ok()) << text;
  }
}

}  // namespace
}  // namespace quorate::bench
