#include "replica/cli/batch_text.h"

#include <gtest/gtest.h>

#include "wire/limits.h"

namespace quorate::cli {
namespace {

std::string ErrorOf(std::string_view text) {
  return std::string(ParseBatchText(text).status().message());
}

TEST(BatchTextTest, ReadsEveryKindOfOperation) {
  const auto batch = ParseBatchText(
      "get a\nput a 1\ndel a\ncas a old new\nadd a -5\nappend a x\nscan a b 7");
  ASSERT_TRUE(batch.ok()) << batch.status();
  const std::vector<Operation>& operations = batch->operations;
  ASSERT_EQ(operations.size(), 7u);
  EXPECT_EQ(operations[0],
            (Operation{.kind = OperationKind::kGet, .key = "a"}));
  EXPECT_EQ(operations[1],
            (Operation{.kind = OperationKind::kPut, .key = "a", .value = "1"}));
  EXPECT_EQ(operations[2],
            (Operation{.kind = OperationKind::kDelete, .key = "a"}));
  EXPECT_EQ(operations[3], (Operation{.kind = OperationKind::kCompareAndSet,
                                      .key = "a",
                                      .value = "new",
                                      .expected = "old"}));
  EXPECT_EQ(operations[4],
            (Operation{.kind = OperationKind::kAdd, .key = "a", .number = -5}));
  EXPECT_EQ(
      operations[5],
      (Operation{.kind = OperationKind::kAppend, .key = "a", .value = "x"}));
  EXPECT_EQ(operations[6], (Operation{.kind = OperationKind::kScan,
                                      .key = "a",
                                      .value = "b",
                                      .number = 7}));
}

TEST(BatchTextTest, AScanGoesToTheEndUnlessToldOtherwise) {
  const auto batch = ParseBatchText("scan a");
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->operations[0],
            (Operation{.kind = OperationKind::kScan,
                       .key = "a",
                       .number = std::int64_t{kMaxScanRows}}));
}

TEST(BatchTextTest, SkipsEmptyLinesAndComments) {
  const auto batch = ParseBatchText("\n  \t\n# get b\n  # get c\nget a\r\n\n");
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->operations.size(), 1u);
  EXPECT_EQ(batch->operations[0].key, "a");
}

TEST(BatchTextTest, QuotedWordsHoldAnything) {
  const auto batch =
      ParseBatchText("put \"a b\" \"\\\"x\\\\ \\n\\t\\r\\x00\\xfe\"\nget \"\"");
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->operations[0].key, "a b");
  EXPECT_EQ(batch->operations[0].value,
            std::string_view("\"x\\ \n\t\r\0\xfe", 9));
  EXPECT_EQ(batch->operations[1].key, "");
}

TEST(BatchTextTest, ErrorsNameTheLineAndTheRemedy) {
  EXPECT_EQ(ErrorOf("get a\nput a"), "line 2: write it as: put KEY VALUE");
  EXPECT_EQ(ErrorOf("gte a"),
            "line 1: \"gte\" is no operation; there are " + OperationWords());
  EXPECT_EQ(ErrorOf("add a five"),
            "line 1: \"five\" is not a 64-bit decimal number; write it as: "
            "add KEY NUMBER");
  EXPECT_EQ(ErrorOf("add a 9223372036854775808"),
            "line 1: \"9223372036854775808\" is not a 64-bit decimal number; "
            "write it as: add KEY NUMBER");
  EXPECT_EQ(ErrorOf("scan a b 0"),
            "line 1: \"0\" is not a number of rows; write it as: scan FIRST "
            "[END [LIMIT]]");
  EXPECT_EQ(ErrorOf("get \"a"), "line 1: the closing quote is missing");
  EXPECT_EQ(ErrorOf("get \"a\"b"),
            "line 1: a blank is missing behind the closing quote");
  EXPECT_EQ(ErrorOf("get \"\\x1\""),
            "line 1: \\x takes two hexadecimal digits");
  EXPECT_EQ(ErrorOf("get \"\\q\""),
            "line 1: an escape is one of \\\" \\\\ \\n \\t \\r \\xHH");
  EXPECT_NE(ErrorOf("# nothing\n").find("there is no operation in it"),
            std::string::npos);
}

}  // namespace
}  // namespace quorate::cli
