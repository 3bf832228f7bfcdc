#include "replica/base/quorum.h"

#include <gtest/gtest.h>

#include <bit>

namespace quorate {
namespace {

// Do all pairs (or triples) of subsets of these sizes meet where the protocol
// needs it? By enumeration of subsets, not by formula.
bool EveryPairMeets(int n, int a, int b, int in_at_least) {
  for (unsigned x = 0; x < (1u << n); ++x) {
    if (std::popcount(x) != a) continue;
    for (unsigned y = 0; y < (1u << n); ++y) {
      if (std::popcount(y) != b) continue;
      if (std::popcount(x & y) < in_at_least) return false;
    }
  }
  return true;
}

TEST(QuorumSizes, MatchTheTableOfTheDesign) {
  struct Row {
    int n, f, e, classic, fast;
  };
  for (const Row& row :
       {Row{3, 1, 1, 2, 2}, Row{4, 1, 1, 3, 3}, Row{5, 2, 2, 3, 3},
        Row{6, 2, 2, 4, 4}, Row{7, 3, 2, 4, 5}, Row{8, 3, 3, 5, 5},
        Row{9, 4, 3, 5, 6}}) {
    Settings settings;
    settings.replicas = row.n;
    const QuorumSizes sizes = QuorumSizesOf(settings);
    EXPECT_EQ(sizes.faults, row.f) << row.n;
    EXPECT_EQ(sizes.fast_faults, row.e) << row.n;
    EXPECT_EQ(sizes.classic(), row.classic) << row.n;
    EXPECT_EQ(sizes.fast(), row.fast) << row.n;
    EXPECT_TRUE(ValidateSettings(settings).ok()) << row.n;
  }
}

TEST(QuorumSizes, OfTheOtherRulesFollowFromTheFaults) {
  struct Row {
    FastPathRule rule;
    int n, f, fast, accepting;
  };
  constexpr FastPathRule kAtlas = FastPathRule::kAtlas;
  constexpr FastPathRule kUnanimous = FastPathRule::kUnanimous;
  for (const Row& row :
       {Row{kAtlas, 3, 1, 2, 2}, Row{kAtlas, 5, 1, 3, 2},
        Row{kAtlas, 5, 2, 4, 3}, Row{kAtlas, 7, 3, 6, 4},
        Row{kAtlas, 4, 1, 3, 2}, Row{kUnanimous, 3, 1, 3, 2},
        Row{kUnanimous, 5, 1, 5, 4}, Row{kUnanimous, 7, 3, 7, 4}}) {
    Settings settings;
    settings.fast_path = row.rule;
    settings.replicas = row.n;
    settings.faults = row.f;
    const QuorumSizes sizes = QuorumSizesOf(settings);
    EXPECT_EQ(sizes.fast(), row.fast) << row.n << row.f;
    EXPECT_EQ(sizes.accepting(), row.accepting) << row.n << row.f;
    EXPECT_EQ(sizes.classic(), row.n - row.f);
    EXPECT_TRUE(ValidateSettings(settings).ok()) << row.n << row.f;
  }
}

// A recovery hears a member of the fast quorum and an acceptor; with the
// command leader's own dependencies, those of the fast quorum that it hears are
// a majority.
TEST(QuorumSizes, OfAtlasIntersectAsItsRecoveryNeeds) {
  for (int n = 3; n <= 9; ++n) {
    for (int f = 1; f <= LargestFaults(n); ++f) {
      Settings settings;
      settings.fast_path = FastPathRule::kAtlas;
      settings.replicas = n;
      settings.faults = f;
      const QuorumSizes sizes = QuorumSizesOf(settings);
      EXPECT_TRUE(EveryPairMeets(n, sizes.classic(), sizes.accepting(), 1));
      EXPECT_TRUE(EveryPairMeets(n, sizes.classic(), sizes.fast(), n / 2));
      EXPECT_FALSE(
          EveryPairMeets(n, sizes.classic(), sizes.accepting() - 1, 1));
      EXPECT_FALSE(EveryPairMeets(n, sizes.classic(), sizes.fast() - 1, n / 2));
    }
  }
}

TEST(QuorumSizes, RefuseSevenReplicasWithAFastQuorumOfFour) {
  EXPECT_FALSE(
      CheckQuorumSizes({.replicas = 7, .faults = 3, .fast_faults = 3}).ok());
}

// For every n, f, e: the check passes exactly when classic quorums meet, and a
// recovery that hears a classic quorum Q can tell two fast-committed rivals
// apart: at least |Q| - e of Q took part in a fast commit, and a second
// instance's fast quorum plus its command leader cannot hide outside.
TEST(QuorumSizes, AreAcceptedExactlyWhenTheBoundHolds) {
  for (int n = 3; n <= 9; ++n) {
    for (int f = 0; f < n; ++f) {
      for (int e = 0; e <= f; ++e) {
        const QuorumSizes sizes{.replicas = n, .faults = f, .fast_faults = e};
        const bool bound = f >= 1 && n >= 2 * f + 1 && n >= 2 * e + f - 1;
        EXPECT_EQ(CheckQuorumSizes(sizes).ok(), bound)
            << "n=" << n << " f=" << f << " e=" << e;
      }
    }
  }
}

TEST(QuorumSizes, IntersectAsTheProtocolNeeds) {
  for (int n = 3; n <= 9; ++n) {
    for (int f = 1; f <= LargestFaults(n); ++f) {
      for (int e = 0; e <= f; ++e) {
        const QuorumSizes sizes{.replicas = n, .faults = f, .fast_faults = e};
        if (!CheckQuorumSizes(sizes).ok()) continue;
        // Two classic quorums meet: a recovery sees every accepted value.
        EXPECT_TRUE(EveryPairMeets(n, sizes.classic(), sizes.classic(), 1));
        // A classic quorum meets a fast one in |Q| - e members (rule R4).
        EXPECT_TRUE(EveryPairMeets(n, sizes.classic(), sizes.fast(),
                                   sizes.classic() - e));
        // Two fast quorums meet: conflicting fast commits see each other.
        EXPECT_TRUE(EveryPairMeets(n, sizes.fast(), sizes.fast(), 1));
      }
    }
  }
}

TEST(QuorumSizes, OneVoteLessWouldNotIntersect) {
  for (int n = 3; n <= 9; n += 2) {
    const int f = LargestFaults(n);
    EXPECT_FALSE(EveryPairMeets(n, n - f - 1, n - f, 1)) << n;
  }
}

TEST(ValidateSettings, NamesWhatIsWrong) {
  Settings settings;
  settings.replicas = 2;
  EXPECT_NE(ValidateSettings(settings).message().find("3 to 9"),
            std::string::npos);
  settings.replicas = 5;
  settings.faults = 3;
  EXPECT_NE(ValidateSettings(settings).message().find("2f+1"),
            std::string::npos);
  settings.faults = 0;
  settings.self = ReplicaAt(5);
  EXPECT_FALSE(ValidateSettings(settings).ok());
}

TEST(ValidateSettings, RefusesWhatARuleHasNoUseOrNoProofFor) {
  Settings settings;
  settings.fast_path = FastPathRule::kAtlas;
  settings.lazy_fast_commit = true;
  EXPECT_NE(ValidateSettings(settings).message().find("lazy_fast_commit"),
            std::string::npos);
  settings.fast_path = FastPathRule::kUnanimous;
  EXPECT_TRUE(ValidateSettings(settings).ok());
  settings.fast_faults = 1;
  EXPECT_NE(ValidateSettings(settings).message().find("fast_faults"),
            std::string::npos);
  settings.fast_faults = 0;
  settings.protocol = Protocol::kBpaxos;
  EXPECT_NE(ValidateSettings(settings).message().find("a rule of protocol"),
            std::string::npos);
}

TEST(ValidateSettings, TheRulesAreKnownByTheirNames) {
  for (const FastPathRule rule : kFastPathRules) {
    EXPECT_EQ(ParseFastPathRule(Name(rule)), rule);
  }
  EXPECT_EQ(ParseFastPathRule("paxos"), std::nullopt);
}

}  // namespace
}  // namespace quorate
