#include "replica/cli/status_view.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace quorate::cli {
namespace {

using Json = nlohmann::json;

NodeAnswer Up(const char* name, std::uint64_t committed, std::uint64_t executed,
              const char* hash) {
  const Json json = {{"up", true},
                     {"committed", {{"r1", committed}, {"r2", 1}}},
                     {"executed", {{"r1", executed}, {"r2", 1}}},
                     {"state_hash", hash},
                     {"fast_commits", 3},
                     {"slow_commits", 1},
                     {"disk", {{"bytes", 1024 * 1024}}},
                     {"memory_bytes", 2 * 1024 * 1024}};
  return {name, "127.0.0.1:7101", json.dump()};
}

NodeAnswer Down(const char* name) {
  return {name, "127.0.0.1:7102", absl::UnavailableError("nobody listens")};
}

TEST(StatusViewTest, EqualStatesAtRestAreEqual) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"),
                                           Up("r2", 5, 5, "0xa")};
  EXPECT_EQ(CompareStates(answers), Agreement::kEqual);
  EXPECT_NE(StatusAsText(answers).find("state hashes equal on 2/2"),
            std::string::npos);
}

TEST(StatusViewTest, DifferentHashesOfTheSameHistoryAreAnAlarm) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"),
                                           Up("r2", 5, 5, "0xb")};
  EXPECT_EQ(CompareStates(answers), Agreement::kDifferent);
  EXPECT_EQ(Json::parse(StatusAsJson(answers))["state_hash_equal"], false);
}

TEST(StatusViewTest, HashesAreNotComparedBeforeAllHaveExecutedTheSame) {
  const std::vector<NodeAnswer> behind = {Up("r1", 5, 5, "0xa"),
                                          Up("r2", 4, 4, "0xb")};
  EXPECT_EQ(CompareStates(behind), Agreement::kNotAtRest);
  const std::vector<NodeAnswer> executing = {Up("r1", 5, 4, "0xa"),
                                             Up("r2", 5, 4, "0xa")};
  EXPECT_EQ(CompareStates(executing), Agreement::kNotAtRest);
  EXPECT_TRUE(
      Json::parse(StatusAsJson(executing))["state_hash_equal"].is_null());
}

TEST(StatusViewTest, NodesThatAreDownAreLeftOutOfTheComparison) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"), Down("r2"),
                                           Up("r3", 5, 5, "0xa")};
  EXPECT_EQ(CompareStates(answers), Agreement::kEqual);
  EXPECT_NE(StatusAsText(answers).find("state hashes equal on 2/3"),
            std::string::npos);
}

// One state is equal to nothing.
TEST(StatusViewTest, ALoneNodeIsNotCompared) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"), Down("r2"),
                                           Down("r3")};
  EXPECT_EQ(CompareStates(answers), Agreement::kAlone);
  const std::string text = StatusAsText(answers);
  EXPECT_EQ(text.find("equal"), std::string::npos) << text;
  EXPECT_NE(text.find("state hash not compared: 1 of 3 nodes"),
            std::string::npos)
      << text;
  EXPECT_TRUE(Json::parse(StatusAsJson(answers))["state_hash_equal"].is_null());
}

TEST(StatusViewTest, SaysThatThereIsNoQuorumAndWhatBringsItBack) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"), Down("r2"),
                                           Down("r3")};
  EXPECT_EQ(WhoIsUp(answers), (std::vector<bool>{true, false, false}));
  const Standing standing{.lack = "1 of 3 nodes up: no quorum (2 needed)",
                          .remedy = "start r2 and r3"};
  EXPECT_NE(StatusAsText(answers, standing)
                .find("\n1 of 3 nodes up: no quorum (2 needed): start r2 and "
                      "r3\n"),
            std::string::npos);
  Json json = Json::parse(StatusAsJson(answers, standing));
  EXPECT_EQ(json["quorum"], false);
  EXPECT_EQ(json["quorum_note"],
            "1 of 3 nodes up: no quorum (2 needed); start r2 and r3");
  json = Json::parse(StatusAsJson(answers));
  EXPECT_EQ(json["quorum"], true);
  EXPECT_TRUE(json["quorum_note"].is_null());
}

TEST(StatusViewTest, ShowsWhyANodeIsNotUp) {
  const std::vector<NodeAnswer> answers = {Up("r1", 5, 5, "0xa"), Down("r2")};
  EXPECT_NE(StatusAsText(answers).find("nobody listens"), std::string::npos);
  const Json json = Json::parse(StatusAsJson(answers));
  EXPECT_EQ(json["up"], 1);
  EXPECT_EQ(json["nodes"][1]["name"], "r2");
  EXPECT_EQ(json["nodes"][1]["up"], false);
  EXPECT_EQ(json["nodes"][1]["error"], "nobody listens");
}

// Who is down is shown as such; that others lack it is no news.
TEST(StatusViewTest, ShowsWhoLacksWhomAndWhatNodesAdvise) {
  Json isolated = Json::parse(*Up("r1", 5, 5, "0xa").status);
  isolated["peer_trouble"] = {
      {"r2", "cannot connect: connection refused"},
      {"r3", "cannot find the host of gamma:7101: Name or service not known"},
      {"r4", "it does not answer"}};
  isolated["advice"] = {"set listen = \"0.0.0.0\" for r1"};
  const std::string text = StatusAsText(
      std::vector<NodeAnswer>{{"r1", "127.0.0.1:1", isolated.dump()},
                              Up("r2", 5, 5, "0xa"),
                              Down("r3"),
                              Down("r4")});
  EXPECT_NE(text.find("r1 is not connected to r2: cannot connect: connection "
                      "refused\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("r1 is not connected to r3: cannot find the host of "
                      "gamma:7101: Name or service not known\n"),
            std::string::npos);
  EXPECT_EQ(text.find("r1 is not connected to r4"), std::string::npos);
  EXPECT_NE(text.find("advice of r1: set listen"), std::string::npos);
}

TEST(StatusViewTest, ShowsWhoTakesOverAStateAndFromWhom) {
  Json fetches = Json::parse(*Up("r2", 5, 5, "0xb").status);
  fetches["snapshot"] = {{"fetching", true},
                         {"from", "r1"},
                         {"parts", 3},
                         {"parts_of", 10},
                         {"waits_for", Json::array()}};
  const std::vector<NodeAnswer> answers = {Up("r1", 9, 9, "0xa"),
                                           {"r2", "", fetches.dump()}};
  EXPECT_NE(StatusAsText(answers).find(
                "r2: takes over the state of r1, part 3 of 10\n"),
            std::string::npos);
}

TEST(StatusViewTest, ShowsForWhomAReturnerWaits) {
  Json waits = Json::parse(*Up("r2", 5, 5, "0xb").status);
  waits["snapshot"] = {{"fetching", false},
                       {"from", nullptr},
                       {"parts", 0},
                       {"parts_of", 0},
                       {"waits_for", {"r1", "r3"}}};
  const std::vector<NodeAnswer> answers = {
      Down("r1"), {"r2", "", waits.dump()}, Down("r3")};
  EXPECT_NE(StatusAsText(answers).find("r2: waits for r1 or r3: "),
            std::string::npos);
  EXPECT_EQ(
      Json::parse(StatusAsJson(answers))["nodes"][1]["snapshot"]["waits_for"],
      Json({"r1", "r3"}));
}

// r3 is gone; what waits for its instance is shown with who finishes that.
TEST(StatusViewTest, ShowsWhoRefusesWhomAndWhy) {
  NodeAnswer refuses = Up("r1", 5, 5, "0xa");
  Json json = Json::parse(*refuses.status);
  json["refused_peers"] = {{{"peer", "r3"},
                            {"reason", "wrong_settings"},
                            {"why", "node r1 has a, node r3 has b"},
                            {"age_ms", 5}}};
  refuses.status = json.dump();
  const std::vector<NodeAnswer> answers = {refuses, Up("r2", 5, 5, "0xa")};
  EXPECT_TRUE(AnyoneRefused(answers));
  EXPECT_NE(StatusAsText(answers).find(
                "r1 does not work with r3: node r1 has a, node r3 has b\n"),
            std::string::npos)
      << StatusAsText(answers);
  EXPECT_FALSE(AnyoneRefused({{Up("r1", 5, 5, "0xa"), Down("r2")}}));
}

TEST(StatusViewTest, ShowsWhyInstancesWaitAndWhoRecovers) {
  Json waits = Json::parse(*Up("r1", 5, 4, "0xa").status);
  waits["waiting_instances"] = 12;
  waits["oldest_waiting"] = {{"waiting", "r1.5"}, {"on", "r3.9"}};
  Json recovers = Json::parse(*Up("r2", 5, 5, "0xb").status);
  recovers["recoveries"] = {{"shown",
                             {{{"instance", "r3.9"},
                               {"ballot", "1@r2"},
                               {"stage", "waiting"},
                               {"answered", 2},
                               {"waits_for", {"r1.7", "r2.3"}}}}}};
  const std::string text = StatusAsText(std::vector<NodeAnswer>{
      {"r1", "a", waits.dump()}, {"r2", "b", recovers.dump()}, Down("r3")});
  EXPECT_NE(text.find("r1: 12 instances wait, the oldest, r1.5, for r3.9; r2 "
                      "recovers it at ballot 1@r2: waiting, 2 answered, after "
                      "r1.7 and 1 more\n"),
            std::string::npos)
      << text;
}

TEST(StatusViewTest, SaysWhenNobodyRecoversWhatIsWaitedFor) {
  Json waits = Json::parse(*Up("r1", 5, 4, "0xa").status);
  waits["waiting_instances"] = 1;
  waits["oldest_waiting"] = {{"waiting", "r1.5"}, {"on", "r3.9"}};
  waits["holds_back"] = true;
  const std::string text =
      StatusAsText(std::vector<NodeAnswer>{{"r1", "a", waits.dump()}});
  EXPECT_NE(text.find("nobody recovers it"), std::string::npos) << text;
  EXPECT_NE(text.find("new commands are held back"), std::string::npos) << text;
}

TEST(StatusViewTest, NobodyUpIsSaidPlainly) {
  const std::vector<NodeAnswer> answers = {Down("r1"), Down("r2")};
  EXPECT_EQ(CompareStates(answers), Agreement::kNobodyUp);
  EXPECT_NE(StatusAsText(answers).find("no node is up"), std::string::npos);
}

TEST(StatusViewTest, ShowsTotalsAndShares) {
  const std::vector<NodeAnswer> answers = {Up("r1", 41, 40, "0xa")};
  const std::string text = StatusAsText(answers);
  for (const char* shown :
       {"42", "41", "75.0 %", "0xa", "1.0 MiB", "2.0 MiB"}) {
    EXPECT_NE(text.find(shown), std::string::npos) << shown << " in\n" << text;
  }
}

TEST(StatusViewTest, NamesTheFastPathRuleAndItsQuorums) {
  Json node = Json::parse(*Up("r2", 5, 5, "0xa").status);
  node["protocol"] = "epaxos";
  node["fast_path"] = "atlas";
  node["fast_quorum"] = 4;
  node["accept_quorum"] = 3;
  const std::string text = StatusAsText(
      std::vector<NodeAnswer>{Down("r1"), {"r2", "b", node.dump()}});
  EXPECT_NE(text.find("epaxos, fast path atlas: 4 votes in one round trip, or "
                      "3 accepts\n"),
            std::string::npos)
      << text;
}

TEST(StatusViewTest, AnAnswerThatIsNoObjectCountsAsDown) {
  for (const char* broken : {"", "[]", "{", "7"}) {
    const std::vector<NodeAnswer> answers = {{"r1", "x:1", broken}};
    EXPECT_EQ(CompareStates(answers), Agreement::kNobodyUp) << broken;
  }
}

TEST(StatusViewTest, FieldsThatANodeDoesNotSendAreShownAsMissing) {
  const std::vector<NodeAnswer> answers = {{"r1", "x:1", "{\"up\":true}"}};
  EXPECT_EQ(CompareStates(answers), Agreement::kNotAtRest);
  EXPECT_NE(StatusAsText(answers).find(" - "), std::string::npos);
}

}  // namespace
}  // namespace quorate::cli
