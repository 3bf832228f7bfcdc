// Hand-written histories, each with the reason for its verdict in its name.
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"
#include "tests/lincheck/table.h"

namespace quorate::lincheck {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using std::string_literals::operator""s;

History Parse(const std::string& text) {
  std::istringstream input(text);
  const absl::StatusOr<History> history = ParseHistory(input);
  EXPECT_TRUE(history.ok()) << history.status();
  return history.ok() ? *history : History();
}

Outcome Check(const std::string& text) {
  return CheckHistory(Parse(text)).outcome;
}

TEST(KnownHistories, AcceptsAnEmptyHistory) {
  EXPECT_EQ(Check(""), Outcome::kLinearizable);
}

TEST(KnownHistories, AcceptsAMissingKeyThatReadsAsEmpty) {
  EXPECT_EQ(Check(R"({"c":1,"f":"get","k":"x","call":0,"ret":1,"out":""})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, TellsAMissingKeyFromAnEmptyValue) {
  const std::string put =
      R"({"c":1,"f":"put","k":"x","v":"","call":0,"ret":1})";
  const auto get = [](const char* found) {
    return R"({"c":1,"f":"get","k":"x","call":2,"ret":3,"out":"")" +
           std::string(found) + "}";
  };
  EXPECT_EQ(Check(get(",\"found\":false")), Outcome::kLinearizable);
  EXPECT_EQ(Check(get(",\"found\":true")), Outcome::kViolation);
  EXPECT_EQ(Check(put + "\n" + get(",\"found\":true")), Outcome::kLinearizable);
  EXPECT_EQ(Check(put + "\n" + get(",\"found\":false")), Outcome::kViolation);
  // Older histories do not say which it was.
  EXPECT_EQ(Check(get("")), Outcome::kLinearizable);
  EXPECT_EQ(Check(put + "\n" + get("")), Outcome::kLinearizable);
}

TEST(KnownHistories, AnEmptyValueIsNoNumberButAMissingKeyCounts) {
  const std::string add =
      R"({"c":1,"f":"add","k":"x","v":5,"call":2,"ret":3}
{"c":1,"f":"get","k":"x","call":4,"ret":5,"out":")";
  EXPECT_EQ(Check(add + "5\"}"), Outcome::kLinearizable);
  const std::string put =
      R"({"c":1,"f":"put","k":"x","v":"","call":0,"ret":1})";
  EXPECT_EQ(Check(put + "\n" + add + "5\"}"), Outcome::kViolation);
  EXPECT_EQ(Check(put + "\n" + add + "\",\"found\":true}"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, AMaxRaisesANumberAndAnythingElseNot) {
  const std::string maxima =
      R"({"c":1,"f":"max","k":"x","v":5,"call":0,"ret":9,"ok":true}
{"c":2,"f":"max","k":"x","v":-7,"call":0,"ret":9,"ok":true}
{"c":1,"f":"get","k":"x","call":10,"ret":11,"out":")";
  EXPECT_EQ(Check(maxima + "5\"}"), Outcome::kLinearizable);
  EXPECT_EQ(Check(maxima + "-7\"}"), Outcome::kViolation);
  EXPECT_EQ(Check(maxima + "\"}"), Outcome::kViolation);
}

TEST(KnownHistories, AddsToANumberWithManyZerosInFront) {
  const std::string put =
      R"({"c":1,"f":"put","k":"x","v":"000000000000000000000000000041","call":0,"ret":1}
{"c":1,"f":"add","k":"x","v":1,"call":2,"ret":3,"ok":)";
  const std::string get =
      R"({"c":1,"f":"get","k":"x","call":4,"ret":5,"out":"42"})";
  EXPECT_EQ(Check(put + "true}\n" + get), Outcome::kLinearizable);
  EXPECT_EQ(Check(put + "false}\n" + get), Outcome::kViolation);
}

TEST(KnownHistories, ADeleteTellsWhetherTheKeyWasThere) {
  const auto del = [](const char* ok) {
    return R"({"c":1,"f":"del","k":"x","call":2,"ret":3,"ok":)" +
           std::string(ok) + "}";
  };
  EXPECT_EQ(Check(del("false")), Outcome::kLinearizable);
  EXPECT_EQ(Check(del("true")), Outcome::kViolation);
  // The unknown put has happened, though nobody has seen its value.
  EXPECT_EQ(
      Check(R"({"c":2,"f":"put","k":"x","v":"1","call":0,"unknown":true})"s +
            "\n" + del("true")),
      Outcome::kLinearizable);
}

TEST(KnownHistories, AcceptsAReadOfEitherValueDuringAPut) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":10}
{"c":2,"f":"get","k":"x","call":1,"ret":2,"out":""}
{"c":2,"f":"get","k":"x","call":3,"ret":4,"out":"1"})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesAReadThatGoesBackDuringAPut) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":10}
{"c":2,"f":"get","k":"x","call":1,"ret":2,"out":"1"}
{"c":3,"f":"get","k":"x","call":3,"ret":4,"out":""})"),
            Outcome::kViolation);
}

TEST(KnownHistories, RefusesAStaleRead) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":1}
{"c":1,"f":"put","k":"x","v":"2","call":2,"ret":3}
{"c":2,"f":"get","k":"x","call":4,"ret":5,"out":"1"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, RefusesALostUpdate) {
  EXPECT_EQ(Check(R"({"c":1,"f":"add","k":"n","v":1,"call":0,"ret":5}
{"c":2,"f":"add","k":"n","v":1,"call":0,"ret":5}
{"c":1,"f":"get","k":"n","call":6,"ret":7,"out":"1"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, AcceptsAddsInAnyOrderAndNegativeOnes) {
  EXPECT_EQ(Check(R"({"c":1,"f":"add","k":"n","v":5,"call":0,"ret":5}
{"c":2,"f":"add","k":"n","v":-7,"call":0,"ret":5}
{"c":1,"f":"get","k":"n","call":6,"ret":7,"out":-2})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, AcceptsAnAddToTextThatChangesNothing) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"n","v":"text","call":0,"ret":1}
{"c":2,"f":"add","k":"n","v":1,"call":2,"ret":3}
{"c":1,"f":"get","k":"n","call":6,"ret":7,"out":"text"})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesTwoCasThatBothWin) {
  EXPECT_EQ(
      Check(
          R"({"c":1,"f":"cas","k":"x","old":"","v":"1","call":0,"ret":5,"ok":true}
{"c":2,"f":"cas","k":"x","old":"","v":"2","call":0,"ret":5,"ok":true})"),
      Outcome::kViolation);
}

TEST(KnownHistories, AcceptsOneCasThatWinsAndOneThatLoses) {
  EXPECT_EQ(
      Check(
          R"({"c":1,"f":"cas","k":"x","old":"","v":"1","call":0,"ret":5,"ok":true}
{"c":2,"f":"cas","k":"x","old":"","v":"2","call":0,"ret":5,"ok":false,"out":"1"})"),
      Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesALosingCasThatFoundSomethingElse) {
  EXPECT_EQ(
      Check(
          R"({"c":1,"f":"cas","k":"x","old":"","v":"1","call":0,"ret":5,"ok":true}
{"c":2,"f":"cas","k":"x","old":"","v":"2","call":0,"ret":5,"ok":false,"out":"3"})"),
      Outcome::kViolation);
}

TEST(KnownHistories, RefusesAppendsSeenInTwoOrders) {
  EXPECT_EQ(Check(R"({"c":1,"f":"append","k":"x","v":"a","call":0,"ret":9}
{"c":2,"f":"append","k":"x","v":"b","call":0,"ret":9}
{"c":3,"f":"get","k":"x","call":1,"ret":2,"out":"a"}
{"c":3,"f":"get","k":"x","call":10,"ret":11,"out":"ba"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, RefusesAnAppendThatHappensTwice) {
  EXPECT_EQ(Check(R"({"c":1,"f":"append","k":"x","v":"a","call":0,"ret":9}
{"c":3,"f":"get","k":"x","call":10,"ret":11,"out":"aa"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, AcceptsADeleteBetweenTwoReads) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"a","call":0,"ret":1}
{"c":2,"f":"get","k":"x","call":2,"ret":3,"out":"a"}
{"c":1,"f":"del","k":"x","call":4,"ret":5}
{"c":2,"f":"get","k":"x","call":6,"ret":7,"out":""})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, AcceptsAnUnknownPutThatTakesEffectLate) {
  EXPECT_EQ(
      Check(R"({"c":1,"f":"put","k":"x","v":"late","call":0,"unknown":true}
{"c":2,"f":"put","k":"x","v":"2","call":10,"ret":11}
{"c":2,"f":"get","k":"x","call":12,"ret":13,"out":"2"}
{"c":2,"f":"get","k":"x","call":14,"ret":15,"out":"late"})"),
      Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesAnUnknownPutThatTakesEffectTwice) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"late","call":0}
{"c":2,"f":"get","k":"x","call":2,"ret":3,"out":"late"}
{"c":2,"f":"put","k":"x","v":"2","call":10,"ret":11}
{"c":2,"f":"get","k":"x","call":14,"ret":15,"out":"late"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, AcceptsAnUnknownAddThatNeverHappens) {
  EXPECT_EQ(Check(R"({"c":1,"f":"add","k":"x","v":1,"call":0,"unknown":true}
{"c":2,"f":"add","k":"x","v":1,"call":1,"ret":2}
{"c":2,"f":"get","k":"x","call":3,"ret":4,"out":"1"})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesAnUnknownAddBeforeItWasCalled) {
  EXPECT_EQ(Check(R"({"c":2,"f":"get","k":"x","call":3,"ret":4,"out":"1"}
{"c":1,"f":"add","k":"x","v":1,"call":5,"unknown":true})"),
            Outcome::kViolation);
}

TEST(KnownHistories, AcceptsAnUnknownCasThatWonOrLost) {
  for (const char* read : {"a", "b"}) {
    EXPECT_EQ(
        Check(std::string(R"({"c":1,"f":"put","k":"x","v":"a","call":0,"ret":1}
{"c":1,"f":"cas","k":"x","old":"a","v":"b","call":2,"unknown":true}
{"c":2,"f":"get","k":"x","call":3,"ret":4,"out":")") +
              read + "\"}"),
        Outcome::kLinearizable);
  }
}

TEST(KnownHistories, RefusesAGhostWriteThatNobodySent) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":1}
{"c":2,"f":"get","k":"x","call":2,"ret":3,"out":"ghost"})"),
            Outcome::kViolation);
}

TEST(KnownHistories, CountsOperationsThatMeetInOneMomentAsConcurrent) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":5}
{"c":2,"f":"get","k":"x","call":5,"ret":6,"out":""})"),
            Outcome::kLinearizable);
}

// ---- several keys -----------------------------------------------------------

TEST(KnownHistories, ChecksKeysApartWhenNothingJoinsThem) {
  const CheckReport report =
      CheckHistory(Parse(R"({"c":1,"f":"put","k":"x","v":"1","call":0,"ret":1}
{"c":1,"f":"put","k":"y","v":"1","call":2,"ret":3}
{"c":2,"f":"get","k":"z","call":2,"ret":3,"out":""})"));
  EXPECT_EQ(report.components, 3u);
  EXPECT_EQ(report.checked_twice, 3u);
}

TEST(KnownHistories, RefusesABatchThatIsSeenInHalves) {
  const std::string halves =
      R"({"c":1,"ops":[{"f":"put","k":"x","v":"1"},{"f":"put","k":"y","v":"1"}],"call":0,"ret":9}
{"c":2,"ops":[{"f":"get","k":"x","out":"1"},{"f":"get","k":"y","out":""}],"call":1,"ret":2})";
  EXPECT_EQ(Check(halves), Outcome::kViolation);
}

TEST(KnownHistories, AcceptsTheSameReadsWhenTheyAreNotOneBatch) {
  EXPECT_EQ(
      Check(
          R"({"c":1,"ops":[{"f":"put","k":"x","v":"1"},{"f":"put","k":"y","v":"1"}],"call":0,"ret":9}
{"c":2,"f":"get","k":"y","call":1,"ret":3,"out":""}
{"c":3,"f":"get","k":"x","call":2,"ret":4,"out":"1"})"),
      Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesWriteSkewThatSerialOrdersExclude) {
  EXPECT_EQ(
      Check(
          R"({"c":1,"f":"batch","ops":[{"f":"get","k":"x","out":""},{"f":"put","k":"y","v":"1"}],"call":0,"ret":9}
{"c":2,"f":"batch","ops":[{"f":"get","k":"y","out":""},{"f":"put","k":"x","v":"1"}],"call":0,"ret":9})"),
      Outcome::kViolation);
}

TEST(KnownHistories, RefusesAScanThatMissesAFinishedPut) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"b","v":"1","call":0,"ret":1}
{"c":2,"f":"scan","k":"a","v":"d","n":10,"call":2,"ret":3,"out":[]})"),
            Outcome::kViolation);
}

TEST(KnownHistories, AcceptsAScanThatItsLimitCutsShort) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"b","v":"1","call":0,"ret":1}
{"c":1,"f":"put","k":"c","v":"2","call":2,"ret":3}
{"c":1,"f":"put","k":"d","v":"3","call":4,"ret":5}
{"c":2,"f":"scan","k":"a","v":"d","n":1,"call":6,"ret":7,"out":[["b","1"]]}
{"c":2,"f":"scan","k":"b","v":"","call":8,"ret":9,"out":[["b","1"],["c","2"],["d","3"]]}
{"c":2,"f":"scan","k":"b","v":"d","call":8,"ret":9,"out":[["b","1"],["c","2"]]})"),
            Outcome::kLinearizable);
}

TEST(KnownHistories, RefusesAScanWithARowOutsideItsRange) {
  EXPECT_EQ(Check(R"({"c":1,"f":"put","k":"e","v":"1","call":0,"ret":1}
{"c":2,"f":"scan","k":"a","v":"d","call":2,"ret":3,"out":[["e","1"]]})"),
            Outcome::kViolation);
}

TEST(KnownHistories, ChecksOnlyTheKeyThatWasAskedFor) {
  const History history =
      Parse(R"({"c":1,"f":"get","k":"bad","call":0,"ret":1,"out":"ghost"}
{"c":1,"f":"get","k":"good","call":0,"ret":1,"out":""})");
  CheckOptions options;
  options.key = "good";
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kLinearizable);
  options.key = "bad";
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kViolation);
  options.key = "none";
  EXPECT_EQ(CheckHistory(history, options).outcome, Outcome::kNoSuchKey);
}

// ---- what is shown ----------------------------------------------------------

std::vector<std::size_t> SmallestLines(const std::string& text) {
  const History history = Parse(text);
  std::vector<std::size_t> lines;
  for (const std::size_t index : CheckHistory(history).smallest) {
    lines.push_back(history[index].line);
  }
  return lines;
}

TEST(Shrinking, KeepsTheThreeOperationsOfAStaleRead) {
  EXPECT_THAT(
      SmallestLines(R"({"c":1,"f":"put","k":"x","v":"0","call":-9,"ret":-8}
{"c":4,"f":"get","k":"x","call":-7,"ret":-6,"out":"0"}
{"c":1,"f":"put","k":"x","v":"1","call":0,"ret":1}
{"c":4,"f":"get","k":"x","call":0,"ret":1,"out":"1"}
{"c":1,"f":"put","k":"x","v":"2","call":2,"ret":3}
{"c":2,"f":"get","k":"x","call":4,"ret":5,"out":"1"}
{"c":3,"f":"put","k":"x","v":"3","call":6,"ret":7}
{"c":3,"f":"get","k":"x","call":8,"ret":9,"out":"3"})"),
      ElementsAre(3, 5, 6));
}

TEST(Shrinking, KeepsEveryAddThatTheReadShouldHaveSeen) {
  EXPECT_THAT(SmallestLines(R"({"c":1,"f":"add","k":"x","v":1,"call":0,"ret":1}
{"c":1,"f":"add","k":"x","v":1,"call":2,"ret":3}
{"c":2,"f":"get","k":"x","call":4,"ret":5,"out":"1"}
{"c":1,"f":"add","k":"x","v":1,"call":6,"ret":7})"),
              ElementsAre(1, 2, 3));
}

TEST(Shrinking, ShowsTheUnknownWriteWhoseValueWasReadTooEarly) {
  EXPECT_THAT(
      SmallestLines(R"({"c":2,"f":"get","k":"x","call":0,"ret":1,"out":"u"}
{"c":1,"f":"put","k":"x","v":"u","call":2,"unknown":true}
{"c":1,"f":"put","k":"x","v":"w","call":2,"ret":3}
{"c":2,"f":"get","k":"x","call":4,"ret":5,"out":"w"})"),
      ElementsAre(1));
}

TEST(Shrinking, DrawsIntervalsByRank) {
  const History history =
      Parse(R"({"c":1,"f":"put","k":"x","v":"1","call":100,"ret":900}
{"c":2,"f":"get","k":"x","call":200,"ret":300,"out":"7"}
{"c":3,"f":"cas","k":"x","old":"1","v":"2","call":400,"unknown":true})");
  EXPECT_EQ(DrawTable(history, {0, 1, 2}),
            "  line  client  call  return          operation\n"
            "  1     1       100   900     |---|   x: put \"1\"\n"
            "  2     2       200   300      ||     x: get -> \"7\"\n"
            "  3     3       400   ?          |-?  x: cas \"1\" \"2\"\n");
}

// ---- not a history ----------------------------------------------------------

std::string Fault(const std::string& text) {
  std::istringstream input(text);
  const absl::StatusOr<History> history = ParseHistory(input);
  EXPECT_TRUE(absl::IsInvalidArgument(history.status()));
  return std::string(history.status().message());
}

TEST(NotAHistory, NamesLineAndField) {
  const std::string good =
      R"({"c":1,"f":"get","k":"x","call":0,"ret":1,"out":""})";
  EXPECT_EQ(
      Fault(good + "\n" + R"({"c":1,"f":"put","k":"x","call":0,"ret":1})"),
      "line 2: field \"v\" is missing");
  EXPECT_EQ(Fault("{\"c\":1"), "line 1: the line is not a JSON object");
  EXPECT_EQ(Fault("[]"), "line 1: the line is not a JSON object");
  EXPECT_EQ(Fault(R"({"f":"get","k":"x","call":0,"ret":1,"out":""})"),
            "line 1: field \"c\" is missing");
  EXPECT_EQ(Fault(R"({"c":1,"f":"get","k":"x","call":"0","ret":1,"out":""})"),
            "line 1: field \"call\" is not an integer");
  EXPECT_EQ(Fault(R"({"c":1,"f":"get","k":"x","call":2,"ret":1,"out":""})"),
            "line 1: field \"ret\" is earlier than \"call\"");
  EXPECT_EQ(Fault(R"({"c":1,"f":"get","k":"x","call":0,"ret":1})"),
            "line 1: field \"out\" is missing");
  EXPECT_EQ(Fault(R"({"c":1,"f":"get","k":7.5,"call":0,"ret":1,"out":""})"),
            "line 1: field \"k\" is neither a string nor an integer");
  EXPECT_EQ(
      Fault(R"({"c":1,"f":"cas","k":"x","old":"","v":"","call":0,"ret":1})"),
      "line 1: field \"ok\" is missing");
  EXPECT_EQ(Fault(R"({"c":1,"f":"add","k":"x","v":"one","call":0,"ret":1})"),
            "line 1: field \"v\" is not a 64-bit integer");
  EXPECT_EQ(Fault(R"({"c":1,"ops":[],"call":0,"ret":1})"),
            "line 1: field \"ops\" is not a list with at least one operation");
  EXPECT_EQ(Fault(R"({"c":1,"f":"scan","k":"x","call":0,"ret":1,"out":[1]})"),
            "line 1: field \"out\" is not a list of [key, value]");
  EXPECT_THAT(Fault(R"({"c":1,"f":"incr","k":"x","call":0,"ret":1})"),
              HasSubstr("field \"f\" is \"incr\", expected get, put,"));
}

TEST(NotAHistory, NeedsNoReplyFieldsOfUnknownOperations) {
  EXPECT_EQ(Check(R"({"c":1,"f":"get","k":"x","call":0,"unknown":true}

{"c":1,"f":"cas","k":"x","old":"","v":"1","call":0,"ret":null})"),
            Outcome::kLinearizable);
}

}  // namespace
}  // namespace quorate::lincheck
