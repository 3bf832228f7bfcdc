#include "executor/order_witness.h"

#include <array>
#include <limits>

#include "executor/kv_state_machine.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr std::array<std::string_view, 1> kOneKey = {"k"};

// As long as a value that takes one more byte, but not two.
const std::string& LongValue() {
  static const std::string value(kMaxValueBytes - 1, 'x');
  return value;
}

Operation OnKey(OperationKind kind, std::string_view key) {
  return {.kind = kind, .key = key, .key_hash = HashKey(key)};
}

OperationResult ApplyTo(KvStateMachine& store, const Operation& operation) {
  CommandResult results;
  store.Apply({&operation, 1}, results);
  return results.front();
}

// All that is there, page by page.
KeyValues Read(KvStateMachine& store) {
  KeyValues all;
  std::string from;
  do {
    const OperationResult page =
        ApplyTo(store, OnKey(OperationKind::kScan, from));
    for (const auto& [key, value] : page.rows) all.emplace(key, value);
    from = page.value;
  } while (!from.empty());
  return all;
}

KvStateMachine StoreWith(const KeyValues& values) {
  KvStateMachine store;
  for (const auto& [key, value] : values) {
    Operation put = OnKey(OperationKind::kPut, key);
    put.value = value;
    ApplyTo(store, put);
  }
  return store;
}

std::span<const std::string_view> TextsFor(const Argument& argument) {
  static constexpr std::array<std::string_view, 3> kValues = {"1", "x", "23"};
  static constexpr std::array<std::string_view, 3> kExpected = {"", "1", "x"};
  static constexpr std::array<std::string_view, 3> kEnds = {"", "l", "n"};
  if (argument.form == Argument::Form::kKey) return kEnds;
  return argument.member == Argument::Member::kExpected ? kExpected : kValues;
}

std::span<const std::int64_t> NumbersFor(const Argument& argument) {
  static constexpr std::array<std::int64_t, 4> kNumbers = {
      1, 7, -3, std::numeric_limits<std::int64_t>::max()};
  static constexpr std::array<std::int64_t, 2> kRows = {kMaxScanRows, 1};
  if (argument.form == Argument::Form::kRows) return kRows;
  return kNumbers;
}

// Every operation so far, with every choice for one more argument.
std::vector<Operation> WithArgument(const std::vector<Operation>& operations,
                                    const Argument& argument) {
  std::vector<Operation> all;
  for (const Operation& operation : operations) {
    if (argument.member == Argument::Member::kNumber) {
      for (const std::int64_t number : NumbersFor(argument)) {
        all.push_back(operation);
        all.back().number = number;
      }
    } else {
      for (const std::string_view text : TextsFor(argument)) {
        all.push_back(operation);
        TextOf(all.back(), argument.member) = text;
      }
    }
  }
  return all;
}

}  // namespace

OrderCase RunBothOrders(const KeyValues& before, const Operation& a,
                        const Operation& b) {
  OrderCase both{.before = before, .a = a, .b = b};
  KvStateMachine store = StoreWith(before);
  both.a_first.a = ApplyTo(store, a);
  both.a_first.b = ApplyTo(store, b);
  both.a_first.after = Read(store);
  KvStateMachine other = StoreWith(before);
  both.b_first.b = ApplyTo(other, b);
  both.b_first.a = ApplyTo(other, a);
  both.b_first.after = Read(other);
  return both;
}

std::vector<Operation> SmallOperations(OperationKind kind,
                                       std::span<const std::string_view> keys) {
  std::vector<Operation> operations;
  for (const std::string_view key : keys) {
    operations.push_back(OnKey(kind, key));
  }
  for (const Argument& argument : RowOf(kind).arguments) {
    if (argument.member == Argument::Member::kKey) continue;
    operations = WithArgument(operations, argument);
  }
  return operations;
}

std::vector<KeyValues> SmallStates(std::string_view key, OperationKind a,
                                   OperationKind b) {
  std::vector<KeyValues> states = {{}};
  for (const std::string_view value :
       {"1", "x", "", "-3", "9223372036854775807", "007"}) {
    states.push_back({{std::string(key), std::string(value)}});
  }
  for (const OperationKind kind : {a, b}) {
    if (RowOf(kind).fails != OperationStatus::kTooLarge) continue;
    states.push_back({{std::string(key), LongValue()}});
    break;
  }
  return states;
}

OrderSearch FindOrderWitness(OperationKind a, OperationKind b) {
  OrderSearch search;
  const std::vector<Operation> all_a = SmallOperations(a, kOneKey);
  const std::vector<Operation> all_b = SmallOperations(b, kOneKey);
  for (const KeyValues& before : SmallStates(kOneKey[0], a, b)) {
    for (const Operation& x : all_a) {
      for (const Operation& y : all_b) {
        ++search.cases;
        OrderCase both = RunBothOrders(before, x, y);
        if (!both.order_shows()) continue;
        search.witness = std::move(both);
        return search;
      }
    }
  }
  return search;
}

}  // namespace quorate
