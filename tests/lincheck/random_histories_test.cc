// Random histories: three independent judges (search, zones, permutations) and
// one generator whose histories are right by construction.
#include <random>

#include "gtest/gtest.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/component.h"
#include "tests/lincheck/generator.h"
#include "tests/lincheck/search.h"
#include "tests/lincheck/table.h"
#include "tests/lincheck/zones.h"

namespace quorate::lincheck {
namespace {

std::string Draw(const History& history) {
  std::vector<std::size_t> all(history.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return DrawTable(history, all);
}

void ExpectLinearizable(const Shape& shape, std::uint32_t seeds) {
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    const History history = MakeLinearizable(shape, seed);
    const CheckReport report = CheckHistory(history);
    ASSERT_EQ(report.outcome, Outcome::kLinearizable) << "seed " << seed << "\n"
                                                      << Draw(history);
  }
}

// Compares with all permutations, before and after one reply was changed, and
// demands that a fair share of the changes makes the history wrong.
void ExpectPermutationsAgree(const Shape& shape, std::uint32_t seeds) {
  std::mt19937 random(1);
  std::uint32_t wrong = 0;
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    History history = MakeLinearizable(shape, seed);
    ASSERT_TRUE(LinearizableByPermutation(history)) << Draw(history);
    if (!ChangeOneReply(history, random)) continue;
    const bool expected = LinearizableByPermutation(history);
    const Outcome outcome = CheckHistory(history).outcome;
    ASSERT_EQ(outcome, expected ? Outcome::kLinearizable : Outcome::kViolation)
        << "seed " << seed << "\n"
        << Draw(history);
    if (!expected) ++wrong;
  }
  EXPECT_GT(wrong, seeds / 10);
}

TEST(RandomHistories, AcceptsWhatASimulatedStoreGave) {
  ExpectLinearizable({.operations = 300}, 50);
  ExpectLinearizable({.clients = 12, .operations = 200, .unique_values = true},
                     50);
  ExpectLinearizable({.operations = 200, .keys = 3, .unknown_percent = 5}, 50);
}

TEST(RandomHistories, AcceptsBatchesAndScansOfASimulatedStore) {
  ExpectLinearizable({.operations = 60,
                      .keys = 4,
                      .weights = {3, 3, 1, 1, 1, 1, 2},
                      .unknown_percent = 3,
                      .batch_percent = 30},
                     100);
}

TEST(RandomHistories, AgreesWithAllPermutationsOfOneKey) {
  ExpectPermutationsAgree({.clients = 3, .operations = 7}, 2000);
}

TEST(RandomHistories, AgreesWithAllPermutationsOfAppends) {
  ExpectPermutationsAgree(
      {.clients = 4, .operations = 7, .weights = {3, 0, 0, 0, 0, 4, 0}}, 1000);
  ExpectPermutationsAgree({.clients = 4,
                           .operations = 7,
                           .weights = {3, 1, 0, 0, 0, 4, 0},
                           .unknown_percent = 15},
                          1000);
}

TEST(RandomHistories, AgreesWithAllPermutationsOfUnknownOperations) {
  ExpectPermutationsAgree(
      {.clients = 3, .operations = 7, .unknown_percent = 25}, 2000);
  ExpectPermutationsAgree({.clients = 3,
                           .operations = 7,
                           .weights = {3, 2, 1, 3, 0, 0, 0},
                           .unknown_percent = 30},
                          2000);
}

// Nearly every write has a twin, with a reply or without.
TEST(RandomHistories, AgreesWithAllPermutationsOfTwins) {
  ExpectPermutationsAgree({.clients = 5,
                           .operations = 7,
                           .weights = {3, 2, 0, 1, 1, 3, 0},
                           .unknown_percent = 20},
                          2000);
  ExpectPermutationsAgree({.clients = 6,
                           .operations = 7,
                           .weights = {3, 4, 2, 3, 0, 0, 0},
                           .unknown_percent = 40},
                          2000);
}

TEST(RandomHistories, AgreesWithAllPermutationsOfNastyValues) {
  ExpectPermutationsAgree({.clients = 3,
                           .operations = 7,
                           .weights = {3, 3, 2, 1, 2, 1, 0},
                           .nasty_values = true,
                           .unknown_percent = 15},
                          2000);
  ExpectPermutationsAgree({.clients = 4,
                           .operations = 7,
                           .weights = {0, 3, 3, 1, 2, 1, 0},
                           .nasty_values = true,
                           .unknown_percent = 25},
                          2000);
  ExpectPermutationsAgree({.clients = 3,
                           .operations = 6,
                           .keys = 2,
                           .weights = {1, 3, 2, 1, 2, 1, 3},
                           .nasty_values = true,
                           .unknown_percent = 10,
                           .batch_percent = 30},
                          1000);
}

TEST(RandomHistories, AgreesWithAllPermutationsOfBatchesAndScans) {
  ExpectPermutationsAgree({.clients = 3,
                           .operations = 6,
                           .keys = 3,
                           .weights = {4, 3, 1, 1, 1, 1, 2},
                           .unknown_percent = 10,
                           .batch_percent = 40},
                          1000);
}

TEST(RandomHistories, BothAlgorithmsAgreeOnRegistersOfUniqueValues) {
  const Shape shape{.clients = 4,
                    .operations = 10,
                    .weights = {1, 1, 0, 0, 0, 0, 0},
                    .unique_values = true,
                    .unknown_percent = 10};
  std::mt19937 random(2);
  int wrong = 0;
  int right = 0;
  for (std::uint32_t seed = 0; seed < 5000; ++seed) {
    History history = MakeLinearizable(shape, seed);
    for (std::uint32_t changes = 0; changes < seed % 3; ++changes) {
      ChangeOneReply(history, random);
    }
    for (const Group& group : SplitIntoGroups(history)) {
      const Component component = MakeComponent(history, group);
      ASSERT_TRUE(ZonesApply(component));
      const bool by_search =
          SearchOrder(component).verdict == Verdict::kLinearizable;
      ASSERT_EQ(ZonesAreLinearizable(component), by_search)
          << "seed " << seed << "\n"
          << Draw(history);
      ++(by_search ? right : wrong);
    }
  }
  EXPECT_GT(wrong, 1000);
  EXPECT_GT(right, 1000);
}

TEST(RandomHistories, ShrinksToAPartThatIsWrongByItself) {
  std::mt19937 random(3);
  std::size_t violations = 0;
  std::size_t sizes = 0;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    History history = MakeLinearizable(
        {.operations = 60, .unique_values = true, .unknown_percent = 3}, seed);
    ChangeOneReply(history, random);
    const CheckReport report = CheckHistory(history);
    if (report.outcome != Outcome::kViolation) continue;
    ++violations;
    History part;
    for (const std::size_t index : report.smallest) {
      part.push_back(history[index]);
    }
    sizes += part.size();
    EXPECT_EQ(CheckHistory(part).outcome, Outcome::kViolation) << Draw(part);
  }
  EXPECT_GT(violations, 50u);
  // Of 60 operations, on average.
  EXPECT_LT(sizes, 12 * violations) << violations << " violations";
}

// ---- hints ------------------------------------------------------------------

// Any order, of some of the operations, some of them at one place.
void HintAnything(History& history, std::mt19937& random) {
  for (Operation& operation : history) {
    if (random() % 8 != 0) {
      operation.hint = static_cast<std::int64_t>(random() % history.size());
    }
  }
}

TEST(RandomHistories, AHintSaysNothingAboutWhatIsRight) {
  const Shape shapes[] = {
      {.clients = 4,
       .operations = 7,
       .weights = {3, 2, 1, 2, 1, 2, 0},
       .unknown_percent = 30},
      {.clients = 5,
       .operations = 7,
       .weights = {3, 2, 0, 1, 1, 3, 0},
       .unknown_percent = 20},
      {.clients = 3,
       .operations = 6,
       .keys = 3,
       .weights = {4, 3, 1, 1, 1, 1, 2},
       .unknown_percent = 10,
       .batch_percent = 40},
  };
  std::mt19937 random(4);
  int wrong = 0;
  for (const Shape& shape : shapes) {
    for (std::uint32_t seed = 0; seed < 1000; ++seed) {
      History history = MakeLinearizable(shape, seed);
      if (seed % 3 != 0) ChangeOneReply(history, random);
      const Outcome plain = CheckHistory(history).outcome;
      ASSERT_EQ(plain == Outcome::kLinearizable,
                LinearizableByPermutation(history))
          << Draw(history);
      HintAnything(history, random);
      ASSERT_EQ(CheckHistory(history).outcome, plain) << "seed " << seed << "\n"
                                                      << Draw(history);
      if (plain == Outcome::kViolation) ++wrong;
    }
  }
  EXPECT_GT(wrong, 300);
}

// Adds without an answer, of which any subset may have been done by the time
// that somebody reads: too many to try, unless it is known which.
History AddsOfWhichHalfAreSeen() {
  History history;
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::int64_t number = 1'000'003 * (i + 1) * (i + 1) + i;
    history.push_back({.client = i,
                       .call = 0,
                       .actions = {{.function = Function::kAdd,
                                    .key = "n",
                                    .number = number}},
                       .hint = 39 - i});
    if (i >= 20) sum += number;
  }
  history.push_back({.client = 41,
                     .call = 10,
                     .ret = 20,
                     .actions = {{.function = Function::kGet,
                                  .key = "n",
                                  .has_out = true,
                                  .out = std::to_string(sum)}}});
  return history;
}

TEST(LargeHistories, AHintDecidesWhatCannotBeSearched) {
  History history = AddsOfWhichHalfAreSeen();
  const CheckOptions options{.max_configurations = 1000};
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kLinearizable);
  for (Operation& operation : history) operation.hint = kNever;
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kUndecided);
}

// A delete without an answer that came before all else, and so did nothing:
// what it would do later is not what the hint says.
TEST(LargeHistories, AHintThatDidNothingInItsTurnIsNotTakenLater) {
  History history = AddsOfWhichHalfAreSeen();
  for (std::int64_t i = 0; i < 3; ++i) {
    history.push_back({.client = 50 + i,
                       .call = 0,
                       .actions = {{.function = Function::kDelete, .key = "n"}},
                       .hint = -1 - i});
  }
  EXPECT_EQ(CheckHistory(history, {.max_configurations = 1000}).outcome,
            Outcome::kLinearizable);
}

// ---- large ------------------------------------------------------------------

TEST(LargeHistories, DecidesTenThousandOperationsOnOneHotKey) {
  ExpectLinearizable({.clients = 16,
                      .operations = 10000,
                      .weights = {1, 1, 0, 0, 0, 0, 0},
                      .unique_values = true},
                     1);
  ExpectLinearizable({.clients = 16,
                      .operations = 10000,
                      .weights = {4, 3, 1, 1, 1, 1, 0},
                      .unique_values = true},
                     1);
}

TEST(LargeHistories, DecidesTenThousandAppends) {
  ExpectLinearizable({.clients = 16,
                      .operations = 10000,
                      .weights = {1, 0, 0, 0, 0, 9, 0},
                      .unique_values = true},
                     1);
}

TEST(LargeHistories, DecidesTenThousandOperationsThatWriteThreeValues) {
  ExpectLinearizable(
      {.clients = 16, .operations = 10000, .weights = {4, 3, 0, 2, 0, 2, 0}},
      1);
}

TEST(LargeHistories, DecidesWithHundredsOfUnknownOperations) {
  ExpectLinearizable({.clients = 16,
                      .operations = 5000,
                      .weights = {1, 1, 0, 0, 0, 0, 0},
                      .unique_values = true,
                      .unknown_percent = 5},
                     1);
}

TEST(LargeHistories, FindsTheOneWrongReadAmongTenThousand) {
  History history = MakeLinearizable({.clients = 16,
                                      .operations = 10000,
                                      .weights = {1, 1, 0, 0, 0, 0, 0},
                                      .unique_values = true},
                                     7);
  std::string first_value;
  Action* late_read = nullptr;
  for (Operation& operation : history) {
    Action& action = operation.actions.front();
    if (action.function == Function::kPut && first_value.empty()) {
      first_value = action.value;
    }
    if (action.function == Function::kGet) late_read = &action;
  }
  ASSERT_NE(late_read, nullptr);
  late_read->out = first_value;
  const CheckReport report = CheckHistory(history);
  EXPECT_EQ(report.outcome, Outcome::kViolation);
  EXPECT_LE(report.smallest.size(), 3u);
}

TEST(LargeHistories, SaysUndecidedWhenTheTimeIsUp) {
  // Forty concurrent adds whose sum nobody could have read: every subset of
  // them has to be looked at.
  History history;
  for (int i = 0; i < 40; ++i) {
    history.push_back({.client = i,
                       .call = 0,
                       .ret = 100,
                       .actions = {{.function = Function::kAdd,
                                    .key = "n",
                                    .number = std::int64_t{1} << i}}});
  }
  history.push_back({.client = 41,
                     .call = 0,
                     .ret = 100,
                     .actions = {{.function = Function::kGet,
                                  .key = "n",
                                  .has_out = true,
                                  .out = "none of them"}}});
  CheckOptions options;
  options.max_seconds = 0.05;
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kUndecided);
}

}  // namespace
}  // namespace quorate::lincheck
