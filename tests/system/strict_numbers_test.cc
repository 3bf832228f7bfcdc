#include "replica/system/strict_numbers.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quorate {
namespace {

struct Numbers {
  int whole = 1;
  std::optional<std::uint64_t> natural;
  double fraction = 1;
  double seconds = 1;
  std::string name;
  std::string key;
  std::vector<std::string> sites;
  bool flag = false;
};

// Empty when `words` are taken; otherwise why not.
std::string Parse(const std::vector<std::string>& words, Numbers& numbers) {
  CLI::App app("", "program");
  app.add_option("--whole", numbers.whole)->check(CLI::Range(-100, 100));
  CLI::App* sub = app.add_subcommand("sub", "");
  sub->add_option("--natural", numbers.natural);
  sub->add_option("--fraction", numbers.fraction)->check(CLI::PositiveNumber);
  sub->add_option("--seconds", numbers.seconds)->check(Between(0.01, 1e6));
  sub->add_option("--name", numbers.name)->type_name("NAME");
  sub->add_option("--sites", numbers.sites)->delimiter(',');
  sub->add_flag("--flag", numbers.flag);
  sub->add_option("KEY", numbers.key);
  UseStrictArguments(app);
  try {
    std::vector<std::string> backwards(words.rbegin(), words.rend());
    app.parse(backwards);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

std::string Why(const std::vector<std::string>& words) {
  Numbers numbers;
  return Parse(words, numbers);
}

TEST(StrictNumbersTest, TakesDecimalNumbers) {
  Numbers numbers;
  ASSERT_EQ(Parse({"--whole", "-007", "sub", "--natural",
                   "18446744073709551615", "--fraction", "2.5e3"},
                  numbers),
            "");
  EXPECT_EQ(numbers.whole, -7);
  EXPECT_EQ(numbers.natural, 18446744073709551615u);
  EXPECT_EQ(numbers.fraction, 2500);
  ASSERT_EQ(Parse({"--whole", "010", "sub", "--natural", "000"}, numbers), "");
  EXPECT_EQ(numbers.whole, 10);
  EXPECT_EQ(numbers.natural, 0u);
}

TEST(StrictNumbersTest, RefusesWhatIsNoWholeNumber) {
  for (const char* text : {"", " 5", "5 ", "+5", "1e3", "0x10", "5.0", "5x",
                           "nan", "--", "-", "99999999999999999999"}) {
    EXPECT_NE(Why({"--whole=" + std::string(text)}), "") << text;
    EXPECT_NE(Why({"sub", "--natural=" + std::string(text)}), "") << text;
  }
  EXPECT_NE(Why({"sub", "--natural=-1"}), "");
  EXPECT_THAT(Why({"sub", "--natural=1e3"}),
              testing::HasSubstr("--natural: \"1e3\" is not a whole number"));
  EXPECT_NE(Why({"--whole=101"}), "");
}

TEST(StrictNumbersTest, SaysARangeInAFewDigits) {
  for (const char* text : {"-1", "0", "0.009", "1000000.5"}) {
    EXPECT_THAT(Why({"sub", "--seconds=" + std::string(text)}),
                testing::HasSubstr(std::string("--seconds: \"") + text +
                                   "\" is not a number from 0.01 to 1000000"));
  }
  for (const char* text : {"0.01", "1e6", "2.5"}) {
    EXPECT_EQ(Why({"sub", "--seconds=" + std::string(text)}), "") << text;
  }
}

// --name "$UNSET"
TEST(StrictNumbersTest, RefusesAnOptionWhoseWordIsEmpty) {
  for (const char* option : {"--name", "--sites"}) {
    EXPECT_THAT(Why({"sub", option, ""}),
                testing::HasSubstr(std::string(option) +
                                   ": the word is empty; give one"));
  }
  Numbers numbers;
  EXPECT_EQ(
      Parse({"sub", "", "--flag", "--name", "r1", "--sites", "a,b"}, numbers),
      "")
      << "a key may be empty";
  EXPECT_TRUE(numbers.flag);
  EXPECT_EQ(numbers.sites.size(), 2u);
}

TEST(StrictNumbersTest, RefusesWhatIsNoFraction) {
  for (const char* text : {"", "nan", "inf", "-inf", "1e10", "1e400", "0x1p3",
                           " 1", "1,5", "-1"}) {
    EXPECT_NE(Why({"sub", "--fraction=" + std::string(text)}), "") << text;
  }
}

}  // namespace
}  // namespace quorate
