// The store and the checker, held against each other: what the one did is what
// the other takes for right, and nothing else is.
#include <array>
#include <charconv>
#include <random>
#include <string>
#include <vector>

#include "executor/kv_state_machine.h"
#include "gtest/gtest.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/component.h"
#include "tests/lincheck/history.h"
#include "tests/lincheck/map_state.h"
#include "wire/limits.h"
#include "wire/meaning.h"

namespace quorate::lincheck {
namespace {

using std::string_literals::operator""s;

// Texts that are hard to tell from a number, from nothing or from each other.
std::vector<std::string> NastyValues() {
  return {
      "", "0", "-0", "-", "--1", "+1", "7", "007", " 1", "1 ", "1e3", "0x10",
      "9223372036854775807", "9223372036854775808", "-9223372036854775808",
      "-9223372036854775809", "18446744073709551616", "99999999999999999999",
      "000000000000000000000000000012", "-00000000000000000000000000012",
      std::string(300, '0'), std::string(300, '9'), "\0\0"s, "\xff\xfe\x80"s,
      "caf\xc3\xa9", "\"\\\n",
      // Draws::Value knows that these two are the last.
      std::string(kMaxValueBytes, 'l'), std::string(kMaxValueBytes - 1, '0')};
}

// A named operation with its own memory.
struct Asked {
  OperationKind kind{};
  std::string key, value, expected;
  std::int64_t number = 0;

  quorate::Operation View() const {
    return {.kind = kind,
            .key = key,
            .value = value,
            .expected = expected,
            .number = number,
            .key_hash = HashKey(key)};
  }
};

class Draws {
 public:
  explicit Draws(std::uint32_t seed) : random_(seed) {}

  Asked Next() {
    Asked asked{.kind = kClientOperations[Below(kClientOperations.size())],
                .key = Key(),
                .value = Value(),
                .expected = Value(),
                .number = Number()};
    if (asked.kind == OperationKind::kScan) {
      asked.value = Below(2) == 0 ? "" : Key();
      asked.number = static_cast<std::int64_t>(Below(4));
    }
    return asked;
  }
  std::size_t Below(std::size_t limit) { return random_() % limit; }
  // Large ones now and then: they cost most of the time.
  const std::string& Value() {
    constexpr std::size_t kLarge = 2;
    return values_[Below(24) == 0 ? Below(values_.size())
                                  : Below(values_.size() - kLarge)];
  }

 private:
  std::string Key() {
    static const std::array<std::string, 4> keys = {"", "a", "b\0"s, "\xff"};
    return keys[Below(keys.size())];
  }
  std::int64_t Number() {
    static constexpr std::array<std::int64_t, 6> numbers = {
        0,
        1,
        -1,
        12,
        std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()};
    return numbers[Below(numbers.size())];
  }

  std::mt19937 random_;
  std::vector<std::string> values_ = NastyValues();
};

// The operation, with a result, as a history tells it.
Action Told(const Asked& asked, const OperationResult& result) {
  Action action{.function = asked.kind,
                .key = asked.key,
                .value = asked.value,
                .old = asked.expected,
                .ok = result.status == OperationStatus::kOk,
                .number = asked.number,
                .rows = result.rows};
  const Gives gives = RowOf(asked.kind).gives;
  if (gives == Gives::kValue) action.found = action.ok;
  action.has_ok = gives == Gives::kWhether || gives == Gives::kWhetherOrValue;
  action.has_out = gives == Gives::kValue || gives == Gives::kRows ||
                   (gives == Gives::kWhetherOrValue && !action.ok);
  if (gives != Gives::kRows) action.out = result.value;
  return action;
}

// All keys of the history as one component.
struct World {
  History history;
  Component component;

  explicit World(History all) : history(std::move(all)) {
    Group group;
    for (std::size_t i = 0; i < history.size(); ++i) {
      for (const Action& action : history[i].actions) {
        if (action.function != Function::kScan) {
          group.keys.push_back(action.key);
        }
      }
      group.operations.push_back({.index = i});
    }
    component = MakeComponent(history, group);
  }
};

Operation At(std::int64_t time, Action action) {
  Operation operation{.call = 2 * time, .ret = 2 * time + 1};
  operation.line = static_cast<std::size_t>(time) + 1;
  operation.actions.push_back(std::move(action));
  return operation;
}

void ExpectSameState(const Component& component, const MapState& state,
                     const KvStateMachine& store) {
  for (std::size_t key = 0; key < component.keys.size(); ++key) {
    const auto found = store.Find(component.keys[key]);
    const Value expected = found.has_value() ? Value(*found) : Value();
    EXPECT_TRUE(state.value(static_cast<int>(key)) == expected)
        << "key " << key;
    EXPECT_EQ(expected.number(),
              found.has_value() ? NumberIn(*found) : std::nullopt);
  }
}

TEST(StoreAndChecker, GiveEqualStatesAndResults) {
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    Draws draws(seed);
    KvStateMachine store;
    std::vector<KvStateMachine> after;
    History history;
    for (std::int64_t i = 0; i < 40; ++i) {
      const Asked asked = draws.Next();
      CommandResult results;
      const quorate::Operation operation = asked.View();
      store.Apply({&operation, 1}, results);
      history.push_back(At(i, Told(asked, results[0])));
      after.push_back(store);
    }
    const World world(std::move(history));
    MapState state(world.component.keys);
    for (const ComponentOperation& operation : world.component.operations) {
      ASSERT_TRUE(state.Apply(operation))
          << "seed " << seed << ": "
          << Describe(world.history[operation.index].actions[0], false);
      ExpectSameState(world.component, state, after[operation.index]);
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
    ASSERT_EQ(CheckHistory(world.history).outcome, Outcome::kLinearizable)
        << "seed " << seed;
  }
}

// Every other result that the operation could have been given.
std::vector<OperationResult> OtherResults(const Asked& asked,
                                          const OperationResult& right,
                                          Draws& draws) {
  std::vector<OperationResult> others;
  const auto add = [&](OperationResult other) {
    if (other != right) others.push_back(std::move(other));
  };
  switch (asked.kind) {
    case OperationKind::kGet:
      add({.status = OperationStatus::kNotFound});
      for (int i = 0; i < 4; ++i) add({.value = draws.Value()});
      add({});
      break;
    case OperationKind::kCompareAndSet:
      add({});
      for (int i = 0; i < 4; ++i) {
        add({.status = OperationStatus::kMismatch, .value = draws.Value()});
      }
      break;
    case OperationKind::kScan: {
      OperationResult other = right;
      if (other.rows.empty()) break;
      other.rows.back().second += "x";
      add(other);
      other.rows.pop_back();
      // Without its last row it may be one that was cut; not without its first.
      if (right.rows.size() > 1)
        other.rows = {right.rows.begin() + 1, right.rows.end()};
      add(other);
      break;
    }
    case OperationKind::kPut: break;  // Tells nothing.
    default: {
      const bool ok = right.status == OperationStatus::kOk;
      add({.status = ok ? OperationStatus::kNotFound : OperationStatus::kOk});
    }
  }
  return others;
}

TEST(StoreAndChecker, AgreeThatNoOtherResultIsRight) {
  std::size_t planted = 0;
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    Draws draws(seed);
    KvStateMachine store;
    History history;
    std::vector<OperationResult> others;
    Asked last;
    for (std::int64_t i = 0; i < 12; ++i) {
      last = draws.Next();
      CommandResult results;
      const quorate::Operation operation = last.View();
      store.Apply({&operation, 1}, results);
      history.push_back(At(i, Told(last, results[0])));
      others = OtherResults(last, results[0], draws);
    }
    for (const OperationResult& other : others) {
      history.back().actions[0] = Told(last, other);
      EXPECT_EQ(CheckHistory(history, {.shrink_seconds = 0.01}).outcome,
                Outcome::kViolation)
          << "seed " << seed << ": "
          << Describe(history.back().actions[0], false);
      ++planted;
    }
  }
  EXPECT_GT(planted, 200u);
}

// The checker puts values together of parts; the store reads whole texts.
TEST(StoreAndChecker, ReadTheSameNumberHoweverTheTextWasMade) {
  for (const std::string& text : NastyValues()) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool is_number = error == std::errc() && stop == end;
    EXPECT_EQ(NumberIn(text), is_number ? std::optional(number) : std::nullopt)
        << text.substr(0, 40);
    if (text.size() > 1000) continue;  // Hashed often enough elsewhere.
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(text.size(), 40);
         ++cut) {
      Value value(std::string_view(text).substr(0, cut));
      value.Append(Value(std::string_view(text).substr(cut)));
      EXPECT_EQ(value.number(), NumberIn(text)) << text.substr(0, 40) << cut;
      EXPECT_TRUE(value == Value(text));
    }
  }
}

}  // namespace
}  // namespace quorate::lincheck
