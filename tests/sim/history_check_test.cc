// What a history of simulated clients says where an answer is missing.
#include "tests/sim/history_check.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace quorate::sim {
namespace {

using Outcome = HistoryEntry::Outcome;

// A history of one key, in which every command is over before the next begins.
class HistoryOf {
 public:
  HistoryOf& Asks(OwnedOperation operation, Outcome outcome,
                  CommandResult results = {}) {
    operation.key = "k";
    entries_.push_back({.id = {static_cast<ClientId>(2), entries_.size() + 1},
                        .operations = {std::move(operation)},
                        .call = 10 * entries_.size() + 1,
                        .reply = 10 * entries_.size() + 2,
                        .outcome = outcome,
                        .results = std::move(results)});
    return *this;
  }
  HistoryOf& Puts(const std::string& value, Outcome outcome) {
    return Asks({.kind = OperationKind::kPut, .value = value}, outcome,
                {{.status = OperationStatus::kOk}});
  }
  HistoryOf& Reads(const std::string& value) {
    return Asks({.kind = OperationKind::kGet}, Outcome::kDone,
                {{.status = OperationStatus::kOk, .value = value}});
  }
  bool IsLinearizable() const { return CheckLinearizable(entries_).empty(); }

 private:
  std::vector<HistoryEntry> entries_;
};

TEST(HistoryCheck, WhatIsOpenMayBeDoneLaterOrNever) {
  EXPECT_TRUE(HistoryOf()
                  .Puts("old", Outcome::kDone)
                  .Puts("new", Outcome::kOpen)
                  .Reads("old")
                  .IsLinearizable());
  EXPECT_TRUE(HistoryOf()
                  .Puts("old", Outcome::kDone)
                  .Puts("new", Outcome::kOpen)
                  .Reads("old")
                  .Reads("new")
                  .IsLinearizable());
}

// A withdrawal that came too late says when: before it was answered.
TEST(HistoryCheck, WhatWasExecutedIsDoneBeforeItsClientHears) {
  EXPECT_TRUE(HistoryOf()
                  .Puts("old", Outcome::kDone)
                  .Puts("new", Outcome::kExecuted)
                  .Reads("new")
                  .IsLinearizable());
  EXPECT_FALSE(HistoryOf()
                   .Puts("old", Outcome::kDone)
                   .Puts("new", Outcome::kExecuted)
                   .Reads("old")
                   .IsLinearizable());
}

TEST(HistoryCheck, WhetherACompareAndSetDidAnythingIsNotKnownByThat) {
  const OwnedOperation swap = {.kind = OperationKind::kCompareAndSet,
                               .value = "new",
                               .expected = "other"};
  EXPECT_TRUE(HistoryOf()
                  .Puts("old", Outcome::kDone)
                  .Asks(swap, Outcome::kExecuted)
                  .Reads("old")
                  .IsLinearizable());
}

TEST(HistoryCheck, WhatWasRefusedIsNeverDone) {
  EXPECT_FALSE(HistoryOf()
                   .Puts("old", Outcome::kDone)
                   .Puts("new", Outcome::kRefused)
                   .Reads("new")
                   .IsLinearizable());
}

}  // namespace
}  // namespace quorate::sim
