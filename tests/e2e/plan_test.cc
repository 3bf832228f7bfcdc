// Distances and predictions, as a user asks for them.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

nlohmann::json JsonOf(const Output& output) {
  ExpectDone(output);
  return nlohmann::json::parse(output.out);
}

TEST(PlanTest, APrintedMatrixIsAFileToPlanWith) {
  const Folder folder;
  const std::string path = folder.path("lab.csv");
  std::ofstream(path) << Quorate({"matrices", "epaxos5"}).out;
  for (const std::string& wan : {path, std::string("epaxos5")}) {
    const nlohmann::json planned =
        JsonOf(Quorate({"plan", "--wan", wan, "--json"}));
    ASSERT_EQ(planned["plans"].size(), 5u);
    EXPECT_EQ(planned["plans"][0]["fast_path"], "epaxos");
    EXPECT_EQ(planned["plans"][0]["quorums"]["fast"], 3);
    EXPECT_EQ(planned["plans"][0]["sites"][4]["site"], "japan");
    EXPECT_EQ(planned["plans"][0]["sites"][4]["optimum_ms"], 111.7);
    EXPECT_EQ(planned["plans"][3]["protocol"], "multipaxos");
    EXPECT_EQ(planned["plans"][3]["leader"], "california");
  }
  const Output listed = Quorate({"matrices"});
  EXPECT_NE(listed.out.find("world13"), std::string::npos) << listed.out;
}

TEST(PlanTest, TablesNameWhatTheyShow) {
  const Output all = Quorate({"plan", "--wan", "epaxos5"});
  ExpectDone(all);
  EXPECT_NE(all.out.find("a detour beats the direct path"), std::string::npos)
      << all.out;
  const Output one =
      Quorate({"plan", "--wan", "world13", "--fast-path", "atlas", "--faults",
               "1", "--sites", "virginia,ireland,tokyo", "--clients",
               "sydney=2,mumbai", "--ask", "first"});
  ExpectDone(one);
  EXPECT_NE(one.out.find("the nearest peer"), std::string::npos) << one.out;
  const nlohmann::json placed = JsonOf(
      Quorate({"plan", "--wan", "world7", "--place", "3", "--clients",
               "ireland,tokyo=3", "--by", "worst", "--best", "2", "--json"}));
  EXPECT_EQ(placed["placements"], 35);
  EXPECT_EQ(placed["best"].size(), 2u);
}

TEST(PlanTest, WhatCannotBePlannedIsRefusedWithARemedy) {
  struct Case {
    std::vector<std::string> arguments;
    std::string says;
  };
  for (const Case& each : {
           Case{{"--wan", "nowhere"}, "give a CSV file, or one of world3"},
           Case{{"--wan", "world13"}, "choose some with --sites"},
           Case{{"--wan", "world3", "--sites", "virginia,paris,tokyo"},
                "there is no site \"paris\" in world3; there are virginia"},
           Case{{"--wan", "world3", "--faults", "2"},
                "set faults to at most 1"},
           Case{{"--wan", "world5", "--clients", "tokyo=0"}, "is no weight"},
           Case{{"--wan", "world5", "--place", "7"}, "do not fit into 5 sites"},
           Case{{"--wan", "world5", "--leader", "sydney"},
                "lead from one of the nodes' sites"},
           Case{{"--wan", "world5", "--protocol", "bpaxos", "--fast-path",
                 "atlas"},
                "leave them out"},
           Case{
               {"--wan", "world5", "--place", "3", "--phase2", "weights 1 1 1"},
               "give --sites in the order of the nodes"},
       }) {
    std::vector<std::string> arguments = {"plan"};
    arguments.insert(arguments.end(), each.arguments.begin(),
                     each.arguments.end());
    const Output refused = Quorate(arguments);
    EXPECT_EQ(refused.exit_code, 2) << refused.err;
    EXPECT_NE(refused.err.find(each.says), std::string::npos) << refused.err;
  }
}

}  // namespace
}  // namespace quorate::e2e
