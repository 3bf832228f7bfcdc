#include "wire/result.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/limits.h"

namespace quorate {
namespace {

// Does the refusal's text name this limit?
bool Names(RefusalReason reason, std::size_t limit) {
  return Explain(reason).find(std::to_string(limit)) != std::string_view::npos;
}

TEST(RefusalTest, EachNamesTheLimitItRestsOn) {
  EXPECT_TRUE(Names(RefusalReason::kKeyTooLarge, kMaxKeyBytes));
  EXPECT_TRUE(Names(RefusalReason::kValueTooLarge, kMaxValueBytes));
  // What clients meet: a batch's limit is never the first.
  EXPECT_TRUE(Names(RefusalReason::kValueTooLarge, kMaxClientFrameBytes));
  EXPECT_FALSE(Names(RefusalReason::kValueTooLarge, kMaxBatchBytes));
  EXPECT_TRUE(
      Names(RefusalReason::kTooManyOperations, kMaxOperationsPerCommand));
  EXPECT_TRUE(Names(RefusalReason::kPipelineFull, kMaxPipelinePerSession));
  EXPECT_TRUE(
      Names(RefusalReason::kResultTooLarge, ResultLimits().command_bytes));
}

TEST(RefusalTest, EachHasATextOfItsOwn) {
  EXPECT_EQ(Explain(RefusalReason::kNone), "");
  for (int i = 1; i <= static_cast<int>(RefusalReason::kResultTooLarge); ++i) {
    for (int j = 0; j < i; ++j) {
      EXPECT_NE(Explain(static_cast<RefusalReason>(i)),
                Explain(static_cast<RefusalReason>(j)));
    }
  }
}

}  // namespace
}  // namespace quorate
