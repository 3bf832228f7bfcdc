#include "experiments/bench/history.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "executor/kv_state_machine.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"

namespace quorate::bench {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

std::string Line(std::initializer_list<Operation> operations,
                 CommandResult results) {
  HistoryCall call;
  BeginCall(3, 10, std::span(operations.begin(), operations.size()), call);
  std::string line;
  AppendLine(call, 25, results, line);
  return line;
}

TEST(HistoryTest, WritesAPut) {
  EXPECT_EQ(
      Line({{.kind = OperationKind::kPut, .key = "k1", .value = "x"}}, {{}}),
      "{\"c\":3,\"f\":\"put\",\"k\":\"k1\",\"v\":\"x\",\"call\":10,"
      "\"ret\":25}\n");
}

TEST(HistoryTest, WritesWhatAGetRead) {
  EXPECT_EQ(
      Line({{.kind = OperationKind::kGet, .key = "k1"}}, {{.value = "seen"}}),
      "{\"c\":3,\"f\":\"get\",\"k\":\"k1\",\"call\":10,\"ret\":25,"
      "\"out\":\"seen\"}\n");
}

TEST(HistoryTest, TellsAMissingKeyFromAnEmptyValue) {
  EXPECT_EQ(Line({{.kind = OperationKind::kGet, .key = "k1"}},
                 {{.status = OperationStatus::kNotFound}}),
            "{\"c\":3,\"f\":\"get\",\"k\":\"k1\",\"call\":10,\"ret\":25,"
            "\"out\":\"\",\"found\":false}\n");
  EXPECT_EQ(Line({{.kind = OperationKind::kGet, .key = "k1"}}, {{}}),
            "{\"c\":3,\"f\":\"get\",\"k\":\"k1\",\"call\":10,\"ret\":25,"
            "\"out\":\"\",\"found\":true}\n");
}

TEST(HistoryTest, WritesWhetherSomethingWasDone) {
  for (const OperationStatus status :
       {OperationStatus::kNotANumber, OperationStatus::kTooLarge,
        OperationStatus::kNotFound}) {
    const std::string line = Line({{.kind = OperationKind::kAdd, .key = "n1"}},
                                  {{.status = status}});
    EXPECT_NE(line.find("\"ok\":false"), std::string::npos) << line;
  }
}

// What the store did with values that are hard to tell from numbers, from
// nothing and from text is a history that reads back and is linearizable; with
// one other answer it is not.
TEST(HistoryTest, WhatTheStoreAnsweredIsLinearizable) {
  const std::string zeros(30, '0');
  KvStateMachine store;
  std::string text;
  std::int64_t now = 0;
  const auto execute = [&](Operation operation) {
    operation.key_hash = HashKey(operation.key);
    CommandResult results;
    store.Apply({&operation, 1}, results);
    HistoryCall call;
    BeginCall(1, ++now, {&operation, 1}, call);
    AppendLine(call, ++now, results, text);
  };
  for (const std::string& value :
       {""s, "-0"s, "+1"s, " 1"s, zeros + "12", "9223372036854775807"s,
        "9223372036854775808"s, "\xff\0\xfe"s, "\"\\\n"s}) {
    for (const std::string_view key : {"k"sv, "\xc3"sv}) {
      execute({.kind = OperationKind::kGet, .key = key});
      execute({.kind = OperationKind::kPut, .key = key, .value = value});
      execute({.kind = OperationKind::kGet, .key = key});
      execute({.kind = OperationKind::kAdd, .key = key, .number = 1});
      execute({.kind = OperationKind::kGet, .key = key});
      execute({.kind = OperationKind::kAppend, .key = key, .value = value});
      execute({.kind = OperationKind::kScan, .key = "", .number = 2});
      execute({.kind = OperationKind::kCompareAndSet,
               .key = key,
               .value = value,
               .expected = ""});
      execute({.kind = OperationKind::kDelete, .key = key});
      execute({.kind = OperationKind::kDelete, .key = key});
    }
  }
  const auto check = [](const std::string& lines) {
    std::istringstream input(lines);
    const auto history = lincheck::ParseHistory(input);
    EXPECT_TRUE(history.ok()) << history.status();
    return history.ok() ? lincheck::CheckHistory(*history).outcome
                        : lincheck::Outcome::kUndecided;
  };
  EXPECT_EQ(check(text), lincheck::Outcome::kLinearizable);
  for (const auto& [from, to] :
       {std::pair("\"found\":false", "\"found\":true"),
        std::pair("\"found\":true", "\"found\":false"),
        std::pair("\"ok\":false", "\"ok\":true"),
        std::pair("\"ok\":true", "\"ok\":false"),
        std::pair("\"out\":\"13\"", "\"out\":\"12\""),
        std::pair("{\"hex\":\"ff00fe\"}}", "{\"hex\":\"ff00ff\"}}")}) {
    std::string planted = text;
    const std::size_t at = planted.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    planted.replace(at, std::string_view(from).size(), to);
    EXPECT_EQ(check(planted), lincheck::Outcome::kViolation) << from;
  }
}

TEST(HistoryTest, WritesWhetherACompareAndSetMatched) {
  const Operation cas = {.kind = OperationKind::kCompareAndSet,
                         .key = "k1",
                         .value = "new",
                         .expected = "old"};
  const std::string opening =
      "{\"c\":3,\"f\":\"cas\",\"k\":\"k1\",\"old\":\"old\",\"v\":\"new\","
      "\"call\":10,\"ret\":25,\"ok\":";
  EXPECT_EQ(Line({cas}, {{}}), opening + "true}\n");
  EXPECT_EQ(
      Line({cas}, {{.status = OperationStatus::kMismatch, .value = "found"}}),
      opening + "false,\"out\":\"found\"}\n");
}

TEST(HistoryTest, WritesTheRowsOfAScan) {
  EXPECT_EQ(Line({{.kind = OperationKind::kScan,
                   .key = "a",
                   .value = "m",
                   .number = 10}},
                 {{.rows = {{"b", "1"}, {"c", "2"}}}}),
            "{\"c\":3,\"f\":\"scan\",\"k\":\"a\",\"v\":\"m\",\"n\":10,"
            "\"call\":10,\"ret\":25,\"out\":[[\"b\",\"1\"],[\"c\",\"2\"]]}\n");
}

TEST(HistoryTest, WritesAnAddAsANumberAndAnAppendAsAText) {
  EXPECT_EQ(
      Line({{.kind = OperationKind::kAdd, .key = "n1", .number = -7}}, {{}}),
      "{\"c\":3,\"f\":\"add\",\"k\":\"n1\",\"v\":-7,\"call\":10,"
      "\"ret\":25,\"ok\":true}\n");
  EXPECT_EQ(
      Line({{.kind = OperationKind::kAppend, .key = "a1", .value = "z"}}, {{}}),
      "{\"c\":3,\"f\":\"append\",\"k\":\"a1\",\"v\":\"z\",\"call\":10,"
      "\"ret\":25,\"ok\":true}\n");
}

TEST(HistoryTest, ADeleteIsCalledDel) {
  EXPECT_EQ(Line({{.kind = OperationKind::kDelete, .key = "k1"}}, {{}}),
            "{\"c\":3,\"f\":\"del\",\"k\":\"k1\",\"call\":10,\"ret\":25,"
            "\"ok\":true}\n");
}

TEST(HistoryTest, WritesAnUnknownOutcomeWithoutAReturn) {
  HistoryCall call;
  const Operation put = {
      .kind = OperationKind::kPut, .key = "k1", .value = "x"};
  BeginCall(0, 5, {&put, 1}, call);
  std::string line;
  AppendUnknownLine(call, line);
  EXPECT_EQ(line,
            "{\"c\":0,\"f\":\"put\",\"k\":\"k1\",\"v\":\"x\",\"call\":5,"
            "\"unknown\":true}\n");
}

TEST(HistoryTest, WritesSeveralOperationsAsAList) {
  EXPECT_EQ(Line({{.kind = OperationKind::kGet, .key = "k1"},
                  {.kind = OperationKind::kPut, .key = "k2", .value = "y"}},
                 {{.value = "was"}, {}}),
            "{\"c\":3,\"ops\":[{\"f\":\"get\",\"k\":\"k1\",\"out\":\"was\"},"
            "{\"f\":\"put\",\"k\":\"k2\",\"v\":\"y\"}],\"call\":10,"
            "\"ret\":25}\n");
}

TEST(HistoryTest, EveryTextSurvivesAJsonParser) {
  const std::string nasty = "q\"b\\n\n\t\x01 end";
  const std::string line =
      Line({{.kind = OperationKind::kPut, .key = nasty, .value = nasty}}, {{}});
  const auto parsed = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(parsed.is_object());
  EXPECT_EQ(parsed["k"], nasty);
  EXPECT_EQ(parsed["v"], nasty);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(HistoryTest, ACallBufferIsReused) {
  HistoryCall call;
  const Operation put = {
      .kind = OperationKind::kPut, .key = "k1", .value = "x"};
  const Operation get = {.kind = OperationKind::kGet, .key = "k2"};
  BeginCall(0, 1, {&put, 1}, call);
  BeginCall(9, 2, {&get, 1}, call);
  std::string line;
  AppendUnknownLine(call, line);
  EXPECT_EQ(line,
            "{\"c\":9,\"f\":\"get\",\"k\":\"k2\",\"call\":2,"
            "\"unknown\":true}\n");
}

TEST(HistoryFileTest, KeepsEveryLine) {
  const std::string path = testing::TempDir() + "/history_test.jsonl";
  HistoryFile file;
  ASSERT_TRUE(file.Open(path, /*force=*/true).ok());
  std::string expected;
  for (int i = 0; i < 200'000; ++i) {
    const std::string line = "{\"c\":" + std::to_string(i) + "}\n";
    file.buffer() += line;
    file.FlushIfLarge();
    expected += line;
  }
  ASSERT_TRUE(file.Close().ok());
  std::stringstream read;
  read << std::ifstream(path).rdbuf();
  EXPECT_EQ(read.str(), expected);
  std::remove(path.c_str());
}

TEST(HistoryFileTest, SaysWhyItCannotBeWritten) {
  HistoryFile file;
  const absl::Status status = file.Open("/proc/none/history", false);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(std::string(status.message()).find("/proc/none/history"),
            std::string::npos);
}

}  // namespace
}  // namespace quorate::bench
