#include "wire/payloads.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/wire/random_values.h"

namespace quorate {
namespace {

template <typename Variant>
std::vector<CommandBatchPtr> PayloadsOf(const Variant& any) {
  std::vector<CommandBatchPtr> found;
  VisitPayloads(any, [&](const CommandBatchPtr& batch) {
    if (batch != nullptr) found.push_back(batch);
  });
  return found;
}

TEST(PayloadsTest, WhateverTheMessageOrRecordHoldsIsFound) {
  Random random(7);
  const CommandBatchPtr first = RandomBatch(random);
  const CommandBatchPtr second = RandomBatch(random);
  using Found = std::vector<CommandBatchPtr>;
  EXPECT_EQ(PayloadsOf(Message(PreAccept{.batch = first})), Found{first});
  EXPECT_EQ(PayloadsOf(Message(Commit{.value = Value::Commands(first)})),
            Found{first});
  EXPECT_EQ(PayloadsOf(Message(Promise{
                .votes = {{.value = Value::Commands(first)},
                          {.value = Value::Noop()},
                          {.value = Value::Commands(second)}}})),
            (Found{first, second}));
  EXPECT_EQ(PayloadsOf(Record(InstanceRecord{.value = Value::Commands(first),
                                             .initial_batch = second})),
            (Found{first, second}))
      << "what was decided and what was proposed first may differ";
  EXPECT_EQ(PayloadsOf(Record(DecidedRecord{})), Found{});
}

TEST(PayloadsTest, TheyCanBeExchanged) {
  Random random(7);
  Record record = AcceptedRecord{.value = Value::Commands(RandomBatch(random))};
  const CommandBatchPtr other = RandomBatch(random);
  VisitPayloads(record, [&](CommandBatchPtr& batch) { batch = other; });
  EXPECT_EQ(std::get<AcceptedRecord>(record).value.batch, other);
}

}  // namespace
}  // namespace quorate
