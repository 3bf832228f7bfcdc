#include "replica/base/quorum_system.h"

#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <string>
#include <vector>

namespace quorate {
namespace {

ReplicaSet SetOf(unsigned bits) {
  return ReplicaSet::FromBits(static_cast<std::uint16_t>(bits));
}

QuorumSystem Make(const std::string& text, int n) {
  const absl::StatusOr<QuorumSpec> spec = ParseQuorumSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  const absl::StatusOr<QuorumSystem> system = QuorumSystem::Create(*spec, n);
  EXPECT_TRUE(system.ok()) << system.status();
  return *system;
}

std::string ErrorOf(const std::string& text, int n) {
  const absl::StatusOr<QuorumSpec> spec = ParseQuorumSpec(text);
  if (!spec.ok()) return std::string(spec.status().message());
  return std::string(QuorumSystem::Create(*spec, n).status().message());
}

// Every subset of n replicas, against the definition in the words of a test.
void ExpectQuorums(const std::string& text, int n,
                   const std::function<bool(const std::vector<bool>&)>& is) {
  const QuorumSystem system = Make(text, n);
  for (unsigned bits = 0; bits < (1u << n); ++bits) {
    std::vector<bool> members;
    for (int i = 0; i < n; ++i) members.push_back((bits >> i & 1u) != 0);
    EXPECT_EQ(system.IsQuorum(SetOf(bits)), is(members))
        << text << " of " << n << ", set " << bits;
  }
}

int Count(const std::vector<bool>& members) {
  int count = 0;
  for (const bool member : members) count += member ? 1 : 0;
  return count;
}

TEST(QuorumSystemTest, MajorityAndSizesCount) {
  for (int n = 1; n <= kMaxReplicas; ++n) {
    ExpectQuorums("majority", n, [n](const std::vector<bool>& members) {
      return Count(members) >= n / 2 + 1;
    });
    for (int size = 1; size <= n; ++size) {
      ExpectQuorums("size " + std::to_string(size), n,
                    [size](const std::vector<bool>& members) {
                      return Count(members) >= size;
                    });
    }
  }
}

TEST(QuorumSystemTest, GridsTakeWholeRowsAndColumns) {
  for (int rows = 1; rows <= kMaxReplicas; ++rows) {
    for (int columns = 1; rows * columns <= kMaxReplicas; ++columns) {
      const auto has_row = [=](const std::vector<bool>& members) {
        for (int row = 0; row < rows; ++row) {
          bool whole = true;
          for (int column = 0; column < columns; ++column) {
            whole = whole &&
                    members[static_cast<std::size_t>(row * columns + column)];
          }
          if (whole) return true;
        }
        return false;
      };
      const auto has_column = [=](const std::vector<bool>& members) {
        for (int column = 0; column < columns; ++column) {
          bool whole = true;
          for (int row = 0; row < rows; ++row) {
            whole = whole &&
                    members[static_cast<std::size_t>(row * columns + column)];
          }
          if (whole) return true;
        }
        return false;
      };
      const int n = rows * columns;
      const std::string grid =
          std::to_string(rows) + "x" + std::to_string(columns);
      ExpectQuorums("rows " + grid, n, has_row);
      ExpectQuorums("columns " + grid, n, has_column);
      ExpectQuorums("cross " + grid, n, [&](const std::vector<bool>& members) {
        return has_row(members) && has_column(members);
      });
      // What grids are for.
      EXPECT_TRUE(PaxosQuorums::Create(Make("rows " + grid, n),
                                       Make("columns " + grid, n))
                      .ok())
          << grid;
      EXPECT_TRUE(DependencyQuorums::Create(Make("cross " + grid, n)).ok())
          << grid;
    }
  }
}

TEST(QuorumSystemTest, WeightsAreAdded) {
  ExpectQuorums("weights 3 1 1 1 1", 5, [](const std::vector<bool>& members) {
    return 2 * ((members[0] ? 2 : 0) + Count(members)) > 7;
  });
  ExpectQuorums("weights 2 0 1 reach 2", 3,
                [](const std::vector<bool>& members) {
                  return (members[0] ? 2 : 0) + (members[2] ? 1 : 0) >= 2;
                });
}

// Major(D) and Major(D without d) together.
TEST(QuorumSystemTest, EvenIsAMajorityOfAllOrOfAllButOne) {
  for (int n = 2; n <= kMaxReplicas - 1; n += 2) {
    for (int without = 0; without <= n; ++without) {
      const int left_out = without == 0 ? n : without;
      const std::string text =
          without == 0 ? "even" : "even without r" + std::to_string(without);
      ExpectQuorums(text, n, [=](const std::vector<bool>& members) {
        const int others =
            Count(members) -
            (members[static_cast<std::size_t>(left_out - 1)] ? 1 : 0);
        return Count(members) >= n / 2 + 1 || others >= (n - 1) / 2 + 1;
      });
      EXPECT_TRUE(DependencyQuorums::Create(Make(text, n)).ok()) << text;
      EXPECT_EQ(Make(text, n).smallest(), n / 2);
    }
  }
}

TEST(QuorumSystemTest, TheTextOfADefinitionIsReadBack) {
  for (const char* text :
       {"majority", "size 4", "rows 2x3", "columns 2x3", "cross 2x3",
        "weights 3 1 1 1 1", "weights 3 1 1 1 1 reach 5", "even",
        "even without r2"}) {
    EXPECT_EQ(ToString(*ParseQuorumSpec(text)), text);
  }
}

TEST(QuorumSystemTest, RefusesWhatIsNoDefinition) {
  for (const char* text :
       {"", "most", "size", "size 0", "size four", "size 10", "rows 2",
        "rows 0x3", "rows 2x", "weights", "weights 1 x", "weights 1 reach 0",
        "even without", "even without 2", "even without rx", "majority 3"}) {
    EXPECT_FALSE(ParseQuorumSpec(text).ok()) << text;
  }
}

TEST(QuorumSystemTest, SaysWhyADefinitionDoesNotFit) {
  EXPECT_EQ(ErrorOf("size 4", 3),
            "the quorum \"size 4\" needs 4 replicas, there are 3; give at most "
            "3");
  EXPECT_EQ(ErrorOf("rows 2x3", 5),
            "the quorum \"rows 2x3\" is a grid of 6 replicas, there are 5; "
            "rows times columns must give 5");
  EXPECT_EQ(ErrorOf("weights 1 1", 3),
            "the quorum \"weights 1 1\" gives 2 weights to 3 replicas; give "
            "one to each");
  EXPECT_EQ(ErrorOf("weights 1 1 1 reach 4", 3),
            "the quorum \"weights 1 1 1 reach 4\" is out of reach: all weights "
            "together are 3; lower \"reach\" or raise them");
  EXPECT_EQ(ErrorOf("even", 5),
            "the quorum \"even\" is for an even number of replicas, not 5; "
            "take \"majority\"");
}

// The definition, set by set, of all counted pairs.
TEST(QuorumSystemTest, PhasesAreRefusedExactlyWhenSomeQuorumsDoNotMeet) {
  for (int n = 3; n <= kMaxReplicas; ++n) {
    for (int one = 1; one <= n; ++one) {
      for (int two = 1; two <= n; ++two) {
        const bool made = PaxosQuorums::Create(QuorumSystem::OfSize(one, n),
                                               QuorumSystem::OfSize(two, n))
                              .ok();
        EXPECT_EQ(made, one + two > n) << one << " and " << two << " of " << n;
      }
    }
  }
}

bool Meet(const QuorumSystem& a, const QuorumSystem& b) {
  const unsigned all = 1u << a.replicas();
  for (unsigned x = 0; x < all; ++x) {
    if (!a.IsQuorum(SetOf(x))) continue;
    for (unsigned y = 0; y < all; ++y) {
      if ((x & y) == 0 && b.IsQuorum(SetOf(y))) return false;
    }
  }
  return true;
}

TEST(QuorumSystemTest, AnyTwoSystemsAreRefusedExactlyWhenTheyDoNotMeet) {
  const std::vector<QuorumSystem> systems = {
      Make("majority", 6),
      Make("size 2", 6),
      Make("size 5", 6),
      Make("rows 2x3", 6),
      Make("columns 2x3", 6),
      Make("rows 3x2", 6),
      Make("cross 2x3", 6),
      Make("even", 6),
      Make("even without r1", 6),
      Make("weights 4 1 1 1 1 1", 6),
      Make("weights 1 1 1 1 1 1 reach 2", 6)};
  for (const QuorumSystem& a : systems) {
    for (const QuorumSystem& b : systems) {
      EXPECT_EQ(CheckIntersection(a, b).ok(), Meet(a, b))
          << a.Describe() << " and " << b.Describe();
    }
    EXPECT_EQ(DependencyQuorums::Create(a).ok(), Meet(a, a)) << a.Describe();
  }
}

TEST(QuorumSystemTest, NamesTwoQuorumsThatDoNotMeet) {
  EXPECT_EQ(std::string(PaxosQuorums::Create(QuorumSystem::OfSize(2, 5),
                                             QuorumSystem::OfSize(3, 5))
                            .status()
                            .message()),
            "\"size 2\" and \"size 3\" of 5 replicas do not meet: {r1, r2} and "
            "{r3, r4, r5} have no member in common; make one larger");
}

// Fast Paxos: two fast quorums and a classic one of sizes f and c of n always
// have a common member exactly when 2f + c > 2n.
TEST(QuorumSystemTest, FastQuorumsMeetEachOtherInsideEveryClassicOne) {
  for (int n = 3; n <= 6; ++n) {
    for (int classic = 1; classic <= n; ++classic) {
      for (int fast = 1; fast <= n; ++fast) {
        EXPECT_EQ(FastQuorums::Create(QuorumSystem::OfSize(classic, n),
                                      QuorumSystem::OfSize(fast, n))
                      .ok(),
                  2 * fast + classic > 2 * n)
            << classic << " and " << fast << " of " << n;
      }
    }
  }
}

TEST(QuorumSystemTest, KnowsHowManyMayBeDown) {
  EXPECT_EQ(Make("majority", 5).tolerates(), 2);
  EXPECT_EQ(Make("size 4", 5).tolerates(), 1);
  EXPECT_EQ(Make("size 5", 5).tolerates(), 0);
  EXPECT_EQ(Make("rows 2x3", 6).tolerates(), 1);
  EXPECT_EQ(Make("even", 4).tolerates(), 1);
  EXPECT_EQ(Make("size 4", 5).Describe(), "size 4 of 5, 1 may be down");
}

TEST(QuorumSystemTest, ChoosesAQuorumWithoutSuperfluousMembers) {
  const std::vector<QuorumSystem> systems = {
      Make("majority", 6), Make("size 2", 6),
      Make("rows 2x3", 6), Make("columns 2x3", 6),
      Make("even", 6),     Make("weights 4 1 1 1 1 1", 6)};
  for (const QuorumSystem& system : systems) {
    for (int self = 0; self < 6; ++self) {
      for (unsigned preferred = 0; preferred < 64; ++preferred) {
        const ReplicaSet chosen =
            system.Choose(ReplicaAt(self), SetOf(preferred));
        EXPECT_TRUE(system.IsQuorum(chosen)) << system.Describe();
        EXPECT_TRUE(chosen.Contains(ReplicaAt(self)));
        for (int i = 0; i < 6; ++i) {
          ReplicaSet fewer = chosen;
          fewer.Erase(ReplicaAt(i));
          EXPECT_TRUE(i == self || !chosen.Contains(ReplicaAt(i)) ||
                      !system.IsQuorum(fewer))
              << system.Describe() << ": r" << i + 1 << " is superfluous";
        }
      }
    }
  }
}

TEST(QuorumSystemTest, ChoosesThePreferredOnesFirst) {
  const QuorumSystem majority = Make("majority", 5);
  ReplicaSet up;
  up.Insert(ReplicaAt(3));
  up.Insert(ReplicaAt(4));
  EXPECT_EQ(majority.Choose(ReplicaAt(0), up).bits(), 0b11001);
}

}  // namespace
}  // namespace quorate
