#include "wire/operations.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "wire/command.h"
#include "wire/commutation.h"

namespace quorate {
namespace {

// What a journal holds and what travels. A line here never changes and none
// goes; a new operation adds the last one.
TEST(OperationsTest, NumbersAreWhatJournalsHold) {
  std::string numbers;
  for (const OperationRow& row : kOperations) {
    numbers += std::to_string(static_cast<int>(row.kind)) + " " +
               std::string(row.name) + "\n";
  }
  EXPECT_EQ(numbers,
            "0 get\n"
            "1 put\n"
            "2 delete\n"
            "3 cas\n"
            "4 add\n"
            "5 append\n"
            "6 scan\n"
            "7 end-era\n"
            "8 withdraw\n"
            "9 max\n");
}

std::string_view Name(Gives gives) {
  switch (gives) {
    case Gives::kNothing: return "nothing";
    case Gives::kWhether: return "whether";
    case Gives::kValue: return "value";
    case Gives::kWhetherOrValue: return "whether or value";
    case Gives::kRows: return "rows";
  }
  return "";
}

TEST(OperationsTest, TheReadmeHasEveryRow) {
  std::ifstream file(std::string(QUORATE_SOURCE_DIR) + "/wire/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  for (const OperationRow& row : kOperations) {
    std::string line = "| " + std::to_string(static_cast<int>(row.kind));
    for (const std::string& cell :
         {"`" + Usage(row) + "`", std::string(row.about),
          std::string(quorate::Name(row.access)),
          std::string(Name(row.gives))}) {
      line += " | " + cell;
    }
    EXPECT_NE(readme.find(line + " |\n"), std::string::npos) << line;
  }
}

TEST(OperationsTest, NamesWordsAndSharesTellRowsApart) {
  std::set<std::string_view> names;
  std::set<std::string_view> words;
  std::set<std::string_view> shares;
  for (const OperationRow& row : kOperations) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(words.insert(row.word).second) << row.word;
    if (!row.share.empty()) {
      EXPECT_TRUE(shares.insert(row.share).second) << row.share;
    }
    EXPECT_EQ(quorate::Name(row.kind), row.name);
  }
  EXPECT_EQ(quorate::Name(static_cast<OperationKind>(kAllOperationKinds)),
            "unknown");
}

TEST(OperationsTest, OnlyWhatClientsAskForIsFoundByItsWord) {
  EXPECT_EQ(FindOperation("del"), OperationKind::kDelete);
  EXPECT_EQ(FindOperation("delete"), std::nullopt);
  EXPECT_EQ(FindOperation("end-era"), std::nullopt);
  EXPECT_EQ(FindOperation(""), std::nullopt);
  for (const OperationKind kind : kClientOperations) {
    EXPECT_EQ(FindOperation(RowOf(kind).word), kind);
  }
}

TEST(OperationsTest, UsageNestsWhatMayBeLeftOut) {
  EXPECT_EQ(Usage(RowOf(OperationKind::kCompareAndSet)), "cas KEY OLD NEW");
  EXPECT_EQ(Usage(RowOf(OperationKind::kScan)), "scan FIRST [END [LIMIT]]");
  EXPECT_EQ(Usage(RowOf(OperationKind::kDelete)), "del KEY");
}

// A member twice would overwrite what was read first.
TEST(OperationsTest, AnArgumentIsOfAMemberOfItsOwn) {
  for (const OperationRow& row : kOperations) {
    std::set<Argument::Member> members;
    std::set<std::string_view> in_histories;
    for (const Argument& argument : row.arguments) {
      EXPECT_TRUE(members.insert(argument.member).second) << row.name;
      EXPECT_TRUE(in_histories.insert(argument.history).second) << row.name;
      EXPECT_EQ(argument.member == Argument::Member::kNumber,
                argument.form == Argument::Form::kNumber ||
                    argument.form == Argument::Form::kRows)
          << row.name;
    }
  }
}

TEST(OperationsTest, ATextGoesToItsMember) {
  Operation operation;
  TextOf(operation, Argument::Member::kKey) = "k";
  TextOf(operation, Argument::Member::kValue) = "v";
  TextOf(operation, Argument::Member::kExpected) = "e";
  EXPECT_EQ(operation, (Operation{.key = "k", .value = "v", .expected = "e"}));
}

}  // namespace
}  // namespace quorate
