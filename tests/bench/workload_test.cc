#include "experiments/bench/workload.h"

#include <algorithm>
#include <iterator>
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
  const WorkloadSpec spec{
      .conflict = 20,
      .mix = {{OperationKind::kGet, 30}, {OperationKind::kAdd, 10}}};
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
  const auto counts = CountKinds({.conflict = 10,
                                  .mix = {{OperationKind::kGet, 40},
                                          {OperationKind::kAdd, 15},
                                          {OperationKind::kCompareAndSet, 10},
                                          {OperationKind::kAppend, 5}}},
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
                        .mix = {{OperationKind::kCompareAndSet, 20},
                                {OperationKind::kAppend, 20}},
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
  CommandSource source({.distribution = KeyChoice::kUniform,
                        .mix = {{OperationKind::kCompareAndSet, 100}},
                        .keys = 1},
                       1, 2, 1, true);
  EXPECT_EQ(source.Next(0)[0].expected, "");
  source.Observe(0, "k0000000", "seen");
  EXPECT_EQ(source.Next(0)[0].expected, "seen");
  EXPECT_EQ(source.Next(1)[0].expected, "");
}

TEST(WorkloadTest, CountersAndListsAreReadButNeverPut) {
  CommandSource source({.distribution = KeyChoice::kUniform,
                        .mix = {{OperationKind::kGet, 50},
                                {OperationKind::kAdd, 25},
                                {OperationKind::kAppend, 25}},
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

// Acknowledged late and out of order, some never: what is read is always there.
TEST(WorkloadTest, LatestReadsOnlyKeysWhoseInsertsWereAcknowledged) {
  WorkloadSpec spec = *FindPreset("d");
  spec.keys = 500;
  spec.inserts = 30;
  spec.mix[OperationKind::kGet] = 70;
  constexpr std::size_t kClients = 7;
  CommandSource source(spec, 3, kClients, 1, false);
  std::set<std::string> there;
  for (std::uint64_t i = 0; const Operation* put = source.Preload(i); ++i) {
    there.insert(std::string(put->key));
  }
  EXPECT_EQ(there.size(), 500u);
  std::vector<std::pair<std::string, std::uint32_t>> under_way;
  Random random(5);
  int of_inserts = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Operation operation =
        source.Next(static_cast<std::size_t>(i) % kClients)[0];
    if (operation.kind == OperationKind::kPut) {
      ASSERT_TRUE(source.inserted().has_value());
      under_way.emplace_back(operation.key, *source.inserted());
    } else {
      EXPECT_FALSE(source.inserted().has_value());
      EXPECT_TRUE(there.contains(std::string(operation.key)))
          << operation.key << " after " << i;
      of_inserts += operation.key[1] > 'F';  // no digit of a shared key
    }
    while (under_way.size() > 20) {
      const std::size_t at = random.Below(under_way.size());
      if (random.Below(10) > 0) {  // else it was refused
        source.NoteInserted(under_way[at].second);
        there.insert(under_way[at].first);
      }
      under_way.erase(under_way.begin() + static_cast<long>(at));
    }
  }
  // The newest are the ones that are read.
  EXPECT_GT(of_inserts, 10'000);
}

TEST(WorkloadTest, LatestWithoutAPreloadReadsInsertsAsSoonAsThereAreSome) {
  WorkloadSpec spec = *FindPreset("d");
  spec.preload = false;
  spec.keys = 10;
  CommandSource source(spec, 1, 1, 1, false);
  std::set<std::string> there;
  for (int i = 0; i < 1000; ++i) {
    const Operation operation = source.Next(0)[0];
    if (operation.kind != OperationKind::kGet) {
      source.NoteInserted(*source.inserted());
      there.insert(std::string(operation.key));
    } else if (!there.empty()) {
      EXPECT_TRUE(there.contains(std::string(operation.key))) << operation.key;
    }
  }
  EXPECT_GT(there.size(), 20u);
}

// Two runs beside each other, each with a seed of its own.
TEST(WorkloadTest, RunsOfDifferentSeedsShareTheHotKeyAlone) {
  const WorkloadSpec spec{.conflict = 10, .keys = 1000};
  std::set<std::string> keys[2];
  for (std::uint64_t run : {0, 1}) {
    CommandSource source(spec, 1000 + run, 4, 2, false);
    for (std::size_t i = 0; i < 4000; ++i) {
      keys[run].insert(std::string(source.Next(i % 4)[0].key));
    }
  }
  std::vector<std::string> both;
  std::ranges::set_intersection(keys[0], keys[1], std::back_inserter(both));
  EXPECT_EQ(both, std::vector<std::string>{"k0000000"});
}

TEST(WorkloadTest, InsertsOfDifferentSeedsDoNotMeet) {
  const WorkloadSpec spec{
      .distribution = KeyChoice::kUniform, .inserts = 100, .keys = 100};
  CommandSource one(spec, 1, 1, 1, false);
  CommandSource two(spec, 2, 1, 1, false);
  EXPECT_NE(one.Next(0)[0].key, two.Next(0)[0].key);
}

TEST(WorkloadTest, OwnKeysAreOrderedAndNoneIsShared) {
  char key[kKeyBytes];
  std::string last;
  for (std::uint64_t i = 0; i < (1ull << kOwnKeyBits); i += 1ull << 28) {
    WriteOwnKey(KeyKind::kRegister, i, key);
    const std::string own(key, kKeyBytes);
    EXPECT_GT(own, last);
    EXPECT_GT(own, "kFFFFFFF");
    EXPECT_EQ(std::string_view("0123456789abcdef").find(own[1]),
              std::string_view::npos);
    last = own;
  }
}

TEST(WorkloadTest, PiecesOfTheKeySpaceHardlyEverMeet) {
  std::vector<std::uint64_t> begins;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    begins.push_back(KeySpace(seed));
  }
  std::ranges::sort(begins);
  int meet = 0;
  for (std::size_t i = 1; i < begins.size(); ++i) {
    meet += begins[i] - begins[i - 1] < 100'000;
  }
  EXPECT_LE(meet, 2);  // 0.02 are expected
}

// Whatever a workload reads without a miss must have been put: every key that
// it may ask for, of every table.
TEST(WorkloadTest, ThePreloadHasEveryKeyThatIsRead) {
  for (const WorkloadSpec& spec :
       {WorkloadSpec{
            .conflict = 10, .mix = {{OperationKind::kGet, 50}}, .keys = 100},
        WorkloadSpec{
            .conflict = 0, .mix = {{OperationKind::kGet, 100}}, .keys = 3},
        WorkloadSpec{.distribution = KeyChoice::kZipf,
        .mix = {{OperationKind::kGet, 60},
                {OperationKind::kAdd, 10},
                {OperationKind::kAppend, 10}},
        .keys = 50},
        WorkloadSpec{.distribution = KeyChoice::kUniform,
        .mix = {{OperationKind::kScan, 50}},
        .read_modify_writes = 50,
        .keys = 50}}) {
    CommandSource source(spec, 1, 10, 4, false);
    std::set<std::string> there;
    for (std::uint64_t i = 0; const Operation* put = source.Preload(i); ++i) {
      EXPECT_TRUE(there.insert(std::string(put->key)).second) << put->key;
    }
    EXPECT_EQ(there.size(), source.preload_count());
    for (std::size_t i = 0; i < 3000; ++i) {
      const Operation operation = source.Next(i % 10)[0];
      if (operation.kind != OperationKind::kGet &&
          operation.kind != OperationKind::kScan) {
        continue;
      }
      EXPECT_TRUE(there.contains(std::string(operation.key))) << operation.key;
    }
  }
}

TEST(WorkloadTest, CompareAndSetKnowsThePreload) {
  CommandSource source(
      {.distribution = KeyChoice::kUniform,
       .mix = {{OperationKind::kGet, 1}, {OperationKind::kCompareAndSet, 99}},
       .keys = 1},
      1, 1, 1, false);
  const std::string loaded(source.Preload(0)->value);
  Operation operation = source.Next(0)[0];
  while (operation.kind != OperationKind::kCompareAndSet) {
    operation = source.Next(0)[0];
  }
  EXPECT_EQ(operation.expected, loaded);
}

TEST(WorkloadTest, WhoeverReadsPreloadsUnlessToldOtherwise) {
  EXPECT_FALSE(WorkloadSpec{}.preloads());
  EXPECT_FALSE((WorkloadSpec{.mix = {{OperationKind::kAdd, 50}}}.preloads()));
  EXPECT_TRUE((WorkloadSpec{.mix = {{OperationKind::kGet, 1}}}.preloads()));
  EXPECT_TRUE((WorkloadSpec{.mix = {{OperationKind::kScan, 1}}}.preloads()));
  EXPECT_TRUE(WorkloadSpec{.read_modify_writes = 1}.preloads());
  EXPECT_FALSE(
      (WorkloadSpec{.mix = {{OperationKind::kGet, 1}}, .preload = false}
           .preloads()));
  EXPECT_TRUE(ParseWorkload("reads = 5", "w")->preloads());
  EXPECT_FALSE(ParseWorkload("reads = 5\npreload = false", "w")->preloads());
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
                        .mix = {{OperationKind::kScan, 100}},
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
  EXPECT_EQ(FindPreset("a")->mix[OperationKind::kGet], 50);
  EXPECT_EQ(FindPreset("b")->puts(), 5);
  EXPECT_EQ(FindPreset("c")->mix[OperationKind::kGet], 100);
  EXPECT_EQ(FindPreset("d")->distribution, KeyChoice::kLatest);
  EXPECT_EQ(FindPreset("e")->mix[OperationKind::kScan], 95);
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
  EXPECT_EQ(spec->mix[OperationKind::kGet], 90);
  EXPECT_EQ(spec->keys, 500u);
  EXPECT_EQ(spec->value_size, 64u);
  EXPECT_EQ(spec->preload, true);
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
