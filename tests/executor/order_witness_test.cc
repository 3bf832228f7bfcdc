// The table of operations against the store: what it lets commute must be equal
// in either order, whatever the keys hold and whatever the arguments are.
#include "executor/order_witness.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "executor/kv_state_machine.h"
#include "wire/commutation.h"

namespace quorate {
namespace {

// In and beside the ranges of SmallOperations.
constexpr std::array<std::string_view, 2> kKeys = {"k", "m"};

std::vector<Operation> EveryOperation() {
  std::vector<Operation> operations;
  for (const OperationKind kind : kClientOperations) {
    for (const Operation& operation : SmallOperations(kind, kKeys)) {
      operations.push_back(operation);
    }
  }
  return operations;
}

std::string Text(const OrderCase& tried) {
  std::string text;
  for (const Operation* operation : {&tried.a, &tried.b}) {
    text += std::string(Name(operation->kind)) + " " +
            std::string(operation->key) + " " + std::string(operation->value) +
            " " + std::to_string(operation->number) + "; ";
  }
  for (const auto& [key, value] : tried.before) {
    text += key + "=" + value.substr(0, 20) + " ";
  }
  return text;
}

// Pairs of different keys and ranges that miss a key are among them.
TEST(OrderWitnessTest, WhatTheTableLetsCommuteCommutes) {
  const std::vector<Operation> all = EveryOperation();
  std::size_t commuting = 0;
  for (const Operation& a : all) {
    for (const Operation& b : all) {
      if (Conflict(a, b, ConflictMode::kOperation)) continue;
      ++commuting;
      // A range sees what is beside the other's key, too.
      for (KeyValues before :
           SmallStates(a.key, OperationKind::kGet, OperationKind::kGet)) {
        before.emplace(b.key, "1");
        const OrderCase tried = RunBothOrders(before, a, b);
        ASSERT_FALSE(tried.order_shows()) << Text(tried);
      }
    }
  }
  EXPECT_GT(commuting, 500u);
}

TEST(OrderWitnessTest, WhatTheTableOrdersShowsItsOrderSomewhere) {
  for (const OperationKind a : kClientOperations) {
    for (const OperationKind b : kClientOperations) {
      const OrderSearch search = FindOrderWitness(a, b);
      const bool ordered = Conflict(ClassOf(a, ConflictMode::kOperation),
                                    ClassOf(b, ConflictMode::kOperation));
      EXPECT_EQ(search.witness.has_value(), ordered)
          << Name(a) << " " << Name(b);
      if (search.witness.has_value()) {
        EXPECT_TRUE(Conflict(search.witness->a, search.witness->b,
                             ConflictMode::kOperation));
      }
    }
  }
}

// A column of the table, which workloads and checkers rely on.
TEST(OrderWitnessTest, OperationsFailAsTheirRowsSay) {
  for (const OperationKind kind : kClientOperations) {
    std::set<OperationStatus> statuses;
    bool tells_value = false;
    for (const KeyValues& before : SmallStates("k", kind, kind)) {
      for (const Operation& operation :
           SmallOperations(kind, std::span(kKeys).first(1))) {
        const OrderCase tried = RunBothOrders(before, operation, operation);
        for (const OperationResult* result :
             {&tried.a_first.a, &tried.a_first.b}) {
          statuses.insert(result->status);
          tells_value |= !result->value.empty() || !result->rows.empty();
        }
      }
    }
    const OperationRow& row = RowOf(kind);
    EXPECT_EQ(statuses,
              (std::set<OperationStatus>{OperationStatus::kOk, row.fails}))
        << row.name;
    EXPECT_EQ(tells_value,
              row.gives != Gives::kNothing && row.gives != Gives::kWhether)
        << row.name;
  }
}

TEST(OrderWitnessTest, AWitnessTellsWhatBothOrdersMake) {
  const OrderSearch search =
      FindOrderWitness(OperationKind::kAdd, OperationKind::kMax);
  ASSERT_TRUE(search.witness.has_value());
  const OrderCase& shown = *search.witness;
  EXPECT_NE(shown.a_first.after, shown.b_first.after);
  EXPECT_EQ(RunBothOrders(shown.before, shown.a, shown.b).a_first,
            shown.a_first);
}

}  // namespace
}  // namespace quorate
