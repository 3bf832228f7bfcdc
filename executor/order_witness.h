// Answers: does it show in which of two orders two operations are done?
//
// Runs both orders on the store itself, from every one of a set of small
// states and with every one of a set of small arguments, and compares what the
// keys hold afterwards and what both operations gave. What the table of
// operations lets commute must be equal everywhere; of what it orders, a case
// that differs is the witness that it has to. Pure; for tests and for people
// who ask why.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/command.h"
#include "wire/operations.h"
#include "wire/result.h"

namespace quorate {

// What the keys hold.
using KeyValues = std::map<std::string, std::string, std::less<>>;

// One order: what was given, whichever came first, and what is there in the
// end.
struct OrderOutcome {
  OperationResult a;
  OperationResult b;
  KeyValues after;
  friend bool operator==(const OrderOutcome&, const OrderOutcome&) = default;
};

struct OrderCase {
  KeyValues before;
  Operation a;
  Operation b;
  OrderOutcome a_first;
  OrderOutcome b_first;

  bool order_shows() const { return a_first != b_first; }
};

OrderCase RunBothOrders(const KeyValues& before, const Operation& a,
                        const Operation& b);

// Simple ones first. Views of constants.
std::vector<Operation> SmallOperations(OperationKind kind,
                                       std::span<const std::string_view> keys);
// What one key may hold that could make a difference to the two.
std::vector<KeyValues> SmallStates(std::string_view key, OperationKind a,
                                   OperationKind b);

struct OrderSearch {
  std::optional<OrderCase> witness;
  std::size_t cases = 0;  // that were tried until then
};
// Of two operations that clients ask for, on one key (which a range covers).
OrderSearch FindOrderWitness(OperationKind a, OperationKind b);

}  // namespace quorate
