// A cut of an executor that goes on: random commands on keys that come, grow
// and go, read in slices of any size, must give back the executor of the cut.
#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "executor/executor.h"
#include "gtest/gtest.h"
#include "tests/executor/builders.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

constexpr int kReplicas = 3;
// So little that most results go early.
constexpr ResultLimits kLimits{.command_bytes = 300, .kept_bytes = 1200};

struct Decided {
  InstanceId id;
  CommandBatchPtr batch;
  DependencySet deps;
};

// Decisions in the order of their commits: mostly that of their proposals, so
// that some wait for a while, with deps on everything proposed before.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) : random_(seed) {}

  Decided Next() {
    while (open_.size() < 12) Propose();
    const std::size_t at = Pick(4) == 0 ? Pick(open_.size()) : 0;
    Decided decision = open_[at];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    return decision;
  }
  std::size_t Pick(std::size_t n) { return random_() % n; }

 private:
  void Propose() {
    const auto column = Pick(kReplicas);
    Decided decision;
    decision.id = {ReplicaAt(static_cast<int>(column)), ++slots_[column]};
    decision.deps = Deps({slots_[0], slots_[1], slots_[2]});
    decision.deps.ClampOwnColumn(decision.id);
    if (Pick(20) != 0) decision.batch = Commands();
    open_.push_back(std::move(decision));
  }

  CommandBatchPtr Commands() {
    CommandBatchBuilder builder;
    for (std::size_t n = 1 + Pick(4); n > 0; --n) {
      const std::size_t client = Pick(9);
      std::uint64_t& sequence = sequences_[client];
      // Now and then a request again, or one left out.
      if (Pick(10) != 0 || sequence == 0) sequence += Pick(10) == 0 ? 2 : 1;
      builder.AddCommand(
          {ClientId{client + 1}, sequence},
          sequence - 1 - Pick(std::min<std::uint64_t>(sequence, 6)));
      builder.AddOperation(Any());
    }
    return builder.Finish();
  }

  Operation Any() {
    keys_.push_back("key-" + std::to_string(Pick(700)));
    values_.push_back(std::string(Pick(40), 'v'));
    switch (Pick(8)) {
      case 0: return Get(keys_.back());
      case 1:
      case 2: return Delete(keys_.back());
      case 3: return Append(keys_.back(), values_.back());
      case 4: return Add(keys_.back(), 3);
      case 5: return Cas(keys_.back(), "", values_.back());
      default: return Put(keys_.back(), values_.back());
    }
  }

  std::mt19937_64 random_;
  std::array<std::uint64_t, kReplicas> slots_{};
  std::array<std::uint64_t, 9> sequences_{};
  std::vector<Decided> open_;
  // What operations point to.
  std::deque<std::string> keys_, values_;
};

void Commit(Executor& executor, const Decided& decision) {
  Executed executed;
  executor.Commit(decision.id, decision.batch, decision.deps, executed);
}

Executor RestoreFrom(const std::vector<Record>& records) {
  Executor executor(kReplicas, ConflictMode::kOperation, kLimits);
  for (const Record& record : records) {
    std::visit(Overloaded{[&](const ExecutedRecord& r) { executor.Restore(r); },
                          [&](const EntriesRecord& r) { executor.Restore(r); },
                          [&](const SessionsRecord& r) { executor.Restore(r); },
                          [](const auto&) { FAIL() << "not of an executor"; }},
               record);
  }
  return executor;
}

class SaveTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SaveTest, ACutGivesTheExecutorOfItsMomentWhateverIsCommittedMeanwhile) {
  Stream stream(GetParam());
  Executor executor(kReplicas, ConflictMode::kOperation, kLimits);
  std::vector<Decided> decisions;
  const auto commit = [&] {
    decisions.push_back(stream.Next());
    Commit(executor, decisions.back());
  };
  for (int cut = 0; cut < 6; ++cut) {
    for (std::size_t n = stream.Pick(600); n > 0; --n) commit();
    const Executor expected = executor;
    std::vector<Decided> before = decisions;
    std::vector<Record> records{executor.BeginSave()};
    const std::size_t pace = stream.Pick(30);
    while (executor.SaveNext(1 + stream.Pick(3000), records)) {
      for (std::size_t n = stream.Pick(pace + 1); n > 0; --n) commit();
      // The walk must survive that the machine goes on as a copy of itself.
      if (stream.Pick(8) == 0) executor = Executor(executor);
    }
    Executor restored = RestoreFrom(records);
    EXPECT_EQ(restored.state_hash(), expected.state_hash());
    // What waited at the cut is committed again, with everything else.
    std::shuffle(before.begin(), before.end(),
                 std::mt19937_64(GetParam() + 99));
    for (const Decided& decision : before) Commit(restored, decision);
    ASSERT_EQ(restored.Fingerprint(), expected.Fingerprint()) << "cut " << cut;
    ASSERT_EQ(restored.state_machine().size(), expected.state_machine().size());
    for (std::size_t i = before.size(); i < decisions.size(); ++i) {
      Commit(restored, decisions[i]);
    }
    ASSERT_EQ(restored.Fingerprint(), executor.Fingerprint()) << "cut " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SaveTest, testing::Range<std::uint64_t>(1, 31));

TEST(SaveSliceTest, ASliceIsNotLargerThanAskedByMoreThanAnEntry) {
  Executor executor(kReplicas, ConflictMode::kOperation, kLimits);
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    Commit(executor, {.id = Id(1, i),
                      .batch = Batch(i, {Put("key-" + std::to_string(i),
                                             std::string(50, 'x'))}),
                      .deps = Deps({i - 1, 0, 0})});
  }
  executor.BeginSave();
  std::vector<Record> records;
  std::size_t largest = 0;
  while (executor.SaveNext(1000, records)) {
    if (records.empty()) continue;
    if (const auto* r = std::get_if<EntriesRecord>(&records.back())) {
      largest = std::max(largest, r->bytes.size());
    }
  }
  EXPECT_LE(largest, 1000u + 60u);
  EXPECT_GT(records.size(), 100u);
}

TEST(SaveSliceTest, ACutThatIsGivenUpLeavesTheNextOneWhole) {
  Stream stream(5);
  Executor executor(kReplicas, ConflictMode::kOperation, kLimits);
  for (int n = 0; n < 500; ++n) Commit(executor, stream.Next());
  executor.BeginSave();
  std::vector<Record> discarded;
  executor.SaveNext(200, discarded);
  executor.EndSave();
  std::vector<Record> records{executor.BeginSave()};
  while (executor.SaveNext(200, records)) {
  }
  EXPECT_EQ(RestoreFrom(records).state_hash(), executor.state_hash());
}

}  // namespace
}  // namespace quorate
