#include "executor/executor.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/executor/builders.h"
#include "wire/limits.h"

namespace quorate {
namespace {

Executor Three() { return {3, ConflictMode::kOperation}; }

// One committed instance, to be fed to executors in different orders.
struct Decision {
  InstanceId id;
  CommandBatchPtr batch;
  DependencySet deps;
};

void Feed(Executor& executor, const std::vector<Decision>& decisions,
          Executed& executed) {
  for (const Decision& decision : decisions) {
    executor.Commit(decision.id, decision.batch, decision.deps, executed);
  }
}

std::string ValueOf(const Executor& executor, std::string_view key) {
  return std::string(executor.state_machine().Find(key).value_or("(missing)"));
}

TEST(ExecutorTest, GivesResultsToThoseWhoAskedOnly) {
  Executor executor = Three();
  Executed executed;
  CommandBatchBuilder builder;
  builder.AddCommand({kClient, 1}, 0, /*origin=*/0);
  builder.AddOperation(Put("k", "v"));
  builder.AddCommand({kClient, 2}, 0, /*origin=*/5);
  builder.AddOperation(Get("k"));
  builder.AddOperation(Get("none"));
  executor.Commit(Id(1, 1), builder.Finish(), Deps({0, 0, 0}), executed);
  EXPECT_EQ(executed.instances, std::vector<InstanceId>{Id(1, 1)});
  ASSERT_EQ(executed.commands.size(), 1u);
  const ExecutedCommand& command = executed.commands[0];
  EXPECT_EQ(command.instance, Id(1, 1));
  EXPECT_EQ(command.id, (CommandId{kClient, 2}));
  EXPECT_EQ(command.origin, 5u);
  EXPECT_EQ(command.status, ReplyStatus::kDone);
  ASSERT_EQ(command.results.size(), 2u);
  EXPECT_EQ(command.results[0].value, "v");
  EXPECT_EQ(command.results[1].status, OperationStatus::kNotFound);
}

TEST(ExecutorTest, AppendsToWhatTheCallerGathers) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Put("k", "1")}, 1), Deps({0, 0, 0})},
        {Id(2, 1), Batch(2, {Put("k", "2")}, 1), Deps({1, 0, 0})}},
       executed);
  EXPECT_EQ(executed.instances.size(), 2u);
  EXPECT_EQ(executed.commands.size(), 2u);
}

TEST(ExecutorTest, EndsAnEraByCommandAndTellsWhoseSessionIsForgotten) {
  Executor executor = Three();
  Executed executed;
  const auto end = [](std::int64_t era) {
    return MakeBatch({ClientId{}, 1},
                     {.kind = OperationKind::kEndEra, .number = era});
  };
  Feed(executor,
       {{Id(1, 1), Batch(1, {Put("k", "once")}, 3), Deps({0, 0, 0})},
        {Id(2, 1), end(0), Deps({1, 0, 0})},
        {Id(2, 2), end(1), Deps({1, 1, 0})},
        {Id(3, 1), Batch(1, {Put("k", "twice")}, 4), Deps({1, 2, 0})}},
       executed);
  EXPECT_EQ(executor.sessions().era(), 2u);
  EXPECT_EQ(ValueOf(executor, "k"), "once");
  ASSERT_EQ(executed.commands.size(), 2u) << "nobody asked for an era's end";
  EXPECT_EQ(executed.commands[1].status, ReplyStatus::kRefused);
  EXPECT_EQ(executed.commands[1].reason, RefusalReason::kSessionExpired);
  EXPECT_EQ(executor.stats().expired_commands, 1u);
}

TEST(ExecutorTest, AppliesARepeatedCommandOnceAndGivesItsFirstResult) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Cas("k", "old", "new")}, 3), Deps({0, 0, 0})},
        {Id(2, 1), Batch(2, {Put("k", "old")}, 3), Deps({1, 0, 0})},
        {Id(3, 1), Batch(1, {Cas("k", "old", "new")}, 4), Deps({1, 1, 0})}},
       executed);
  EXPECT_EQ(ValueOf(executor, "k"), "old");
  ASSERT_EQ(executed.commands.size(), 3u);
  EXPECT_EQ(executed.commands[2].origin, 4u);
  EXPECT_EQ(executed.commands[2].status, ReplyStatus::kDone);
  EXPECT_EQ(executed.commands[2].results, executed.commands[0].results);
  EXPECT_EQ(executor.stats().repeated_commands, 1u);
  EXPECT_EQ(executor.stats().executed_commands, 2u);
}

// The leader that has sequence 1 in its backlog wakes after 2 was answered.
TEST(ExecutorTest, AWithdrawnCommandIsNotDoneAnyMore) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(2, 1), Batch(2, {Withdraw("k", 1)}, 3), Deps({0, 0, 0})},
        {Id(2, 2), Batch(3, {Put("k", "newer")}, 3), Deps({0, 1, 0})},
        {Id(1, 1), Batch(1, {Put("k", "late")}, 4), Deps({0, 2, 0})}},
       executed);
  EXPECT_EQ(ValueOf(executor, "k"), "newer");
  ASSERT_EQ(executed.commands.size(), 3u);
  EXPECT_EQ(executed.commands[0].results[0].status, OperationStatus::kOk);
  EXPECT_EQ(executed.commands[2].status, ReplyStatus::kRefused);
  EXPECT_EQ(executed.commands[2].reason, RefusalReason::kStaleSequence);
  EXPECT_EQ(executor.stats().withdrawn_commands, 1u);
}

TEST(ExecutorTest, AWithdrawalOfWhatWasDoneSaysSoAndChangesNothing) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Put("k", "v")}, 4), Deps({0, 0, 0})},
        {Id(2, 1), Batch(2, {Withdraw("k", 1)}, 3), Deps({1, 0, 0})},
        // Asked for again, it hears the same.
        {Id(3, 1), Batch(2, {Withdraw("k", 1)}, 5), Deps({1, 1, 0})}},
       executed);
  EXPECT_EQ(ValueOf(executor, "k"), "v");
  ASSERT_EQ(executed.commands.size(), 3u);
  EXPECT_EQ(executed.commands[1].results[0].status, OperationStatus::kMismatch);
  EXPECT_EQ(executed.commands[2].results, executed.commands[1].results);
  EXPECT_EQ(executor.stats().withdrawn_commands, 0u);
}

// A blind add, sent to two command leaders, which commutes with itself, and its
// withdrawal between the two copies: whatever the order of the commits, every
// replica does it once or not at all.
TEST(ExecutorTest, CopiesThatCommuteAndAWithdrawalEndAlikeEverywhere) {
  std::vector<Decision> decisions{
      {Id(1, 1), Batch(1, {Add("n", 1)}), Deps({0, 0, 0})},
      {Id(2, 1), Batch(2, {Withdraw("n", 1)}), Deps({1, 0, 0})},
      {Id(3, 1), Batch(1, {Add("n", 1)}), Deps({0, 1, 0})},
      {Id(3, 2), Batch(3, {Add("n", 10)}), Deps({0, 1, 0})}};
  std::vector<std::size_t> order(decisions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  do {
    Executor executor = Three();
    Executed executed;
    for (const std::size_t i : order) Feed(executor, {decisions[i]}, executed);
    EXPECT_EQ(ValueOf(executor, "n"), "11");
    EXPECT_EQ(executed.instances.size(), decisions.size());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(ExecutorTest, RefusesARepeatedCommandWhoseResultIsGone) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Add("k", 1)}), Deps({0, 0, 0})},
        {Id(1, 2), Batch(2, {Add("k", 1)}, 0, /*acknowledged=*/1),
         Deps({0, 0, 0})},
        {Id(1, 3), Batch(1, {Add("k", 1)}, 6), Deps({0, 0, 0})}},
       executed);
  EXPECT_EQ(ValueOf(executor, "k"), "2");
  ASSERT_EQ(executed.commands.size(), 1u);
  EXPECT_EQ(executed.commands[0].status, ReplyStatus::kRefused);
  EXPECT_EQ(executed.commands[0].reason, RefusalReason::kStaleSequence);
  EXPECT_TRUE(executed.commands[0].results.empty());
}

// A refusal is an outcome: the same command must not take effect later.
TEST(ExecutorTest, RefusesACommandThatReadsTooMuchForGood) {
  Executor executor(3, ConflictMode::kOperation, {.command_bytes = 500});
  Executed executed;
  const std::vector<Operation> both = {Put("k", "new"), Get("large")};
  Feed(executor,
       {{Id(1, 1), Batch(1, {Put("large", std::string(600, 'x'))}),
         Deps({0, 0, 0})},
        {Id(2, 1), Batch(2, both, 3), Deps({1, 0, 0})},
        {Id(2, 2), Batch(3, {Get("large")}, 3), Deps({1, 1, 0})},
        {Id(1, 2), Batch(4, {Put("large", "x")}), Deps({1, 2, 0})},
        {Id(3, 1), Batch(2, both, 4), Deps({2, 2, 0})},
        {Id(3, 2), Batch(3, {Get("large")}, 3), Deps({2, 2, 1})}},
       executed);
  ASSERT_EQ(executed.commands.size(), 4u);
  for (const std::size_t i : {0u, 1u, 2u}) {
    EXPECT_EQ(executed.commands[i].status, ReplyStatus::kRefused) << i;
    EXPECT_EQ(executed.commands[i].reason, RefusalReason::kResultTooLarge) << i;
    EXPECT_TRUE(executed.commands[i].results.empty()) << i;
  }
  EXPECT_EQ(ValueOf(executor, "k"), "(missing)");
  EXPECT_EQ(executed.commands[3].status, ReplyStatus::kDone)
      << "a read has done nothing that it could do twice";
  EXPECT_EQ(executor.stats().too_large_results, 2u);
}

TEST(ExecutorTest, TellsARetryThatItsResultIsNoLongerKept) {
  Executor executor(3, ConflictMode::kOperation,
                    {.command_bytes = 500, .kept_bytes = 10'000});
  Executed executed;
  const auto append_and_read = [](std::uint64_t sequence) {
    return Batch(sequence, {Append("k", std::string(100, 'x')), Get("k")}, 3);
  };
  Feed(executor,
       {{Id(1, 1), append_and_read(1), Deps({0, 0, 0})},
        {Id(1, 2), append_and_read(2), Deps({1, 0, 0})},
        {Id(2, 1), append_and_read(1), Deps({2, 0, 0})},
        {Id(2, 2), append_and_read(2), Deps({2, 1, 0})}},
       executed);
  ASSERT_EQ(executed.commands.size(), 4u);
  EXPECT_EQ(executed.commands[2].status, ReplyStatus::kResultGone);
  EXPECT_EQ(executed.commands[2].reason, RefusalReason::kNone);
  EXPECT_TRUE(executed.commands[2].results.empty());
  EXPECT_EQ(executed.commands[3].status, ReplyStatus::kDone);
  EXPECT_EQ(executed.commands[3].results, executed.commands[1].results);
  EXPECT_EQ(ValueOf(executor, "k").size(), 200u);
}

// One step must not fill the memory, and what is left out must not make a
// replica differ from those that gave nothing.
TEST(ExecutorTest, LeavesOutReadsBeyondWhatAStepMayGive) {
  Executor executor = Three();
  Executor silent = Three();
  Executed executed;
  const CommandBatchPtr put =
      Batch(1, {Put("large", std::string(kMaxValueBytes, 'x'))});
  CommandBatchBuilder builder;
  for (std::uint64_t i = 2; i < 102; ++i) {
    builder.AddCommand({kClient, i}, 0, /*origin=*/5);
    builder.AddOperation(Get("large"));
  }
  const CommandBatchPtr reads = builder.Finish();
  for (Executor* each : {&executor, &silent}) {
    each->Commit(Id(1, 1), put, Deps({0, 0, 0}), executed);
  }
  executor.Commit(Id(2, 1), reads, Deps({1, 0, 0}), executed);
  ASSERT_EQ(executed.commands.size(), 100u);
  EXPECT_EQ(executed.commands.front().status, ReplyStatus::kDone);
  EXPECT_EQ(executed.commands.back().status, ReplyStatus::kUnknown);
  EXPECT_TRUE(executed.commands.back().results.empty());
  EXPECT_LT(executed.result_bytes, kMaxResultBytesAStep + kMaxValueBytes + 100);
  CommandBatchBuilder copy;
  for (const Command& command : reads->commands()) {
    copy.AddCommand(command.id, command.acknowledged);
    copy.AddOperation(Get("large"));
  }
  silent.Commit(Id(2, 1), copy.Finish(), Deps({1, 0, 0}), executed);
  EXPECT_EQ(executor.state_hash(), silent.state_hash());
  EXPECT_EQ(executor.Fingerprint(), silent.Fingerprint());
}

TEST(ExecutorTest, ExecutesARepeatedReadAgain) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Get("k")}, 1), Deps({0, 0, 0})},
        {Id(2, 1), Batch(2, {Put("k", "v")}, 0, 1), Deps({1, 0, 0})},
        {Id(1, 2), Batch(1, {Get("k")}, 1), Deps({1, 1, 0})}},
       executed);
  ASSERT_EQ(executed.commands.size(), 2u);
  EXPECT_EQ(executed.commands[1].status, ReplyStatus::kDone);
  EXPECT_EQ(executed.commands[1].results[0].value, "v");
}

TEST(ExecutorTest, FindsResultsThatAreStillKept) {
  Executor executor = Three();
  Executed executed;
  Feed(executor,
       {{Id(1, 1), Batch(1, {Add("k", 1)}), Deps({0, 0, 0})},
        {Id(1, 2), Batch(2, {Add("k", 1)}, 0, 1), Deps({0, 0, 0})}},
       executed);
  EXPECT_EQ(executor.FindResult({kClient, 1}), nullptr);
  EXPECT_TRUE(executor.WasExecuted({kClient, 1}));
  ASSERT_NE(executor.FindResult({kClient, 2}), nullptr);
  EXPECT_EQ(executor.FindResult({kClient, 2})->size(), 1u);
  EXPECT_FALSE(executor.WasExecuted({kClient, 3}));
}

// One add, retried through a second command leader. The two instances commute,
// so replicas may execute them in either order; a put, a read and a put in
// between are ordered against both. `deps_of_retry` says after which of them
// the retry comes.
std::vector<Decision> AddThroughTwoLeaders(std::uint64_t deps_of_retry) {
  return {
      {Id(1, 1), Batch(1, {Add("k", 5)}, 1), Deps({0, 0, 0})},
      {Id(2, 1), Batch(1, {Add("k", 5)}, 2), Deps({0, 0, deps_of_retry})},
      {Id(3, 1), Batch(1, {Put("k", "100")}, 0, 0, ClientId{8}),
       Deps({1, deps_of_retry < 1 ? 1u : 0u, 0})},
      {Id(3, 2), Batch(2, {Get("k")}, 3, 0, ClientId{8}),
       Deps({1, deps_of_retry < 2 ? 1u : 0u, 1})},
      {Id(3, 3), Batch(3, {Append("k", "0")}, 0, 0, ClientId{8}),
       Deps({1, deps_of_retry < 3 ? 1u : 0u, 2})},
  };
}

TEST(ExecutorTest, AppliesARetriedAddOnceInEveryOrderOfCommits) {
  for (std::uint64_t after = 0; after <= 3; ++after) {
    std::vector<Decision> decisions = AddThroughTwoLeaders(after);
    std::vector<std::size_t> order(decisions.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::uint64_t state_hash = 0;
    int orders = 0;
    do {
      Executor executor = Three();
      Executed executed;
      for (const std::size_t i : order) {
        const Decision& decision = decisions[i];
        executor.Commit(decision.id, decision.batch, decision.deps, executed);
      }
      // The add came before the first put in every case.
      ASSERT_EQ(ValueOf(executor, "k"), "1000");
      const auto read =
          std::ranges::find(executed.commands, 3u, &ExecutedCommand::origin);
      ASSERT_EQ(read->results[0].value, "100");
      ASSERT_EQ(executor.stats().repeated_commands, 1u);
      if (orders++ == 0) state_hash = executor.state_hash();
      ASSERT_EQ(executor.state_hash(), state_hash);
    } while (std::ranges::next_permutation(order).found);
    EXPECT_EQ(orders, 120);
  }
}

// Which of the two instances takes effect differs between the replicas, and
// nobody can tell.
TEST(ExecutorTest, ReplicasMayApplyDifferentInstancesOfOneCommand) {
  const std::vector<Decision> decisions = AddThroughTwoLeaders(0);
  std::vector<Decision> other_way_round = decisions;
  std::swap(other_way_round[0], other_way_round[1]);
  Executor a = Three();
  Executor b = Three();
  Executed at_a;
  Executed at_b;
  Feed(a, decisions, at_a);
  Feed(b, other_way_round, at_b);
  EXPECT_EQ(at_a.instances.front(), Id(1, 1));
  EXPECT_EQ(at_b.instances.front(), Id(2, 1));
  EXPECT_EQ(a.state_hash(), b.state_hash());
}

TEST(ExecutorTest, ExecutesSequencesOfOneClientInAnyOrder) {
  const Decision eighth{Id(1, 1), Batch(8, {Add("k", 8)}, 0, 6),
                        Deps({0, 0, 0})};
  const Decision seventh{Id(2, 1), Batch(7, {Add("k", 7)}, 0, 6),
                         Deps({0, 0, 0})};
  const Decision again{Id(3, 1), Batch(7, {Add("k", 7)}, 0, 6),
                       Deps({0, 0, 0})};
  std::vector<Decision> decisions = {eighth, seventh, again};
  std::uint64_t state_hash = 0;
  for (int order = 0; order < 3; ++order) {
    Executor executor = Three();
    Executed executed;
    Feed(executor, decisions, executed);
    EXPECT_EQ(ValueOf(executor, "k"), "15");
    if (order == 0) state_hash = executor.state_hash();
    EXPECT_EQ(executor.state_hash(), state_hash);
    std::rotate(decisions.begin(), decisions.begin() + 1, decisions.end());
  }
}

TEST(ExecutorTest, StateHashTellsStatesAndExecutedRequestsApart) {
  Executor a = Three();
  Executor b = Three();
  Executed executed;
  EXPECT_EQ(a.state_hash(), b.state_hash());
  a.Commit(Id(1, 1), Batch(1, {Put("k", "1")}), Deps({0, 0, 0}), executed);
  b.Commit(Id(1, 1), Batch(1, {Put("k", "2")}), Deps({0, 0, 0}), executed);
  EXPECT_NE(a.state_hash(), b.state_hash());
  b = a;
  b.Commit(Id(1, 2), Batch(2, {Put("k", "1")}), Deps({0, 0, 0}), executed);
  EXPECT_NE(a.state_hash(), b.state_hash());
}

TEST(ExecutorTest, FingerprintSeesWhatWaits) {
  Executor a = Three();
  Executor b = Three();
  Executed executed;
  a.Commit(Id(1, 2), Batch(1, {Put("k", "1")}), Deps({1, 0, 0}), executed);
  EXPECT_EQ(a.state_hash(), b.state_hash());
  EXPECT_NE(a.Fingerprint(), b.Fingerprint());
  b.Commit(Id(1, 2), Batch(1, {Put("k", "1")}), Deps({1, 1, 0}), executed);
  EXPECT_NE(a.Fingerprint(), b.Fingerprint());
  b = a;
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
}

TEST(ExecutorTest, GoesOnAloneWhenCopied) {
  Executor executor = Three();
  Executed executed;
  executor.Commit(Id(1, 2), Batch(1, {Add("k", 1)}), Deps({1, 0, 0}), executed);
  Executor copy = executor;
  executor.Commit(Id(1, 1), Batch(2, {Add("k", 2)}), Deps({0, 0, 0}), executed);
  copy.Commit(Id(1, 1), nullptr, Deps({0, 0, 0}), executed);
  EXPECT_EQ(ValueOf(executor, "k"), "3");
  EXPECT_EQ(ValueOf(copy, "k"), "1");
}

TEST(ExecutorTest, CountsComponentsBySize) {
  Executor executor = Three();
  Executed executed;
  const auto put = [](std::uint64_t sequence) {
    return Batch(sequence, {Put("k", "v")});
  };
  Feed(executor,
       {{Id(1, 1), put(1), Deps({0, 0, 0})},
        {Id(1, 2), put(2), Deps({1, 1, 1})},
        {Id(2, 1), put(3), Deps({2, 0, 1})}},
       executed);
  EXPECT_EQ(executor.stats().waiting_instances, 2u);
  executor.Commit(Id(3, 1), put(4), Deps({2, 1, 0}), executed);
  const ExecutorStats& stats = executor.stats();
  EXPECT_EQ(stats.components, 2u);
  EXPECT_EQ(stats.largest_component, 3u);
  EXPECT_EQ(stats.component_sizes[0], 1u);
  EXPECT_EQ(stats.component_sizes[1], 1u);
  EXPECT_EQ(stats.executed_instances, 4u);
  EXPECT_EQ(stats.waiting_instances, 0u);
}

TEST(ExecutorTest, LetsGoOfBatchesOnceExecuted) {
  Executor executor = Three();
  Executed executed;
  const CommandBatchPtr waits = Batch(1, {Put("k", "1")});
  const CommandBatchPtr last = Batch(2, {Put("k", "2")});
  executor.Commit(Id(1, 2), waits, Deps({1, 0, 0}), executed);
  EXPECT_EQ(waits.use_count(), 2);
  executor.Commit(Id(1, 1), last, Deps({0, 0, 0}), executed);
  EXPECT_EQ(waits.use_count(), 1);
  EXPECT_EQ(last.use_count(), 1);
}

}  // namespace
}  // namespace quorate
