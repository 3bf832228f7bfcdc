// Whole replicas at EPaxos' five sites, in virtual time: equal everywhere.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "experiments/plan/predict.h"
#include "replica/base/quorum.h"
#include "tests/plan/far_cluster.h"
#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

class FarTest : public testing::Test {
 protected:
  FarResult Run(FarOptions options) const {
    options.settings.replicas = static_cast<int>(matrix_.size());
    return RunFar(matrix_, options);
  }
  static FarOptions With(FastPathRule rule, int faults = 0) {
    return {.settings = {.faults = faults, .fast_path = rule}, .seconds = 4};
  }
  // The medians are what the nearest fast quorum of each site gives.
  void ExpectWhatIsPredicted(const FarResult& result, Settings settings) const {
    settings.replicas = static_cast<int>(matrix_.size());
    std::vector<std::size_t> sites;
    std::vector<Client> clients;
    for (std::size_t i = 0; i < matrix_.size(); ++i) {
      sites.push_back(i);
      clients.push_back({.site = i});
    }
    const Prediction prediction = Predictor::Create(settings).value().Predict(
        Distances(matrix_), sites, clients, Asks::kNearest);
    for (std::size_t i = 0; i < sites.size(); ++i) {
      EXPECT_NEAR(QuantileMs(result.sites[i].commit_us, 0.5),
                  static_cast<double>(prediction.clients[i].commit_ns) / 1e6,
                  0.1)
          << result.sites[i].name << " " << Name(settings.fast_path) << " f "
          << settings.faults;
    }
  }

  wan::RegionMatrix matrix_ = wan::Load("epaxos5").value();
};

TEST_F(FarTest, WithoutConflictsEveryRuleIsFastAndAsFastAsItsNearestQuorum) {
  for (const auto& [rule, faults] : std::vector<std::pair<FastPathRule, int>>{
           {FastPathRule::kEpaxos, 2},
           {FastPathRule::kEpaxos, 1},
           {FastPathRule::kAtlas, 1},
           {FastPathRule::kAtlas, 2},
           {FastPathRule::kUnanimous, 2}}) {
    const FarOptions options = With(rule, faults);
    const FarResult result = Run(options);
    EXPECT_EQ(result.fast, result.commands) << Name(rule) << " f " << faults;
    EXPECT_GT(result.commands, 200u);
    EXPECT_EQ(result.recoveries, 0u);
    EXPECT_EQ(result.retransmissions, 0u);
    ExpectWhatIsPredicted(result, options.settings);
  }
}

// The same without measurements: what they are for.
TEST_F(FarTest, WithoutMeasurementsFarVotesAreGivenUp) {
  FarOptions options = With(FastPathRule::kAtlas, 1);
  options.measures = false;
  const FarResult result = Run(options);
  EXPECT_EQ(result.fast, 0u);
  EXPECT_GT(result.recoveries, result.commands / 2);
}

TEST_F(FarTest, NothingIsSentAgainThatIsOnlyUnderWay) {
  for (const FastPathRule rule : kFastPathRules) {
    FarOptions options = With(rule);
    options.conflict_percent = 10;
    const FarResult result = Run(options);
    EXPECT_EQ(result.retransmissions, 0u) << Name(rule);
    EXPECT_EQ(result.MessagesPerCommand("Inquire"), 0) << Name(rule);
    EXPECT_LT(result.MessagesPerCommand("Commit"), 4.3) << Name(rule);
    EXPECT_LT(result.MessagesPerCommand("Frontier"), 1.3) << Name(rule);
  }
}

// Ways that vary, and nodes that stand still for 400 ms four times a minute.
TEST_F(FarTest, NobodyIsTakenForDeadWhoIsFarOrStandsStillForAMoment) {
  for (const FastPathRule rule :
       {FastPathRule::kEpaxos, FastPathRule::kUnanimous}) {
    FarOptions options = With(rule);
    options.seconds = 60;
    options.commands_per_s = 20;
    options.conflict_percent = 10;
    options.jitter = ParseJitter("lognormal 2 0.5").value();
    options.stalls_per_minute = 4;
    const FarResult result = Run(options);
    EXPECT_EQ(result.recoveries, 0u) << Name(rule);
    EXPECT_EQ(result.suspicions, 0u) << Name(rule);
  }
}

}  // namespace
}  // namespace quorate::plan
