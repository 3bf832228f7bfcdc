#include "replica/client/calls.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace quorate {
namespace {

constexpr CallPolicy kCallPolicy{
    .stagger_ms = 80, .again_ms = 200, .timeout_ms = 1000};

// Nobody answers; gives the calls of the first `until_ms` as (time, node).
std::vector<std::pair<std::int64_t, std::size_t>> CallsUntil(
    Calls& calls, std::int64_t until_ms) {
  std::vector<std::pair<std::int64_t, std::size_t>> begun;
  for (std::int64_t now_ms = 0; now_ms < until_ms; ++now_ms) {
    while (const auto node = calls.Next(now_ms)) {
      begun.emplace_back(now_ms, *node);
    }
  }
  return begun;
}

TEST(CallsTest, CallsTheNextNodeBesideASilentOne) {
  Calls calls(3, 1, 7, kCallPolicy);
  const auto begun = CallsUntil(calls, 200);
  ASSERT_EQ(begun.size(), 3u);
  EXPECT_EQ(begun[0], std::make_pair(std::int64_t{0}, std::size_t{1}));
  EXPECT_EQ(begun[1], std::make_pair(std::int64_t{80}, std::size_t{2}));
  EXPECT_EQ(begun[2], std::make_pair(std::int64_t{160}, std::size_t{0}));
}

TEST(CallsTest, CallsASilentNodeAgainWithinAMomentAndNoStormComesOfIt) {
  Calls calls(1, 0, 7, kCallPolicy);
  std::int64_t last_ms = 0;
  const auto begun = CallsUntil(calls, 1000);
  for (const auto& [at_ms, node] : begun) {
    EXPECT_LE(at_ms - last_ms, kCallPolicy.again_ms);
    last_ms = at_ms;
  }
  EXPECT_EQ(begun.size(), static_cast<std::size_t>(Calls::kMostOfANode));
}

TEST(CallsTest, ANodeThatRefusesIsFollowedAtOnce) {
  Calls calls(3, 0, 7, kCallPolicy);
  EXPECT_EQ(calls.Next(0), 0u);
  EXPECT_FALSE(calls.HandleFailed(0, 1));
  EXPECT_EQ(calls.NextDeadline(), 1);
  EXPECT_EQ(calls.Next(1), 1u);
}

TEST(CallsTest, PausesWhenAllHaveBeenTriedInVain) {
  Calls calls(2, 0, 7, kCallPolicy);
  EXPECT_EQ(calls.Next(0), 0u);
  EXPECT_FALSE(calls.HandleFailed(0, 0));
  EXPECT_EQ(calls.Next(0), 1u);
  EXPECT_TRUE(calls.HandleFailed(1, 0));
  EXPECT_GE(calls.NextDeadline(), 5);
  EXPECT_LE(calls.NextDeadline(), 10);
}

TEST(CallsTest, PausesGrowToHalfASecond) {
  Calls calls(1, 0, 7, kCallPolicy);
  std::int64_t now_ms = 0;
  std::int64_t longest_ms = 0;
  for (int round = 0; round < 60; ++round) {
    now_ms = calls.NextDeadline();
    ASSERT_EQ(calls.Next(now_ms), 0u);
    EXPECT_TRUE(calls.HandleFailed(0, now_ms));
    longest_ms = std::max(longest_ms, calls.NextDeadline() - now_ms);
  }
  EXPECT_GE(longest_ms, 250);
  EXPECT_LE(longest_ms, 500);
}

TEST(CallsTest, PrefersNodesThatAnsweredToThoseThatFailed) {
  Calls calls(3, 0, 7, kCallPolicy);
  EXPECT_EQ(calls.Next(0), 0u);  // Silent.
  EXPECT_EQ(calls.Next(80), 1u);
  calls.HandleReady(1);
  calls.HandleOutrun(0, 81);
  // It is left after it has served: 2 has not failed, 0 has, 1 most recently.
  EXPECT_FALSE(calls.Leave(1, /*served=*/true, 1000));
  EXPECT_EQ(calls.Next(1000), 2u);
  EXPECT_FALSE(calls.HandleFailed(2, 1000));
  EXPECT_EQ(calls.Next(1000), 0u);
  EXPECT_TRUE(calls.HandleFailed(0, 1000));
  EXPECT_EQ(calls.Next(calls.NextDeadline()), 1u);
}

TEST(CallsTest, GoesToTheLeaderThatWasNamed) {
  Calls calls(3, 0, 7, kCallPolicy);
  EXPECT_EQ(calls.Next(0), 0u);
  calls.HandleReady(0);
  calls.Prefer(2);
  EXPECT_FALSE(calls.Leave(0, /*served=*/true, 5));
  EXPECT_EQ(calls.Next(5), 2u);
}

TEST(CallsTest, ANodeInUseIsNotCalled) {
  Calls calls(2, 0, 7, kCallPolicy);
  EXPECT_EQ(calls.Next(0), 0u);
  calls.HandleReady(0);
  calls.BeginRound();
  EXPECT_EQ(calls.Next(100), 1u);
  EXPECT_EQ(calls.Next(200), std::nullopt);
}

}  // namespace
}  // namespace quorate
