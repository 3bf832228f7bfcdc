// What does a command cost in the pure machines of a whole cluster, without
// codec, sockets and disk? Three replicas pass messages in memory; every record
// is durable at once. Items are commands; CPU is that of all three together.
#include <benchmark/benchmark.h>

#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "replica/host/replica.h"

namespace quorate {
namespace {

// Puts of 16-byte values; `hot_percent` of them on one key.
class Workload {
 public:
  explicit Workload(int hot_percent) : hot_percent_(hot_percent) {}

  CommandBatchPtr Next(std::size_t commands) {
    CommandBatchBuilder builder;
    for (std::size_t i = 0; i < commands; ++i) {
      ++sequence_;
      const ClientId client{1 + sequence_ % 64};
      builder.AddCommand({client, 1 + sequence_ / 64}, sequence_ / 64,
                         /*origin=*/1);
      const bool hot = static_cast<int>(random_() % 100) < hot_percent_;
      key_ = hot ? "hot" : "key" + std::to_string(random_() % 100000);
      builder.AddOperation({.kind = OperationKind::kPut,
                            .key = key_,
                            .value = "0123456789abcdef"});
    }
    return builder.Finish();
  }

 private:
  int hot_percent_;
  std::mt19937 random_{1};
  std::uint64_t sequence_ = 0;
  std::string key_;
};

class Cluster {
 public:
  Cluster() {
    for (int i = 0; i < 3; ++i) {
      Settings settings;
      settings.self = ReplicaAt(i);
      replicas_.push_back(Replica::Create(settings));
    }
  }

  void Submit(int i, CommandBatchPtr batch) {
    Step(i, ClientCommands{.batches = {std::move(batch)}});
  }

  // Delivers everything that is on the way; returns the replies given.
  std::size_t Settle() {
    while (!network_.empty()) {
      auto [to, from, message] = std::move(network_.front());
      network_.pop_front();
      Step(to, MessageReceived{.from = from, .message = std::move(message)});
    }
    return std::exchange(replies_, 0);
  }

  void Tick() {
    for (int i = 0; i < 3; ++i) Step(i, quorate::Tick{});
  }

 private:
  struct OnTheWay {
    int to;
    ReplicaId from;
    Message message;
  };

  void Step(int i, const Event& event) {
    Replica& replica = *replicas_[static_cast<std::size_t>(i)];
    actions_.Clear();
    replica.Step(event, actions_);
    while (!actions_.persist.empty()) {
      actions_.persist.clear();
      replica.Step(RecordsDurable{.through = replica.last_record()}, actions_);
    }
    replies_ += actions_.replies.size();
    for (const OutgoingMessage& out : actions_.messages) {
      for (int to = 0; to < 3; ++to) {
        if (out.to.Contains(ReplicaAt(to))) {
          network_.push_back({to, ReplicaAt(i), out.message});
        }
      }
    }
  }

  std::vector<std::unique_ptr<Replica>> replicas_;
  std::deque<OnTheWay> network_;
  Actions actions_;
  std::size_t replies_ = 0;
};

void BM_ThreeReplicas(benchmark::State& state) {
  const auto batch = static_cast<std::size_t>(state.range(0));
  Workload workload(static_cast<int>(state.range(1)));
  Cluster cluster;
  std::size_t done = 0;
  int round = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<CommandBatchPtr> batches;
    for (int i = 0; i < 3; ++i) batches.push_back(workload.Next(batch));
    state.ResumeTiming();
    for (int i = 0; i < 3; ++i) {
      cluster.Submit(i, std::move(batches[static_cast<std::size_t>(i)]));
    }
    done += cluster.Settle();
    if (++round % 20 == 0) {
      cluster.Tick();
      done += cluster.Settle();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(done));
}
BENCHMARK(BM_ThreeReplicas)
    ->ArgNames({"batch", "hot"})
    ->Args({1, 0})
    ->Args({30, 0})
    ->Args({300, 0})
    ->Args({300, 2})
    ->Args({300, 100});

}  // namespace
}  // namespace quorate
