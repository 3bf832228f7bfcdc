#include "depsvc/dependency_node.h"

#include <gtest/gtest.h>

#include <string>

namespace quorate {
namespace {

CommandBatchPtr Put(std::uint64_t sequence, const std::string& key) {
  return MakeBatch({ClientId{1}, sequence},
                   {.kind = OperationKind::kPut, .key = key, .value = "v"});
}

InstanceId Instance(int column, std::uint64_t slot) {
  return {ReplicaAt(column), slot};
}

class DependencyNodeTest : public testing::Test {
 protected:
  const DependencySet& Answer(InstanceId id, const std::string& key) {
    return node_.AnswerFirst(id, Put(id.slot, key)).deps;
  }

  DependencyNode node_{2, ConflictMode::kOperation};
};

TEST_F(DependencyNodeTest, AnswersWithTheConflictingInstancesItHasAnswered) {
  EXPECT_EQ(Answer(Instance(0, 1), "k"), DependencySet(2));
  EXPECT_TRUE(Answer(Instance(1, 1), "k").Contains(Instance(0, 1)));
  EXPECT_EQ(Answer(Instance(0, 2), "other"), DependencySet(2));
}

TEST_F(DependencyNodeTest, ClampsNoColumn) {
  Answer(Instance(0, 5), "k");
  EXPECT_TRUE(Answer(Instance(0, 4), "k").Contains(Instance(0, 5)));
}

TEST_F(DependencyNodeTest, FindsTheAnswerItHasGiven) {
  EXPECT_EQ(node_.Find(Instance(0, 1)), nullptr);
  Answer(Instance(0, 1), "k");
  Answer(Instance(1, 1), "k");
  ASSERT_NE(node_.Find(Instance(0, 1)), nullptr);
  EXPECT_EQ(node_.Find(Instance(0, 1))->deps, DependencySet(2));
}

TEST_F(DependencyNodeTest, ARestoredNodeGivesTheSameAnswers) {
  Answer(Instance(0, 1), "k");
  Answer(Instance(1, 1), "k");
  std::vector<Record> records;
  node_.Save(records);
  DependencyNode restored(2, ConflictMode::kOperation);
  RecordSequence sequence = 0;
  for (const Record& record : records) {
    restored.Restore(std::get<DependencyRecord>(record), ++sequence);
  }
  EXPECT_EQ(restored.Fingerprint(), node_.Fingerprint());
  EXPECT_EQ(restored.Find(Instance(1, 1))->deps,
            node_.Find(Instance(1, 1))->deps);
  // And knows what conflicts with what comes next.
  EXPECT_TRUE(restored.AnswerFirst(Instance(0, 2), Put(2, "k"))
                  .deps.Contains(Instance(1, 1)));
}

TEST_F(DependencyNodeTest, ForgetsBelowTheFloorAndCoversItFromThenOn) {
  Answer(Instance(0, 1), "k");
  Answer(Instance(0, 2), "k");
  DependencySet floor(2);
  floor.Set(ReplicaAt(0), 1);
  node_.RaiseFloor(floor);
  EXPECT_TRUE(node_.Refuses(Instance(0, 1)));
  EXPECT_FALSE(node_.Refuses(Instance(0, 2)));
  EXPECT_EQ(node_.answers(), 1u);
  EXPECT_EQ(Answer(Instance(1, 1), "other"), floor);
}

TEST_F(DependencyNodeTest, RefusesASlotBeyondBelief) {
  EXPECT_TRUE(node_.Refuses(Instance(0, std::uint64_t{1} << 40)));
}

TEST_F(DependencyNodeTest, AnsweringTwiceIsABug) {
  Answer(Instance(0, 1), "k");
  EXPECT_DEATH(Answer(Instance(0, 1), "k"), "DS1");
}

}  // namespace
}  // namespace quorate
