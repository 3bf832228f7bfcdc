#include "experiments/plan/predict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "replica/base/quorum.h"
#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

using wan::RegionMatrix;

RegionMatrix Named(const std::string& name) { return wan::Load(name).value(); }

Predictor Of(const Settings& settings) {
  return Predictor::Create(settings).value();
}

std::vector<std::size_t> All(std::size_t count) {
  std::vector<std::size_t> sites(count);
  std::iota(sites.begin(), sites.end(), 0);
  return sites;
}

std::vector<Client> BesideAll(std::size_t count) {
  std::vector<Client> clients;
  for (std::size_t site = 0; site < count; ++site) {
    clients.push_back({.site = site});
  }
  return clients;
}

std::vector<double> InMs(const Prediction& prediction,
                         std::int64_t ClientPrediction::*member) {
  std::vector<double> values;
  for (const ClientPrediction& each : prediction.clients) {
    values.push_back(std::round(static_cast<double>(each.*member) / 1e4) / 100);
  }
  return values;
}

Prediction PredictEpaxosSites(const Settings& settings) {
  return Of(settings).Predict(Distances(Named("epaxos5")), All(5), BesideAll(5),
                              Asks::kNearest);
}

using Values = std::vector<double>;

// California, Virginia, Ireland, Oregon, Japan.
TEST(PredictTest, EpaxosIsAsFastAsItsNearestFastQuorum) {
  const Prediction at = PredictEpaxosSites({.replicas = 5});
  const Values nearest = {59.91, 70.50, 127.28, 72.50, 111.70};
  EXPECT_EQ(InMs(at, &ClientPrediction::optimum_ns), nearest);
  EXPECT_EQ(InMs(at, &ClientPrediction::commit_ns), nearest);
  EXPECT_EQ(InMs(at, &ClientPrediction::execute_ns), nearest);
  // The third nearest, then the second nearest.
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_commit_ns),
            (Values{171.61, 143.00, 268.43, 173.36, 264.12}));
  // Ireland's decision and its way, or Japan's.
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_execute_ns),
            (Values{339.01, 340.33, 366.34, 332.07, 370.65}));
  EXPECT_DOUBLE_EQ(at.mean_ns, 88'378'000);
  EXPECT_EQ(at.worst_ns, 127'280'000);
}

TEST(PredictTest, EachFastPathRuleHasItsOwnQuorums) {
  Settings settings{
      .replicas = 5, .faults = 1, .fast_path = FastPathRule::kAtlas};
  const Values nearest = {59.91, 70.50, 127.28, 72.50, 111.70};
  Prediction at = PredictEpaxosSites(settings);
  EXPECT_EQ(InMs(at, &ClientPrediction::execute_ns), nearest);
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_commit_ns), nearest);
  settings.faults = 2;
  at = PredictEpaxosSites(settings);
  EXPECT_EQ(InMs(at, &ClientPrediction::execute_ns),
            (Values{111.70, 72.50, 141.15, 100.86, 152.42}));
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_commit_ns)[0], 171.61);
  settings.fast_path = FastPathRule::kUnanimous;
  at = PredictEpaxosSites(settings);
  EXPECT_EQ(InMs(at, &ClientPrediction::execute_ns),
            (Values{141.15, 152.42, 204.44, 127.28, 204.44}));
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_commit_ns)[0], 119.82);
}

TEST(PredictTest, ALeaderAnswersByTheWayToItAndBack) {
  const Settings settings{.protocol = Protocol::kMultipaxos, .replicas = 5};
  const Prediction best = PredictEpaxosSites(settings);
  EXPECT_EQ(best.leader, 0u);
  EXPECT_DOUBLE_EQ(best.mean_ns, 126'688'000);
  EXPECT_EQ(InMs(best, &ClientPrediction::execute_ns),
            (Values{59.91, 119.82, 201.06, 81.04, 171.61}));
  EXPECT_EQ(InMs(best, &ClientPrediction::commit_ns), Values(5, 59.91));
  EXPECT_EQ(InMs(best, &ClientPrediction::contended_execute_ns),
            InMs(best, &ClientPrediction::execute_ns));
  const Prediction ireland = Of(settings).Predict(
      Distances(Named("epaxos5")), All(5), BesideAll(5), Asks::kNearest, 2);
  EXPECT_EQ(InMs(ireland, &ClientPrediction::execute_ns),
            (Values{268.43, 197.78, 127.28, 254.56, 331.72}));
  // Who shares the leader's place compares with the leaderless optimum.
  EXPECT_EQ(InMs(ireland, &ClientPrediction::optimum_ns)[4], 111.70);
}

TEST(PredictTest, RolesApartTakeTwoRoundTrips) {
  const Prediction at =
      PredictEpaxosSites({.protocol = Protocol::kBpaxos, .replicas = 5});
  const Values twice = {119.82, 141.00, 254.56, 145.00, 223.40};
  EXPECT_EQ(InMs(at, &ClientPrediction::execute_ns), twice);
  EXPECT_EQ(InMs(at, &ClientPrediction::contended_commit_ns), twice);
}

TEST(PredictTest, AClientElsewhereAsksTheNearestOrTheFirst) {
  // From a: 10 to b and 12 to c. b's peers are far, c is near d.
  const RegionMatrix matrix =
      RegionMatrix::Parse(
          "region,a,b,c,d\na,1,10,12,50\nb,10,1,100,100\nc,12,100,1,20\n"
          "d,50,100,20,1\n",
          "lab.csv")
          .value();
  const std::vector<std::size_t> nodes = {1, 2, 3};
  const std::vector<Client> clients = {{.site = 0, .weight = 3}, {.site = 2}};
  const Predictor predictor = Of({.replicas = 3});
  const Distances distances(matrix);
  const Prediction nearest =
      predictor.Predict(distances, nodes, clients, Asks::kNearest);
  EXPECT_EQ(nearest.clients[0].node, 0u);
  EXPECT_EQ(nearest.clients[0].commit_ns, 100'000'000);
  EXPECT_EQ(nearest.clients[0].execute_ns, 110'000'000);
  EXPECT_EQ(nearest.clients[0].optimum_ns, 32'000'000);
  // Beside its node.
  EXPECT_EQ(nearest.clients[1].execute_ns, 20'000'000);
  EXPECT_DOUBLE_EQ(nearest.mean_ns, (3 * 110e6 + 20e6) / 4);
  const Prediction first =
      predictor.Predict(distances, nodes, clients, Asks::kFirst);
  EXPECT_EQ(first.clients[0].node, 1u);
  EXPECT_EQ(first.clients[0].execute_ns, 32'000'000);
}

TEST(PredictTest, WhatTheProductRefusesIsRefused) {
  for (const Settings& settings :
       {Settings{.replicas = 2}, Settings{.replicas = 5, .faults = 3},
        Settings{.replicas = 5,
        .fast_faults = 1,
        .fast_path = FastPathRule::kAtlas}}) {
    EXPECT_EQ(Predictor::Create(settings).status(), ValidateSettings(settings));
    EXPECT_FALSE(ValidateSettings(settings).ok());
  }
}

TEST(DetoursTest, AreFoundAndMadeUseOf) {
  const RegionMatrix matrix =
      RegionMatrix::Parse("region,a,b,c\na,0,30,100\nb,30,0,40\nc,100,40,0\n",
                          "lab.csv")
          .value();
  const Distances distances(matrix);
  const std::vector<Detour> detours = FindDetours(distances, All(3));
  ASSERT_EQ(detours.size(), 1u);
  EXPECT_EQ(detours[0].a, 0u);
  EXPECT_EQ(detours[0].b, 2u);
  EXPECT_EQ(detours[0].by, 1u);
  EXPECT_EQ(detours[0].direct_ns, 100'000'000);
  EXPECT_EQ(detours[0].detour_ns, 70'000'000);
  const std::vector<std::size_t> relays = {1};
  EXPECT_EQ(distances.Relayed(relays).RoundTripNs(0, 2), 70'000'000);
  EXPECT_EQ(distances.Relayed({}).RoundTripNs(0, 2), 100'000'000);
}

// ---- by brute force ---------------------------------------------------------

RegionMatrix RandomMatrix(std::mt19937& random, std::size_t sites) {
  std::string csv = "one-way";
  for (std::size_t i = 0; i < sites; ++i) csv += ",s" + std::to_string(i);
  for (std::size_t i = 0; i < sites; ++i) {
    csv += "\ns" + std::to_string(i);
    for (std::size_t j = 0; j < sites; ++j) {
      csv += "," + std::to_string(i == j ? 0 : 1 + random() % 40);
    }
  }
  return RegionMatrix::Parse(csv, "random").value();
}

// The least, over all sets that are enough, of the longest round trip to a
// member.
template <typename IsEnough>
std::int64_t BruteForce(const Distances& distances, std::size_t self,
                        std::size_t n, const IsEnough& is_enough) {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (unsigned set = 0; set < 1u << n; ++set) {
    if ((set >> self & 1u) == 0 ||
        !is_enough(ReplicaSet::FromBits(static_cast<std::uint16_t>(set)))) {
      continue;
    }
    std::int64_t longest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (i == self || (set >> i & 1u) == 0) continue;
      longest = std::max(longest, distances.RoundTripNs(self, i));
    }
    least = std::min(least, longest);
  }
  return least;
}

TEST(PredictTest, NoFastQuorumIsNearerThanTheOptimum) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    const auto n = static_cast<std::size_t>(3 + random() % 7);
    const int f =
        1 + static_cast<int>(random()) % LargestFaults(static_cast<int>(n));
    const Settings settings{.replicas = static_cast<int>(n),
                            .faults = std::max(f, 1),
                            .fast_path = kFastPathRules[random() % 3]};
    const Distances distances(RandomMatrix(random, n));
    const Prediction at =
        Of(settings).Predict(distances, All(n), BesideAll(n), Asks::kNearest);
    const int fast = QuorumSizesOf(settings).fast();
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_EQ(at.clients[i].optimum_ns,
                BruteForce(distances, i, n,
                           [&](ReplicaSet set) { return set.size() >= fast; }));
    }
  }
}

TEST(PredictTest, NoQuorumOfAnyKindIsNearerThanWhatIsPredicted) {
  std::mt19937 random(12);
  for (const char* phase2 : {"majority", "size 4", "rows 2x3", "cross 2x3",
                             "weights 3 1 1 1 1 1", "even"}) {
    Settings settings{.protocol = Protocol::kMultipaxos, .replicas = 6};
    settings.phase2 = ParseQuorumSpec(phase2).value();
    if (std::string(phase2) == "rows 2x3") {
      settings.phase1 = ParseQuorumSpec("columns 2x3").value();
    }
    const absl::StatusOr<Predictor> predictor = Predictor::Create(settings);
    if (!predictor.ok()) {
      // Some of these do not go with a majority.
      EXPECT_EQ(predictor.status(), ValidateSettings(settings));
      continue;
    }
    const QuorumSystem quorums =
        QuorumSystem::Create(settings.phase2, 6).value();
    const Distances distances(RandomMatrix(random, 6));
    for (std::size_t leader = 0; leader < 6; ++leader) {
      const Prediction at = predictor->Predict(distances, All(6), BesideAll(6),
                                               Asks::kNearest, leader);
      EXPECT_EQ(
          at.clients[leader].execute_ns,
          BruteForce(distances, leader, 6,
                     [&](ReplicaSet set) { return quorums.IsQuorum(set); }))
          << phase2;
    }
  }
}

}  // namespace
}  // namespace quorate::plan
