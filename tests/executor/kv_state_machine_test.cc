#include "executor/kv_state_machine.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/executor/builders.h"
#include "wire/limits.h"

namespace quorate {
namespace {

OperationResult Do(KvStateMachine& state, const Operation& operation) {
  CommandResult results;
  state.Apply(std::span(&operation, 1), results);
  EXPECT_EQ(results.size(), 1u);
  return results[0];
}

OperationResult Ok() { return {}; }
OperationResult Value(std::string value) { return {.value = value}; }
OperationResult Failed(OperationStatus status) { return {.status = status}; }

TEST(KvStateMachineTest, GetsWhatWasPut) {
  KvStateMachine state;
  EXPECT_EQ(Do(state, Put("k", "1")), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("1"));
  EXPECT_EQ(Do(state, Put("k", "")), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value(""));
  EXPECT_EQ(state.size(), 1u);
}

TEST(KvStateMachineTest, DoesNotFindAMissingKey) {
  KvStateMachine state;
  EXPECT_EQ(Do(state, Get("k")), Failed(OperationStatus::kNotFound));
  EXPECT_EQ(Do(state, Delete("k")), Failed(OperationStatus::kNotFound));
  EXPECT_EQ(state.Find("k"), std::nullopt);
}

TEST(KvStateMachineTest, DeletesAKey) {
  KvStateMachine state;
  Do(state, Put("k", "1"));
  EXPECT_EQ(Do(state, Delete("k")), Ok());
  EXPECT_EQ(Do(state, Get("k")), Failed(OperationStatus::kNotFound));
  EXPECT_EQ(state.size(), 0u);
}

TEST(KvStateMachineTest, TellsKeysWithOneHashApart) {
  KvStateMachine state;
  Operation a = Put("a", "1");
  Operation b = Put("b", "2");
  a.key_hash = b.key_hash = 42;
  Do(state, a);
  Do(state, b);
  EXPECT_EQ(state.size(), 2u);
  Operation get = Get("a");
  get.key_hash = 42;
  EXPECT_EQ(Do(state, get), Value("1"));
}

TEST(KvStateMachineTest, CasSetsOnlyWhatItExpects) {
  KvStateMachine state;
  Do(state, Put("k", "1"));
  EXPECT_EQ(Do(state, Cas("k", "1", "2")), Ok());
  OperationResult mismatch = Failed(OperationStatus::kMismatch);
  mismatch.value = "2";
  EXPECT_EQ(Do(state, Cas("k", "1", "3")), mismatch);
  EXPECT_EQ(Do(state, Get("k")), Value("2"));
}

TEST(KvStateMachineTest, CasTakesAMissingKeyAsEmpty) {
  KvStateMachine state;
  EXPECT_EQ(Do(state, Cas("k", "x", "1")), Failed(OperationStatus::kMismatch));
  EXPECT_EQ(state.size(), 0u);
  EXPECT_EQ(Do(state, Cas("k", "", "1")), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("1"));
  EXPECT_EQ(Do(state, Cas("new", "", "")), Ok());
  EXPECT_EQ(Do(state, Get("new")), Value(""));
}

TEST(KvStateMachineTest, AddsToAMissingKeyFromZero) {
  KvStateMachine state;
  EXPECT_EQ(Do(state, Add("k", -5)), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("-5"));
  EXPECT_EQ(Do(state, Add("zero", 0)), Ok());
  EXPECT_EQ(Do(state, Get("zero")), Value("0"));
}

TEST(KvStateMachineTest, AddWrapsAround) {
  KvStateMachine state;
  Do(state, Put("k", std::to_string(std::numeric_limits<std::int64_t>::max())));
  EXPECT_EQ(Do(state, Add("k", 1)), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("-9223372036854775808"));
  EXPECT_EQ(Do(state, Add("k", -1)), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("9223372036854775807"));
}

TEST(KvStateMachineTest, AddLeavesWhatIsNoNumber) {
  for (const std::string text :
       {"", "x", "1x", " 1", "+1", "1.0", "9223372036854775808",
        "-9223372036854775809", "0x10"}) {
    KvStateMachine state;
    Do(state, Put("k", text));
    EXPECT_EQ(Do(state, Add("k", 1)), Failed(OperationStatus::kNotANumber))
        << text;
    EXPECT_EQ(Do(state, Get("k")), Value(text));
  }
}

TEST(KvStateMachineTest, AppendsAndCreates) {
  KvStateMachine state;
  EXPECT_EQ(Do(state, Append("k", "ab")), Ok());
  EXPECT_EQ(Do(state, Append("k", "cd")), Ok());
  EXPECT_EQ(Do(state, Get("k")), Value("abcd"));
}

TEST(KvStateMachineTest, RefusesAnAppendPastTheLimitAndChangesNothing) {
  KvStateMachine state;
  const std::string largest(kMaxValueBytes, 'x');
  EXPECT_EQ(Do(state, Append("k", largest)), Ok());
  EXPECT_EQ(Do(state, Append("k", "")), Ok());
  EXPECT_EQ(Do(state, Append("k", "y")), Failed(OperationStatus::kTooLarge));
  EXPECT_EQ(Do(state, Get("k")), Value(largest));
  EXPECT_EQ(Do(state, Append("new", largest + "y")),
            Failed(OperationStatus::kTooLarge));
  EXPECT_EQ(state.size(), 1u);
}

TEST(KvStateMachineTest, ScansARangeInTheOrderOfKeys) {
  KvStateMachine state;
  for (const char* key : {"c", "a", "d", "b", "ab"}) Do(state, Put(key, key));
  EXPECT_EQ(Do(state, Scan("ab", "d")).rows,
            (std::vector<std::pair<std::string, std::string>>{
                {"ab", "ab"}, {"b", "b"}, {"c", "c"}}));
  EXPECT_EQ(Do(state, Scan("c", "")).rows.size(), 2u);
  EXPECT_EQ(Do(state, Scan("", "", 2)).rows.size(), 2u);
  EXPECT_TRUE(Do(state, Scan("d", "a")).rows.empty());
}

TEST(KvStateMachineTest, ScansSeeChangesAfterTheFirstScan) {
  KvStateMachine state;
  Do(state, Put("a", "1"));
  Do(state, Scan("", ""));
  Do(state, Put("b", "2"));
  Do(state, Add("c", 3));
  Do(state, Delete("a"));
  Do(state, Put("b", "4"));
  EXPECT_EQ(Do(state, Scan("", "")).rows,
            (std::vector<std::pair<std::string, std::string>>{{"b", "4"},
                                                              {"c", "3"}}));
}

TEST(KvStateMachineTest, ScansGiveAtMostTheMaximumOfRows) {
  KvStateMachine state;
  for (std::size_t i = 0; i < kMaxScanRows + 5; ++i) {
    Do(state, Put("k" + std::to_string(i), "v"));
  }
  for (const std::int64_t limit : {std::int64_t{0}, std::int64_t{-1},
                                   std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(Do(state, Scan("", "", limit)).rows.size(), kMaxScanRows);
  }
}

TEST(KvStateMachineTest, ScansGiveAtMostTheMaximumOfBytes) {
  KvStateMachine state;
  const std::string third(kMaxScanBytes / 3, 'x');
  for (const char* key : {"a", "b", "c", "d"}) Do(state, Put(key, third));
  EXPECT_EQ(Do(state, Scan("", "")).rows.size(), 2u);
}

TEST(KvStateMachineTest, ScansGiveOneRowWhateverItsSize) {
  KvStateMachine state;
  Do(state, Put("a", std::string(kMaxValueBytes, 'x')));
  Do(state, Put("b", "y"));
  EXPECT_EQ(Do(state, Scan("", "")).rows.size(), 1u);
  EXPECT_EQ(Do(state, Scan("a\x01", "")).rows.size(), 1u);
}

TEST(KvStateMachineTest, ScansThatAreCutNameTheKeyThatFollows) {
  KvStateMachine state;
  const std::string third(kMaxScanBytes / 3, 'x');
  for (const char* key : {"a", "b", "c", "d"}) Do(state, Put(key, third));
  EXPECT_EQ(Do(state, Scan("", "")).value, "c") << "for its bytes";
  EXPECT_EQ(Do(state, Scan("", "", 1)).value, "b") << "for its limit";
  EXPECT_EQ(Do(state, Scan("c", "")).value, "") << "it has reached the end";
  EXPECT_EQ(Do(state, Scan("a", "c")).value, "");
  EXPECT_EQ(Do(state, Scan("a", "b", 1)).value, "")
      << "the next key is beyond the range";
  for (std::size_t i = 0; i < kMaxScanRows; ++i) {
    Do(state, Put("k" + std::to_string(i), "v"));
  }
  EXPECT_EQ(Do(state, Scan("k", "l")).value, "");
  Do(state, Put("kz", "v"));
  EXPECT_EQ(Do(state, Scan("k", "l")).value, "kz") << "for its rows";
}

TEST(KvStateMachineTest, PagesOfAScanGiveEachKeyOnce) {
  std::mt19937_64 random(5);
  KvStateMachine state;
  for (int i = 0; i < 300; ++i) {
    Do(state, Put(std::to_string(random()), std::string(random() % 9000, 'x')));
  }
  std::vector<std::pair<std::string, std::string>> rows;
  std::string from;
  do {
    const OperationResult page =
        Do(state, Scan(from, "", static_cast<std::int64_t>(1 + random() % 90)));
    rows.insert(rows.end(), page.rows.begin(), page.rows.end());
    from = page.value;
  } while (!from.empty());
  EXPECT_EQ(rows.size(), state.size());
  EXPECT_TRUE(std::ranges::is_sorted(rows));
}

// All that a command of writes and reads can do to a key comes before the read
// that makes it too large.
TEST(KvStateMachineTest, ACommandWhoseResultIsTooLargeChangesNothing) {
  KvStateMachine state;
  Do(state, Put("kept", "old"));
  Do(state, Put("gone", "old"));
  Do(state, Put("n", "7"));
  Do(state, Put("large", std::string(1000, 'x')));
  Do(state, Scan("", ""));
  const std::uint64_t before = state.state_hash();
  const CommandBatchPtr batch = Batch(
      1, {Put("new", "1"), Append("new", "2"), Put("kept", "1"),
          Put("kept", "2"), Delete("gone"), Put("gone", "again"), Add("n", 5),
          Add("m", 5), Cas("kept", "2", "3"), Delete("large"),
          Put("large", std::string(1000, 'y')), Get("large"), Delete("large")});
  CommandResult results;
  EXPECT_FALSE(state.Apply(batch->operations(), results, 1500));
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(state.state_hash(), before);
  EXPECT_EQ(state.size(), 4u);
  EXPECT_EQ(Do(state, Get("large")).value, std::string(1000, 'x'));
  EXPECT_EQ(Do(state, Scan("", "")).rows.size(), 4u);
  EXPECT_TRUE(state.Apply(batch->operations(), results, 2000));
  EXPECT_EQ(results.size(), 13u);
  EXPECT_NE(state.state_hash(), before);
}

TEST(KvStateMachineTest, AFailedOperationUndoesNothingOfItsCommand) {
  KvStateMachine state;
  const CommandBatchPtr batch =
      Batch(1, {Put("a", "1"), Cas("b", "no", "2"), Add("a", 1), Get("a")});
  CommandResult results;
  state.Apply(batch->operations(), results);
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[1].status, OperationStatus::kMismatch);
  EXPECT_EQ(results[3], Value("2"));
}

TEST(KvStateMachineTest, HashesEqualStatesAlikeHoweverTheyCameAbout) {
  KvStateMachine a;
  KvStateMachine b;
  EXPECT_EQ(a.state_hash(), b.state_hash());
  Do(a, Put("x", "1"));
  Do(a, Put("y", "2"));
  Do(b, Add("y", 7));
  Do(b, Put("z", ""));
  Do(b, Put("x", "1"));
  Do(b, Put("y", "2"));
  EXPECT_NE(a.state_hash(), b.state_hash());
  Do(b, Delete("z"));
  EXPECT_EQ(a.state_hash(), b.state_hash());
  Do(b, Put("x", "2"));
  EXPECT_NE(a.state_hash(), b.state_hash());
}

TEST(KvStateMachineTest, HashesTellWhichKeyHasWhichValue) {
  KvStateMachine a;
  KvStateMachine b;
  Do(a, Put("x", "1"));
  Do(a, Put("y", "2"));
  Do(b, Put("x", "2"));
  Do(b, Put("y", "1"));
  EXPECT_NE(a.state_hash(), b.state_hash());
}

TEST(KvStateMachineTest, GoesOnAloneWhenCopied) {
  KvStateMachine state;
  Do(state, Put("a", "1"));
  Do(state, Scan("", ""));
  KvStateMachine copy = state;
  Do(state, Put("a", "2"));
  Do(state, Put("b", "2"));
  EXPECT_EQ(Do(copy, Get("a")), Value("1"));
  EXPECT_EQ(Do(copy, Scan("", "")).rows.size(), 1u);
}

// The obvious map, written anew from the meaning of each operation.
class Model {
 public:
  OperationResult Apply(const Operation& op) {
    OperationResult result;
    const std::string key(op.key);
    const bool exists = keys_.contains(key);
    const std::string current = exists ? keys_[key] : std::string();
    if (!exists) keys_.erase(key);
    switch (op.kind) {
      case OperationKind::kGet:
        result.value = current;
        if (!exists) result.status = OperationStatus::kNotFound;
        break;
      case OperationKind::kPut: keys_[key] = op.value; break;
      case OperationKind::kDelete:
        if (keys_.erase(key) == 0) result.status = OperationStatus::kNotFound;
        break;
      case OperationKind::kCompareAndSet:
        if (current == op.expected) {
          keys_[key] = op.value;
        } else {
          result.status = OperationStatus::kMismatch;
          result.value = current;
        }
        break;
      case OperationKind::kAdd: AddTo(key, exists, current, op, result); break;
      case OperationKind::kMax: MaxTo(key, exists, current, op, result); break;
      case OperationKind::kAppend:
        keys_[key] = current + std::string(op.value);
        break;
      case OperationKind::kEndEra:
      case OperationKind::kWithdraw: break;
      case OperationKind::kScan:
        for (const auto& [k, v] : keys_) {
          if (!(k >= op.key) || (!op.value.empty() && !(k < op.value))) {
            continue;
          }
          if (op.number > 0 &&
              result.rows.size() == static_cast<std::size_t>(op.number)) {
            result.value = k;
            break;
          }
          result.rows.emplace_back(k, v);
        }
        break;
    }
    return result;
  }
  const std::map<std::string, std::string>& keys() const { return keys_; }

 private:
  // Only small numbers occur in the test that uses it.
  static bool IsNumber(const std::string& text) {
    return !text.empty() &&
           text.find_first_not_of("0123456789-") == std::string::npos;
  }
  void AddTo(const std::string& key, bool exists, const std::string& current,
             const Operation& op, OperationResult& result) {
    if (exists && !IsNumber(current)) {
      result.status = OperationStatus::kNotANumber;
      return;
    }
    keys_[key] = std::to_string((exists ? std::stoll(current) : 0) + op.number);
  }
  void MaxTo(const std::string& key, bool exists, const std::string& current,
             const Operation& op, OperationResult& result) {
    if (exists && !IsNumber(current)) {
      result.status = OperationStatus::kNotANumber;
    } else if (!exists || std::stoll(current) < op.number) {
      keys_[key] = std::to_string(op.number);
    }
  }
  std::map<std::string, std::string> keys_;
};

TEST(KvStateMachineTest, DoesWhatAnOrderedMapDoes) {
  std::mt19937_64 random(11);
  const std::vector<std::string> values = {"", "1", "-20", "text", "abc"};
  for (int round = 0; round < 20; ++round) {
    KvStateMachine state;
    Model model;
    for (int step = 0; step < 2000; ++step) {
      const std::string key = "k" + std::to_string(random() % 25);
      const std::string end =
          random() % 3 == 0 ? "" : "k" + std::to_string(random() % 25);
      const std::string& value = values[random() % values.size()];
      const std::string& expected = values[random() % values.size()];
      Operation op;
      switch (random() % 8) {
        case 0: op = Get(key); break;
        case 1: op = Put(key, value); break;
        case 2: op = Delete(key); break;
        case 3: op = Cas(key, expected, value); break;
        case 4:
          op = Add(key, static_cast<std::int64_t>(random() % 9) - 4);
          break;
        // Text, so that no number grows too long for the model.
        case 5: op = Append(key, "+"); break;
        case 6:
          op = Scan(key, end, static_cast<std::int64_t>(random() % 6));
          break;
        default:
          op = Max(key, static_cast<std::int64_t>(random() % 30) - 15);
          break;
      }
      // The first scan comes at a random time: before, every key is unindexed.
      if (op.kind == OperationKind::kScan && step < 100 * round) continue;
      ASSERT_EQ(Do(state, op), model.Apply(op)) << Name(op.kind) << ' ' << key;
    }
    ASSERT_EQ(state.size(), model.keys().size());
    KvStateMachine scratch;
    for (const auto& [key, value] : model.keys()) Do(scratch, Put(key, value));
    ASSERT_EQ(state.state_hash(), scratch.state_hash());
  }
}

}  // namespace
}  // namespace quorate
