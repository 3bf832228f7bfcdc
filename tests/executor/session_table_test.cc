#include "executor/session_table.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
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
  const std::uint64_t largest = FirstSequence(1) - 2;
  EXPECT_EQ(Execute(table, Numbered(largest)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(0)), Outcome::kNew);
  EXPECT_EQ(Execute(table, Numbered(0)), Outcome::kStale);
  EXPECT_EQ(Execute(table, Numbered(largest)), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kNew);
  EXPECT_FALSE(table.WasExecuted({ClientId{1}, 2}));
}

// ---- what is kept -----------------------------------------------------------

TEST(SessionTableTest, KeepsTheNewestResultsOfASessionAndSaysWhichAreGone) {
  SessionTable table({.command_bytes = 1000, .kept_bytes = 100'000});
  for (std::uint64_t s = 1; s <= 5; ++s) {
    Execute(table, Numbered(s), WithValue(std::string(300, 'x')));
  }
  Execute(table, Numbered(6));
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kResultGone);
  EXPECT_EQ(Execute(table, Numbered(3)), Outcome::kResultGone);
  EXPECT_EQ(Execute(table, Numbered(4)), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(5)), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(6)), Outcome::kRepeated)
      << "a status needs no room";
  EXPECT_EQ(table.FindResult({ClientId{1}, 3}), nullptr);
  EXPECT_TRUE(table.WasExecuted({ClientId{1}, 3}));
  EXPECT_LE(table.kept_bytes(), 1000u);
  EXPECT_EQ(table.results_gone(), 3u);
}

// Replicas execute commuting commands in orders of their own, and hear of marks
// sooner or later.
TEST(SessionTableTest, KeepsTheSameOfASessionWhateverTheOrder) {
  std::mt19937_64 random(17);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<Command, CommandResult>> commands;
    for (std::uint64_t s = 1; s <= 30; ++s) {
      if (random() % 5 == 0) continue;
      commands.emplace_back(
          Numbered(s, s - 1 - random() % std::min<std::uint64_t>(s, 12)),
          random() % 3 == 0 ? Plain()
                            : WithValue(std::string(random() % 400, 'x')));
    }
    std::vector<std::uint64_t> prints;
    for (int order = 0; order < 3; ++order) {
      SessionTable table({.command_bytes = 1200, .kept_bytes = 100'000});
      for (const auto& [command, result] : commands) {
        Execute(table, command, result);
      }
      prints.push_back(table.Fingerprint());
      std::ranges::shuffle(commands, random);
    }
    EXPECT_EQ(prints[0], prints[1]);
    EXPECT_EQ(prints[0], prints[2]);
  }
}

TEST(SessionTableTest, KeepsTheNewestResultsOfAllSessions) {
  SessionTable table({.command_bytes = 1000, .kept_bytes = 2000});
  for (std::uint64_t client = 1; client <= 60; ++client) {
    Execute(table, Numbered(1, 0, ClientId{client}),
            WithValue(std::string(400, 'x')));
    EXPECT_LE(table.kept_bytes(), 2000u);
  }
  EXPECT_EQ(Execute(table, Numbered(1, 0, ClientId{60})), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(1, 0, ClientId{57})), Outcome::kRepeated);
  EXPECT_EQ(Execute(table, Numbered(1, 0, ClientId{56})), Outcome::kResultGone);
  EXPECT_EQ(Execute(table, Numbered(1, 0, ClientId{1})), Outcome::kResultGone);
  // What a client has had makes room.
  Execute(table, Numbered(2, 1, ClientId{57}));
  EXPECT_LE(table.kept_bytes(), 3u * 464);
}

TEST(SessionTableTest, ARefusalIsGivenAgain) {
  SessionTable table;
  EXPECT_EQ(table.Begin(Numbered(1)), Outcome::kNew);
  table.RememberRefusal({ClientId{1}, 1});
  EXPECT_EQ(table.Begin(Numbered(1)), Outcome::kRefused);
  EXPECT_EQ(table.FindResult({ClientId{1}, 1}), nullptr);
  Execute(table, Numbered(2, 1));
  EXPECT_EQ(table.Begin(Numbered(1)), Outcome::kStale);
}

// However large a session is, no record of it is larger than a message may be.
TEST(SessionTableTest, SavesALargeSessionInPieces) {
  SessionTable table({.command_bytes = 4'000'000, .kept_bytes = 4'000'000});
  std::uint64_t sequence = 0;
  for (int i = 0; i < 20'000; ++i) table.RecordRead(Numbered(sequence += 2));
  for (int i = 0; i < 60; ++i) {
    Execute(table, Numbered(++sequence, 40'000),
            WithValue(std::string(50'000, 'x')));
  }
  Execute(table, Numbered(++sequence, 40'000));
  EXPECT_EQ(table.Begin(Numbered(++sequence, 40'000)), Outcome::kNew);
  table.RememberRefusal({ClientId{1}, sequence});
  Execute(table, Numbered(1, 0, ClientId{2}), WithValue("other"));
  const std::uint64_t expected = table.Fingerprint();
  for (const bool changes : {false, true}) {
    SessionTable copy({.command_bytes = 4'000'000, .kept_bytes = 4'000'000});
    table.BeginSave();
    if (changes) Execute(table, Numbered(99'999, 99'998));
    SessionsRecord record;
    int records = 0;
    for (; table.NextSessions(1, record); ++records) {
      std::size_t size = 0;
      for (const auto& session : record.sessions) {
        size += session.executed.size() * 16;
      }
      for (const ClientReply& result : record.results) {
        size += BytesOf(result.results);
      }
      EXPECT_LE(size, 2 * kPieceBytes);
      copy.Restore(record);
    }
    EXPECT_GT(records, 10);
    EXPECT_EQ(copy.Fingerprint(), expected);
    EXPECT_EQ(copy.kept_bytes(), 60u * 50'064 + 69);
  }
}

// ---- eras -------------------------------------------------------------------

TEST(SessionTableTest, ForgetsASessionThatWasIdleForAWholeEra) {
  SessionTable table;
  Execute(table, Numbered(1), WithValue("kept for the client"));
  table.EndEra(0);
  EXPECT_EQ(table.sessions(), 1u);
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kRepeated);
  table.EndEra(1);
  EXPECT_EQ(table.sessions(), 1u) << "it had a command in era 1";
  table.EndEra(2);
  EXPECT_EQ(table.sessions(), 0u);
  EXPECT_EQ(table.expired_sessions(), 1u);
  EXPECT_EQ(table.cached_results(), 0u);
  EXPECT_EQ(table.set_hash(), SessionTable().set_hash());
}

TEST(SessionTableTest, ACommandOfAForgottenSessionNeverPassesForNew) {
  SessionTable table;
  Execute(table, Numbered(1));
  table.EndEra(0);
  table.EndEra(1);
  EXPECT_EQ(Execute(table, Numbered(1)), Outcome::kExpired);
  EXPECT_EQ(Execute(table, Numbered(2)), Outcome::kExpired);
  EXPECT_EQ(table.sessions(), 0u);
}

TEST(SessionTableTest, ASessionMayBeginOneEraLateAndNoLater) {
  SessionTable table;
  for (std::uint64_t era = 0; era < 5; ++era) table.EndEra(era);
  const auto begin = [&](std::uint64_t era) {
    return Execute(table, Numbered(FirstSequence(era), FirstSequence(era) - 1,
                                   ClientId{era + 1}));
  };
  EXPECT_EQ(begin(3), Outcome::kExpired);
  EXPECT_EQ(begin(4), Outcome::kNew);
  EXPECT_EQ(begin(5), Outcome::kNew);
  EXPECT_EQ(begin(6), Outcome::kExpired) << "no node can have named era 6";
  EXPECT_EQ(table.sessions(), 2u);
}

TEST(SessionTableTest, IgnoresTheEndOfAnEraThatHasEnded) {
  SessionTable table;
  Execute(table, Numbered(1));
  table.EndEra(0);
  table.EndEra(0);
  table.EndEra(7);
  EXPECT_EQ(table.era(), 1u);
  EXPECT_EQ(table.sessions(), 1u);
}

TEST(SessionTableTest, AReadKeepsASessionAndLeavesNoTraceInAForgottenOne) {
  SessionTable table;
  table.RecordRead(Numbered(1));
  table.EndEra(0);
  table.RecordRead(Numbered(2));
  table.EndEra(1);
  EXPECT_EQ(table.sessions(), 1u);
  table.EndEra(2);
  table.RecordRead(Numbered(3));
  EXPECT_EQ(table.sessions(), 0u);
  EXPECT_FALSE(table.WasExecuted({ClientId{1}, 3}));
}

TEST(SessionTableTest, GivesThePlacesOfForgottenSessionsToNewOnes) {
  SessionTable table;
  std::uint64_t client = 0;
  for (std::uint64_t era = 0; era < 50; ++era) {
    for (int i = 0; i < 100; ++i) {
      Execute(table,
              Numbered(FirstSequence(era), FirstSequence(era) - 1,
                       ClientId{++client}),
              WithValue("v"));
    }
    table.EndEra(era);
    EXPECT_LE(table.sessions(), 100u);
  }
  EXPECT_EQ(table.expired_sessions(), client - 100);
  EXPECT_EQ(table.cached_results(), 100u);
}

// Within an era the order is free, and no order shows afterwards.
TEST(SessionTableTest, ForgetsTheSameWhateverTheOrderWithinAnEra) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    SessionTable a;
    SessionTable b;
    for (std::uint64_t era = 0; era < 6; ++era) {
      std::vector<Command> commands;
      for (std::uint64_t n = random() % 8; n > 0; --n) {
        const std::uint64_t born = random() % (era + 1);
        commands.push_back(Numbered(FirstSequence(born) + random() % 4,
                                    FirstSequence(born) - 1,
                                    ClientId{1 + random() % 5}));
      }
      for (const Command& command : commands) Execute(a, command);
      std::ranges::shuffle(commands, random);
      for (const Command& command : commands) Execute(b, command);
      ASSERT_EQ(a.Fingerprint(), b.Fingerprint());
      a.EndEra(era);
      b.EndEra(era);
      ASSERT_EQ(a.Fingerprint(), b.Fingerprint());
    }
  }
}

// A cut is of the moment at which it began, also for what an era's end drops
// and for new sessions in its place.
TEST(SessionTableTest, SavesForgottenSessionsAsOfTheCut) {
  for (int saved_before = 0; saved_before < 4; ++saved_before) {
    SessionTable table;
    for (std::uint64_t client = 1; client <= 3; ++client) {
      Execute(table, Numbered(client, 0, ClientId{client}), WithValue("v"));
    }
    const std::uint64_t expected = table.Fingerprint();
    table.BeginSave();
    SessionTable copy;
    copy.RestoreEra(table.era());
    SessionsRecord record;
    for (int i = 0; i < saved_before && table.NextSessions(1, record); ++i) {
      copy.Restore(record);
    }
    table.EndEra(0);
    table.EndEra(1);
    EXPECT_EQ(table.sessions(), 0u);
    for (std::uint64_t client = 7; client <= 9; ++client) {
      Execute(table, Numbered(FirstSequence(2), FirstSequence(2) - 1,
                              ClientId{client}));
    }
    while (table.NextSessions(1, record)) copy.Restore(record);
    EXPECT_EQ(copy.Fingerprint(), expected) << saved_before;
  }
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
