// What is predicted is what the machines do: whole replicas of every protocol,
// whose messages take what a matrix says and whose disks take no time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "experiments/plan/predict.h"
#include "replica/base/quorum.h"
#include "replica/host/replica.h"
#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

using Sites = std::vector<std::size_t>;

// Nodes at sites, and no clock but the way of messages: no tick comes unless a
// test sends one.
class FarNodes {
 public:
  FarNodes(Settings settings, const Distances& distances, Sites sites)
      : distances_(distances), sites_(std::move(sites)) {
    for (int i = 0; i < settings.replicas; ++i) {
      settings.self = ReplicaAt(i);
      nodes_.push_back(Replica::Create(settings));
    }
    decided_ns_.resize(nodes_.size());
    answered_ns_.resize(nodes_.size());
  }

  void Put(std::size_t node, const std::string& key) {
    Take(node, ClientCommands{
                   .batches = {MakeBatch(
                       {ClientId{100 + node}, 1},
                       {.kind = OperationKind::kPut, .key = key, .value = "v"},
                       /*origin=*/1)}});
  }
  // Until nothing is on its way.
  void Run() {
    while (!ways_.empty()) {
      const Way way = ways_.top();
      ways_.pop();
      now_ns_ = way.arrives_ns;
      Take(way.to, MessageReceived{way.from, way.message});
    }
  }
  void Elect(std::size_t leader) {
    while (!nodes_[leader]->Status().leads) {
      Take(leader, Tick{});
      Run();
    }
    began_ns_ = now_ns_;
  }

  // Of the command that was put at this node, from when it was put.
  std::int64_t decided_ns(std::size_t node) const {
    return decided_ns_[node].value_or(-1) - began_ns_;
  }
  std::int64_t answered_ns(std::size_t node) const {
    return answered_ns_[node].value_or(-1) - began_ns_;
  }

 private:
  struct Way {
    std::int64_t arrives_ns = 0;
    std::uint64_t number = 0;  // those that arrive at once, as they were sent
    ReplicaId from{};
    std::size_t to = 0;
    Message message;
    friend bool operator<(const Way& a, const Way& b) {
      return std::pair(a.arrives_ns, a.number) >
             std::pair(b.arrives_ns, b.number);
    }
  };

  void Take(std::size_t node, const Event& event) {
    Actions actions;
    nodes_[node]->Step(event, actions);
    for (const OutgoingMessage& out : actions.messages) Send(node, out);
    for (const CommittedInstance& decision : actions.committed) {
      const CommandBatchPtr& batch = decision.value.batch;
      if (batch == nullptr ||
          batch->commands()[0].id.client != ClientId{100 + node}) {
        continue;
      }
      if (!decided_ns_[node]) decided_ns_[node] = now_ns_;
    }
    if (!actions.replies.empty() && !answered_ns_[node]) {
      EXPECT_EQ(actions.replies[0].reply.status, ReplyStatus::kDone);
      answered_ns_[node] = now_ns_;
    }
    if (actions.persist.empty()) return;
    Take(node, RecordsDurable{nodes_[node]->last_record()});
  }

  void Send(std::size_t from, const OutgoingMessage& out) {
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      if (!out.to.Contains(ReplicaAt(static_cast<int>(to)))) continue;
      ways_.push({.arrives_ns =
                      now_ns_ + distances_.OneWayNs(sites_[from], sites_[to]),
                  .number = ++sent_,
                  .from = ReplicaAt(static_cast<int>(from)),
                  .to = to,
                  .message = out.message});
    }
  }

  const Distances& distances_;
  Sites sites_;
  std::vector<std::unique_ptr<Replica>> nodes_;
  std::priority_queue<Way> ways_;
  std::uint64_t sent_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t began_ns_ = 0;
  std::vector<std::optional<std::int64_t>> decided_ns_;
  std::vector<std::optional<std::int64_t>> answered_ns_;
};

struct World {
  explicit World(const std::string& name)
      : matrix(wan::Load(name).value()), distances(matrix) {}

  std::vector<Client> Clients() const {
    std::vector<Client> clients;
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      clients.push_back({.site = i});
    }
    return clients;
  }
  // All of them, from one on.
  Sites From(std::size_t first) const {
    Sites sites;
    for (std::size_t i = 0; i < matrix.size(); ++i) {
      sites.push_back((first + i) % matrix.size());
    }
    return sites;
  }
  // The nearest first: who is next in number is next in distance.
  Sites NearestFirst(std::size_t first) const {
    Sites sites = From(first);
    std::ranges::stable_sort(
        sites.begin() + 1, sites.end(), {},
        [&](std::size_t site) { return distances.RoundTripNs(first, site); });
    return sites;
  }

  wan::RegionMatrix matrix;
  Distances distances;
};

constexpr const char* kWorlds[] = {"world3", "epaxos5", "world5", "world7"};

std::vector<Settings> LeaderlessSettings(int n) {
  std::vector<Settings> all;
  for (int f = 1; f <= LargestFaults(n); ++f) {
    for (const bool thrifty : {false, true}) {
      for (const FastPathRule rule : kFastPathRules) {
        all.push_back({.replicas = n,
                       .faults = f,
                       .fast_path = rule,
                       .thrifty = thrifty});
      }
    }
  }
  all.push_back({.protocol = Protocol::kBpaxos, .replicas = n});
  return all;
}

Prediction Predicted(const World& world, const Settings& settings,
                     const Sites& sites) {
  return Predictor::Create(settings).value().Predict(
      world.distances, sites, world.Clients(), Asks::kNearest);
}

const ClientPrediction& At(const Prediction& prediction, std::size_t site) {
  return *std::ranges::find_if(
      prediction.clients,
      [&](const ClientPrediction& each) { return each.client.site == site; });
}

// Asked are the next in number where a quorum is fixed: the nearest, here.
TEST(MachinesTest, ALoneCommandTakesWhatIsPredicted) {
  for (const char* name : kWorlds) {
    const World world(name);
    for (const Settings& settings :
         LeaderlessSettings(static_cast<int>(world.matrix.size()))) {
      for (std::size_t site = 0; site < world.matrix.size(); ++site) {
        const Sites sites = world.NearestFirst(site);
        FarNodes nodes(settings, world.distances, sites);
        nodes.Put(0, "key");
        nodes.Run();
        const Prediction prediction = Predicted(world, settings, sites);
        const ClientPrediction& expected = At(prediction, site);
        EXPECT_EQ(nodes.decided_ns(0), expected.commit_ns)
            << name << " " << world.matrix.sites()[site] << " "
            << Name(settings.protocol) << " " << Name(settings.fast_path);
        EXPECT_EQ(nodes.answered_ns(0), expected.execute_ns);
      }
    }
  }
}

TEST(MachinesTest, ALeadersCommandsTakeWhatIsPredicted) {
  for (const char* name : kWorlds) {
    const World world(name);
    const Settings settings{.protocol = Protocol::kMultipaxos,
                            .replicas = static_cast<int>(world.matrix.size())};
    for (std::size_t leader = 0; leader < world.matrix.size(); ++leader) {
      FarNodes nodes(settings, world.distances, world.From(0));
      nodes.Elect(leader);
      nodes.Put(leader, "key");
      nodes.Run();
      const Prediction prediction = Predictor::Create(settings).value().Predict(
          world.distances, world.From(0), world.Clients(), Asks::kNearest,
          leader);
      EXPECT_EQ(nodes.decided_ns(leader), prediction.clients[leader].commit_ns);
      EXPECT_EQ(nodes.answered_ns(leader),
                prediction.clients[leader].execute_ns);
    }
  }
}

// Every node puts the same key at the same moment.
TEST(MachinesTest, ContendedCommandsTakeWhatIsPredictedAndNoLonger) {
  for (const char* name : kWorlds) {
    const World world(name);
    for (const Settings& settings :
         LeaderlessSettings(static_cast<int>(world.matrix.size()))) {
      for (std::size_t site = 0; site < world.matrix.size(); ++site) {
        const Sites sites = world.NearestFirst(site);
        FarNodes nodes(settings, world.distances, sites);
        for (std::size_t node = 0; node < sites.size(); ++node) {
          nodes.Put(node, "key");
        }
        nodes.Run();
        const Prediction prediction = Predicted(world, settings, sites);
        const ClientPrediction& expected = At(prediction, site);
        const std::string what = std::string(name) + " " +
                                 world.matrix.sites()[site] + " " +
                                 std::string(Name(settings.protocol)) + " " +
                                 std::string(Name(settings.fast_path)) + " f " +
                                 std::to_string(settings.faults) +
                                 (settings.thrifty ? " thrifty" : "");
        if (settings.fast_path == FastPathRule::kAtlas) {
          // A command may have come to others before they vote: then it is
          // reported by more than one.
          EXPECT_LE(nodes.decided_ns(0), expected.contended_commit_ns) << what;
          EXPECT_GE(nodes.decided_ns(0), expected.commit_ns) << what;
        } else {
          EXPECT_EQ(nodes.decided_ns(0), expected.contended_commit_ns) << what;
        }
        // The others may ask by number who is not near them.
        if (!settings.thrifty && settings.fast_path != FastPathRule::kAtlas) {
          EXPECT_LE(nodes.answered_ns(0), expected.contended_execute_ns)
              << what;
        }
        EXPECT_GE(nodes.answered_ns(0), nodes.decided_ns(0)) << what;
      }
    }
  }
}

}  // namespace
}  // namespace quorate::plan
