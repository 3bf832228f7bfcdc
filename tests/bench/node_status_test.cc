#include "experiments/bench/node_status.h"

#include <vector>

#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

TEST(NodeStatusTest, FindsFieldsWhereverTheyStand) {
  const auto status = ParseNodeStatus(
      R"({"cpu_s":1.5,"store":{"fsync_s":0.25},
          "executor":{"largest_component":7,"executed_commands":99},
          "fast_commits":10,"slow_commits":2,
          "committed":[1,2,3],"executed":[1,2,3],"state_hash":"ab"})");
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->cpu_s, 1.5);
  EXPECT_EQ(status->fsync_s, 0.25);
  EXPECT_EQ(status->largest_component, 7u);
  EXPECT_EQ(status->executed_commands, 99u);
  EXPECT_EQ(status->fast_commits, 10u);
  EXPECT_EQ(status->slow_commits, 2u);
  EXPECT_EQ(status->committed, status->executed);
  EXPECT_FALSE(status->state_hash.empty());
}

TEST(NodeStatusTest, MissingFieldsAreNotZero) {
  const auto status = ParseNodeStatus("{}");
  ASSERT_TRUE(status.has_value());
  EXPECT_FALSE(status->cpu_s.has_value());
  EXPECT_FALSE(status->fast_commits.has_value());
}

TEST(NodeStatusTest, TheOuterFieldWinsOverANestedOneOfItsName) {
  const auto status = ParseNodeStatus(R"({"a":{"cpu_s":1},"cpu_s":2})");
  EXPECT_EQ(status->cpu_s, 2);
}

TEST(NodeStatusTest, NamesTheNodesPartWhereARoleIsDivided) {
  EXPECT_EQ(ParseNodeStatus(R"({"roles":["depsvc"],"depsvc_shards":2,
                               "acceptor_groups":3,"depsvc_shard":2})")
                ->part,
            "shard 2 of 2");
  EXPECT_EQ(ParseNodeStatus(R"({"depsvc_shards":2,"depsvc_shard":1,
                               "acceptor_groups":3,"acceptor_group":3})")
                ->part,
            "shard 1 of 2, group 3 of 3");
  EXPECT_EQ(ParseNodeStatus(R"({"depsvc_shards":1,"acceptor_groups":1})")->part,
            "");
}

TEST(NodeStatusTest, RefusesWhatIsNoJsonObject) {
  EXPECT_FALSE(ParseNodeStatus("").has_value());
  EXPECT_FALSE(ParseNodeStatus("[1]").has_value());
  EXPECT_FALSE(ParseNodeStatus("{\"a\":").has_value());
}

NodeStatus At(const char* committed, const char* executed, const char* hash) {
  return {.committed = committed, .executed = executed, .state_hash = hash};
}

TEST(AgreementTest, EqualHashesAtRestAgree) {
  const std::vector<NodeStatus> nodes(3, At("[4,5]", "[4,5]", "h"));
  EXPECT_EQ(CompareStates(nodes), Agreement::kEqual);
}

TEST(AgreementTest, DifferentHashesAtRestAreABug) {
  const std::vector<NodeStatus> nodes = {At("[4]", "[4]", "h"),
                                         At("[4]", "[4]", "x")};
  EXPECT_EQ(CompareStates(nodes), Agreement::kDifferent);
}

TEST(AgreementTest, OneNodeIsEqualToNothing) {
  std::vector<NodeStatus> nodes = {At("[4]", "[4]", "h")};
  EXPECT_EQ(CompareStates(nodes), Agreement::kAlone);
  nodes.push_back({.executes = false});
  EXPECT_EQ(CompareStates(nodes), Agreement::kAlone);
}

TEST(AgreementTest, HashesOfNodesThatAreNotAtRestSayNothing) {
  const std::vector<NodeStatus> behind = {At("[4]", "[4]", "h"),
                                          At("[3]", "[3]", "x")};
  EXPECT_EQ(CompareStates(behind), Agreement::kNotAtRest);
  const std::vector<NodeStatus> executing = {At("[4]", "[3]", "h"),
                                             At("[4]", "[3]", "h")};
  EXPECT_EQ(CompareStates(executing), Agreement::kNotAtRest);
  EXPECT_EQ(CompareStates({}), Agreement::kNotAtRest);
  const std::vector<NodeStatus> silent = {At("", "", "")};
  EXPECT_EQ(CompareStates(silent), Agreement::kNotAtRest);
}

}  // namespace
}  // namespace quorate::bench
