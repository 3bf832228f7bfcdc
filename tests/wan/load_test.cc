#include "wire/wan/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace quorate::wan {
namespace {

TEST(LoadTest, EveryBuiltInMatrixIsReadAndNamesItsSource) {
  std::set<std::string> names;
  for (const BuiltInMatrix& built_in : BuiltInMatrices()) {
    const auto matrix = Load(std::string(built_in.name));
    ASSERT_TRUE(matrix.ok()) << matrix.status();
    EXPECT_EQ(matrix->name(), built_in.name);
    EXPECT_EQ(std::to_string(matrix->size()),
              built_in.name.substr(built_in.name.find_first_of("0123456789")));
    EXPECT_NE(built_in.csv.find("(github.com/"),
              std::string_view::npos);
    EXPECT_FALSE(built_in.about.empty());
    names.emplace(built_in.name);
  }
  EXPECT_EQ(names, (std::set<std::string>{"world3", "world5", "world7",
                                          "world13", "epaxos5", "gcp20"}));
}

TEST(LoadTest, ASmallerWorldIsTheFirstSitesOfALargerOne) {
  const auto largest = Load("world13");
  ASSERT_TRUE(largest.ok()) << largest.status();
  for (const std::size_t size : {3, 5, 7}) {
    const auto smaller = Load("world" + std::to_string(size));
    ASSERT_TRUE(smaller.ok()) << smaller.status();
    const auto first = largest->Select(std::span(largest->sites()).first(size));
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(first->ToCsv(), smaller->ToCsv());
  }
}

TEST(LoadTest, EPaxosSitesAreAsFarAsMeasured) {
  const auto matrix = Load("epaxos5");
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->RoundTripNs(matrix->Find("california").value(),
                                matrix->Find("virginia").value()),
            59'910'000);
  EXPECT_EQ(matrix->RoundTripNs(matrix->Find("japan").value(),
                                matrix->Find("ireland").value()),
            204'440'000);
}

TEST(LoadTest, AnyOtherNameIsAFile) {
  const std::string path =
      testing::TempDir() + "matrix" + std::to_string(getpid()) + ".csv";
  std::ofstream(path) << "one-way,here\nhere,1\n";
  const auto matrix = Load(path);
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->name(), path);
  std::ofstream(path) << "nonsense";
  EXPECT_EQ(std::string(Load(path).status().message()).find(path + ":1: "), 0u)
      << Load(path).status();
  unlink(path.c_str());
  EXPECT_EQ(Load(path).status().message(),
            "matrix \"" + path +
                "\": No such file or directory; give a CSV file, or one of "
                "world3, world5, world7, world13, epaxos5, gcp20");
}

}  // namespace
}  // namespace quorate::wan
