#include "replica/base/electorate.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace quorate {
namespace {

ReplicaSet Nodes(std::initializer_list<int> indexes) {
  ReplicaSet nodes;
  for (const int index : indexes) nodes.Insert(ReplicaAt(index));
  return nodes;
}

Electorate Of(ReplicaSet members, const char* text) {
  return {members,
          *QuorumSystem::Create(*ParseQuorumSpec(text), members.size())};
}

TEST(ElectorateTest, CountsItsMembersOnly) {
  const Electorate electorate = Of(Nodes({2, 9, 15}), "majority");
  EXPECT_TRUE(electorate.IsQuorum(Nodes({2, 15})));
  EXPECT_TRUE(electorate.IsQuorum(Nodes({0, 2, 9, 14})));
  EXPECT_FALSE(electorate.IsQuorum(Nodes({2})));
  EXPECT_FALSE(electorate.IsQuorum(Nodes({0, 1, 2, 3, 14})));
}

// Against the system itself, asked by place in the order of nodes.
TEST(ElectorateTest, NumbersItsMembersInTheirOrder) {
  const ReplicaSet members = Nodes({1, 4, 7, 12});
  for (const char* text : {"weights 3 1 1 0", "rows 2x2", "even", "size 3"}) {
    const Electorate electorate = Of(members, text);
    for (unsigned set = 0; set < 16; ++set) {
      ReplicaSet nodes;
      int number = 0;
      for (const int node : {1, 4, 7, 12}) {
        if ((set >> number++ & 1u) != 0) nodes.Insert(ReplicaAt(node));
      }
      EXPECT_EQ(electorate.IsQuorum(nodes),
                electorate.system().IsQuorum(
                    ReplicaSet::FromBits(static_cast<std::uint16_t>(set))))
          << text << " " << set;
    }
  }
}

TEST(ElectorateTest, ChoosesItselfFirstAndSuspectsLast) {
  const Electorate electorate = Of(Nodes({1, 2, 3}), "majority");
  EXPECT_EQ(electorate.Choose(ReplicaAt(2), {}), Nodes({2, 3}));
  EXPECT_EQ(electorate.Choose(ReplicaAt(2), Nodes({3})), Nodes({1, 2}));
  EXPECT_EQ(electorate.Choose(ReplicaAt(9), Nodes({1, 2})), Nodes({1, 3}));
}

TEST(ElectorateTest, ChoosesNobodyInVain) {
  const Electorate electorate = Of(Nodes({3, 4, 5, 6}), "rows 2x2");
  EXPECT_EQ(electorate.Choose(ReplicaAt(4), {}), Nodes({5, 6}));
}

TEST(ElectorateTest, WithoutMembersThereIsNoQuorum) {
  EXPECT_FALSE(Electorate().IsQuorum(ReplicaSet::FirstN(kMaxNodes)));
}

}  // namespace
}  // namespace quorate
