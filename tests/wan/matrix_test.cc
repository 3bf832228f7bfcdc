#include "wire/wan/matrix.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::wan {
namespace {

absl::StatusOr<RegionMatrix> Read(std::string_view text) {
  return RegionMatrix::Parse(text, "lab.csv");
}

std::string ErrorOf(std::string_view text) {
  const absl::StatusOr<RegionMatrix> matrix = Read(text);
  return matrix.ok() ? "" : std::string(matrix.status().message());
}

void ExpectError(std::string_view text, std::string_view expected) {
  EXPECT_EQ(ErrorOf(text), expected) << text;
}

TEST(RegionMatrixTest, OneWayIsHalfOfTheOrderedPairsRoundTrip) {
  const auto matrix = Read("# measured\nregion,a,b\na,0.3,100\nb,110.01,0\n");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->sites(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(matrix->DistanceNs(0, 0), 150'000);
  EXPECT_EQ(matrix->DistanceNs(0, 1), 50'000'000);
  EXPECT_EQ(matrix->DistanceNs(1, 0), 55'005'000);
  EXPECT_EQ(matrix->RoundTripNs(0, 1), 105'005'000);
  EXPECT_EQ(matrix->RoundTripNs(1, 0), 105'005'000);
}

TEST(RegionMatrixTest, OneWayTimesAreTakenAsTheyAre) {
  const auto matrix = Read("one-way,a,b\na,0,40\nb,60.5,0.000001\n");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->DistanceNs(0, 1), 40'000'000);
  EXPECT_EQ(matrix->DistanceNs(1, 0), 60'500'000);
  EXPECT_EQ(matrix->DistanceNs(1, 1), 1);
  EXPECT_EQ(matrix->RoundTripNs(0, 1), 100'500'000);
}

TEST(RegionMatrixTest, ReadsWhatEditorsMakeOfIt) {
  const auto plain = Read("region,a,b\na,0,4\nb,6,0\n");
  ASSERT_TRUE(plain.ok()) << plain.status();
  for (const std::string_view same :
       {"\xef\xbb\xbfregion,a,b\na,0,4\nb,6,0\n",
        "\r\n# c\r\nregion, a ,b\r\nb,6,0\r\na,0,4",
        "region,a,b\na,0e0,4.0\n"
        "\n  # c\nb,\t6,0\n\n"}) {
    const auto matrix = Read(same);
    ASSERT_TRUE(matrix.ok()) << matrix.status();
    EXPECT_EQ(*matrix, *plain);
  }
}

TEST(RegionMatrixTest, FaultsNamePlaceAndRemedy) {
  ExpectError("",
              "lab.csv: there is no line but comments; write "
              "region,SITE,SITE,... and a row a site");
  ExpectError("# x\n",
              "lab.csv: there is no line but comments; write "
              "region,SITE,SITE,... and a row a site");
  ExpectError(
      "a,b\n",
      "lab.csv:1: column 1: the header begins with \"a\"; write "
      "region,SITE,SITE,... above "
      "round-trip times in ms, or one-way,SITE,SITE,... above one-way times");
  ExpectError(
      "region\n",
      "lab.csv:1: the header names no site; write region,SITE,SITE,...");
  ExpectError("region,a,,b\n",
              "lab.csv:1: column 3: a site without a name; give it one");
  ExpectError("region,a,b,a\n",
              "lab.csv:1: column 4: the site \"a\" is there twice; name each "
              "site once");
  ExpectError("region,\"a\"\n",
              "lab.csv:1: column 2: the name \"\"a\"\" has a \"; use letters, "
              "digits, - . _");
  ExpectError(
      "region;a;b\n",
      "lab.csv:1: column 1: the header begins with \"region;a;b\"; write "
      "region,SITE,SITE,... above "
      "round-trip times in ms, or one-way,SITE,SITE,... above one-way times");
  ExpectError("#\nregion,a,b\na,0,1\nc,1,0\n",
              "lab.csv:4: column 1: the header has no site \"c\"; it has a, b");
  ExpectError(
      "region,a,b\na,0,1\na,0,1\n",
      "lab.csv:3: column 1: a second row of \"a\"; leave one of them away");
  ExpectError("region,a,b\na,0\nb,1,0\n",
              "lab.csv:2: the row of \"a\" has 1 times, the header has 2 "
              "sites; write one a site, in the header's order");
  ExpectError("region,a,b\na,0,1,\nb,1,0\n",
              "lab.csv:2: the row of \"a\" has 3 times, the header has 2 "
              "sites; write one a site, in the header's order");
  ExpectError(
      "region,a,b\na,0,1\n",
      "lab.csv: the row of \"b\" is missing; each site of the header has one");
  ExpectError("region,a,b\na,0,-1\n",
              "lab.csv:2: column 3 (to \"b\"): \"-1\" is negative; write the "
              "round-trip time in milliseconds, such as 70.5");
  ExpectError("one-way,a,b\na,0,\n",
              "lab.csv:2: column 3 (to \"b\"): no time; write the "
              "one-way time in milliseconds, such as 70.5");
  ExpectError("region,a,b\na,0,3600001\n",
              "lab.csv:2: column 3 (to \"b\"): \"3600001\" is longer than an "
              "hour; write the "
              "round-trip time in milliseconds, such as 70.5");
  for (const std::string_view word :
       {"x", "nan", "inf", "1 2", "1ms", "0x10", "+1", "1e999", "--1"}) {
    ExpectError("region,a,b\na,0," + std::string(word) + "\n",
                "lab.csv:2: column 3 (to \"b\"): \"" + std::string(word) +
                    "\" is not a number; write the round-trip time in "
                    "milliseconds, such as 70.5");
  }
}

TEST(RegionMatrixTest, AnUnknownSiteIsAnsweredByThoseThereAre) {
  const auto matrix = Read("region,a,b\na,0,1\nb,1,0\n");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->Find("b").value(), 1u);
  EXPECT_EQ(matrix->Find("B").status().message(),
            "there is no site \"B\" in lab.csv; there are a, b");
}

TEST(RegionMatrixTest, ASelectionKeepsDistancesAndTheOrderAskedFor) {
  const auto matrix = Read("one-way,a,b,c\na,1,2,3\nb,4,5,6\nc,7,8,9\n");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  const auto selected = matrix->Select(std::vector<std::string>{"c", "a"});
  ASSERT_TRUE(selected.ok()) << selected.status();
  EXPECT_EQ(selected->ToCsv(), "one-way,c,a\nc,9,7\na,3,1\n");
  EXPECT_FALSE(matrix->Select(std::vector<std::string>{"c", "d"}).ok());
  EXPECT_EQ(
      matrix->Select(std::vector<std::string>{"c", "c"}).status().message(),
      "the site \"c\" is named twice; name it once");
}

TEST(RegionMatrixTest, ItsTextIsReadBackAsAnEqualMatrix) {
  for (const std::string_view text :
       {"region,a,b\na,0.3,100.01\nb,100.02,0\n",
        "one-way,a,b\na,0,0.000001\nb,3600000,5\n"}) {
    const auto matrix = Read(text);
    ASSERT_TRUE(matrix.ok()) << matrix.status();
    EXPECT_EQ(matrix->ToCsv(), text);
    EXPECT_EQ(Read(matrix->ToCsv()).value(), *matrix);
  }
}

// Garbage is refused, or is a matrix that keeps what it promises; never more.
TEST(RegionMatrixTest, GarbageIsRefusedOrReadBackEqual) {
  const std::string valid =
      "\xef\xbb\xbf# from here\nregion,paris,tokyo\nparis,0.1,240\n"
      "tokyo,240,0.1\r\n\n";
  constexpr std::string_view kBytes = "region,one-way\n\r\t#,;.-+e019\xff\"ax";
  std::mt19937 random(13);
  const auto below = [&](std::size_t count) { return random() % count; };
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = valid.substr(below(20), below(valid.size() + 1));
    for (std::size_t edits = below(6); edits > 0 && !text.empty(); --edits) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0: text[at] = kBytes[below(kBytes.size())]; break;
        case 1: text.erase(at, below(9)); break;
        default: text.insert(at, text.substr(below(text.size()), below(20)));
      }
    }
    const auto matrix = Read(text);
    if (!matrix.ok()) {
      EXPECT_TRUE(matrix.status().message().substr(0, 7) == "lab.csv") << text;
      continue;
    }
    ++read;
    for (std::size_t from = 0; from < matrix->size(); ++from) {
      for (std::size_t to = 0; to < matrix->size(); ++to) {
        const std::int64_t distance = matrix->DistanceNs(from, to);
        ASSERT_TRUE(distance >= 0 &&
                    distance <= std::int64_t{3600} * 1'000'000'000)
            << text;
      }
    }
    EXPECT_EQ(Read(matrix->ToCsv()).value(), *matrix) << text;
  }
  EXPECT_GT(read, 100);
}

}  // namespace
}  // namespace quorate::wan
