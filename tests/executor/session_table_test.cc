#include "executor/session_table.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "wire/limits.h"

namespace quorate {
namespace {

using Outcome = SessionTable::Outcome;

Command Numbered(std::uint64_t sequence, std::uint64_t acknowledged = 0,
                 ClientId client = ClientId{1}) {
  return {.id = {client, sequence}, .acknowledged = acknowledged};
}

CommandResult Plain(OperationStatus status = OperationStatus::kOk) {
  return {{.status = status}};
}
CommandResult WithValue(std::string value) {
  return {{.status = OperationStatus::kMismatch, .value = std::move(value)}};
}

Outcome Execute(SessionTable& table, const Command& command,
                const CommandResult& result = Plain()) {
  const Outcome outcome = table.Begin(command);
  if (outcome == Outcome::kNew) table.Remember(command.id, result);
  return outcome;
}

TEST(SessionTableTest, GivesARepeatedCommandItsFirstResult) {
  SessionTable table;
  EXPECT_EQ(Execute(table, Numbered(1), WithValue("found")), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(2)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(3), Plain(OperationStatus::kNotFound)),
            Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kRepeated);
  EXPECT_EQ(*table.FindResult({ClientId{1}, 1}), WithValue("found"));
  EXPECT_EQ(*table.FindResult({ClientId{1}, 2}), Plain());
  EXPECT_EQ(*table.FindResult({ClientId{1}, 3}),
            Plain(OperationStatus::kNotFound));
}

TEST(SessionTableTest, RemembersResultsOfSeveralOperations) {
  SessionTable table;
  CommandResult result = Plain();
  result.push_back({.rows = {{"k", "v"}}});
  Execute(table, Numbered(1), result);
  EXPECT_EQ(*table.FindResult({ClientId{1}, 1}), result);
}

TEST(SessionTableTest, ExecutesALowerSequenceAfterAHigherOne) {
  SessionTable table;
  EXPECT_EQ(Execute(table, Numbered(8)), Outcome::kNew);
  EXPECT_FALSE(table.WasExecuted({ClientId{1}, 7}));
  EXPECT_EQ(Execute(table, Numbered(7)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(7)), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(8)), Outcome::kRepeated);
}

TEST(SessionTableTest, DropsResultsThatAreAcknowledgedButNeverMembership) {
  SessionTable table;
  Execute(table, Numbered(1), WithValue("x"));
  Execute(table, Numbered(2, 1));
  EXPECT_EQ(table.cached_results(), 1u);
  EXPECT_EQ(table.FindResult({ClientId{1}, 1}), nullptr);
  EXPECT_TRUE(table.WasExecuted({ClientId{1}, 1}));
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kStale);
}

TEST(SessionTableTest, AppliesALateCommandThatTheMarkHasPassed) {
  SessionTable table;
  Execute(table, Numbered(9, 8));
  EXPECT_EQ(Execute(table, Numbered(5, 4)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(5, 4)), Outcome::kStale);
}

TEST(SessionTableTest, KeepsClientsApart) {
  SessionTable table;
  Execute(table, Numbered(1, 0, ClientId{1}), WithValue("one"));
  EXPECT_EQ(Execute(table, Numbered(1, 0, ClientId{2}), WithValue("two")),
            Outcome::kNew);
  EXPECT_EQ(*table.FindResult({ClientId{1}, 1}), WithValue("one"));
  EXPECT_EQ(*table.FindResult({ClientId{2}, 1}), WithValue("two"));
  EXPECT_EQ(table.FindResult({ClientId{3}, 1}), nullptr);
  EXPECT_EQ(table.sessions(), 2u);
}

TEST(SessionTableTest, ReadsLeaveNoGapsAndNoResults) {
  SessionTable table;
  for (std::uint64_t s = 1; s <= 100; ++s) {
    if (s % 2 == 0) {
      table.RecordRead(Numbered(s, s - 1));
    } else {
      Execute(table, Numbered(s, s - 1));
    }
  }
  EXPECT_EQ(table.intervals(), 1u);
  EXPECT_LE(table.cached_results(), 1u);
  EXPECT_EQ(table.FindResult({ClientId{1}, 100}), nullptr);
}

TEST(SessionTableTest, NeverLetsACommandDropItsOwnResult) {
  SessionTable table;
  Execute(table, Numbered(3, 1000));
  EXPECT_NE(table.FindResult({ClientId{1}, 3}), nullptr);
}

TEST(SessionTableTest, BoundsTheResultsOfAClientThatNeverAcknowledges) {
  SessionTable table;
  const std::uint64_t many = 3 * kMaxPipelinePerSession;
  for (std::uint64_t s = 1; s <= many; ++s) {
    Execute(table, Numbered(s), s % 2 == 0 ? Plain() : WithValue("x"));
  }
  EXPECT_EQ(table.cached_results(), kMaxPipelinePerSession);
  EXPECT_EQ(table.intervals(), 1u);
  EXPECT_NE(table.FindResult({ClientId{1}, many}), nullptr);
  EXPECT_EQ(table.FindResult({ClientId{1}, many - kMaxPipelinePerSession}),
            nullptr);
}

TEST(SessionTableTest, TakesExtremeSequences) {
  SessionTable table;
  const std::uint64_t largest = ~std::uint64_t{0};
  EXPECT_EQ(Execute(table, Numbered(largest)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(0)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(0)), Outcome::kStale);
  EXPECT_EQ(Execute(table, Numbered(largest)), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kNew);
  EXPECT_FALSE(table.WasExecuted({ClientId{1}, 2}));
}

TEST(SessionTableTest, IsASetWhateverTheOrder) {
  std::mt19937_64 random(3);
  std::uint64_t expected_hash = 0;
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint64_t> order(300);
    std::iota(order.begin(), order.end(), 1u);
    std::ranges::shuffle(order, random);
    SessionTable table;
    std::set<std::uint64_t> executed;
    for (const std::uint64_t s : order) {
      if (s % 7 == 0) continue;
      const std::uint64_t acknowledged = random() % s;
      ASSERT_EQ(Execute(table, Numbered(s, acknowledged)), Outcome::kNew);
      executed.insert(s);
      const std::uint64_t asked = 1 + random() % 301;
      ASSERT_EQ(table.WasExecuted({ClientId{1}, asked}),
                executed.contains(asked));
    }
    EXPECT_EQ(table.intervals(), 43u);  // 1-6, 8-13, ..., 295-300
    if (round == 0) expected_hash = table.set_hash();
    EXPECT_EQ(table.set_hash(), expected_hash);
  }
}

TEST(SessionTableTest, FingerprintCoversResultsAndMarksButNotTheOrder) {
  SessionTable a;
  SessionTable b;
  Execute(a, Numbered(1, 0, ClientId{1}), WithValue("x"));
  Execute(a, Numbered(1, 0, ClientId{2}));
  Execute(b, Numbered(1, 0, ClientId{2}));
  Execute(b, Numbered(1, 0, ClientId{1}), WithValue("x"));
  EXPECT_EQ(a.Fingerprint(), b.Fingerprint());
  SessionTable other;
  Execute(other, Numbered(1, 0, ClientId{1}), WithValue("y"));
  Execute(other, Numbered(1, 0, ClientId{2}));
  EXPECT_EQ(a.set_hash(), other.set_hash());
  EXPECT_NE(a.Fingerprint(), other.Fingerprint());
}

}  // namespace
}  // namespace quorate
