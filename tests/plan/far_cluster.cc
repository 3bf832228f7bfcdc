#include "tests/plan/far_cluster.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <unordered_map>
#include <utility>
#include <variant>

#include "experiments/plan/distances.h"
#include "replica/base/distances.h"
#include "replica/host/replica.h"
#include "wire/check.h"
#include "wire/timers.h"

namespace quorate::plan {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr std::uint64_t kSessionsANode = 1000;
constexpr auto kSuspectTicks = TicksOf<"links.suspect">;
constexpr auto kMeasureTicks = TicksOf<"links.measure">;
constexpr auto kFirstMeasureTicks = TicksOf<"links.first_measure">;
constexpr int kFirstMeasures = 16;

// What comes to a node.
struct Ticks {};
struct Durable {
  RecordSequence through = 0;
};
struct Asked {
  std::uint64_t number = 0;  // of the node's commands
  std::string key;
  std::int64_t at_ns = 0;
};
struct Heard {
  std::size_t from = 0;
  std::shared_ptr<const Message> message;
};
// As wire/client_message.h: Progress.
struct Told {
  std::size_t from = 0;
  std::int64_t sent_ns = 0;
  std::int64_t heard_ns = 0;
  std::int64_t held_ns = 0;
};
struct Stall {};
struct Coming {
  std::int64_t at_ns = 0;
  std::uint64_t order = 0;
  std::size_t node = 0;
  std::variant<Ticks, Durable, Asked, Heard, Told, Stall> what;
  friend bool operator<(const Coming& a, const Coming& b) {
    return std::pair(a.at_ns, a.order) > std::pair(b.at_ns, b.order);
  }
};

class FarCluster {
 public:
  FarCluster(const wan::RegionMatrix& matrix, const FarOptions& options)
      : options_(options),
        random_(options.seed),
        begin_ns_(options.warm_up_seconds * kSecondNs),
        end_ns_(begin_ns_ + options.seconds * kSecondNs) {
    const Distances distances(matrix);
    QUORATE_CHECK(
        matrix.size() == static_cast<std::size_t>(options.settings.replicas),
        "a replica at each site");
    for (std::size_t i = 0; i < matrix.size(); ++i) AddNode(matrix, i);
    for (std::size_t from = 0; from < matrix.size(); ++from) {
      for (std::size_t to = 0; to < matrix.size(); ++to) {
        nodes_[from].ways.emplace_back(WayOptions{
            .delay_ns =
                static_cast<std::uint64_t>(distances.OneWayNs(from, to)),
            .jitter = options.jitter,
            .seed = options.seed * 1000 + from * 100 + to});
      }
    }
  }

  FarResult Run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (std::size_t peer = 0; peer < nodes_.size(); ++peer) {
        if (peer == i) continue;
        Take(i, PeerSuspected{.peer = Id(peer), .suspected = false});
      }
      Push(Chance(10 * kMillisecondNs), i, Ticks{});
      ScheduleCommand(i);
      ScheduleStall(i);
    }
    std::vector<ReplicaStatus> before;
    while (!coming_.empty() && coming_.top().at_ns < end_ns_) {
      Coming next = coming_.top();
      coming_.pop();
      now_ns_ = next.at_ns;
      if (before.empty() && now_ns_ >= begin_ns_) before = Statuses();
      Node& at = nodes_[next.node];
      if (now_ns_ < at.stands_until_ns) {
        next.at_ns = at.stands_until_ns;
        next.order = ++order_;
        coming_.push(std::move(next));
        continue;
      }
      std::visit([&](const auto& what) { Come(next.node, what); }, next.what);
    }
    return Sum(before);
  }

 private:
  struct Peer {
    std::uint64_t heard_tick = 0;
    bool suspected = false;
    std::uint64_t told_tick = 0;
    std::int64_t heard_ns = 0;
    std::int64_t heard_at_ns = 0;
    std::optional<std::int64_t> shortest_ns;
    std::uint64_t measured_tick = 0;
    int measured = 0;
  };
  struct Node {
    std::unique_ptr<Replica> replica;
    quorate::Distances distances;
    std::vector<Way> ways;
    std::vector<Peer> peers;
    std::uint64_t ticks = 0;
    std::int64_t stands_until_ns = 0;
    bool syncs = false;
    RecordSequence durable = 0;
    std::uint64_t asked = 0;
    std::unordered_map<std::uint64_t, std::int64_t> asked_ns;  // undecided
    std::unordered_map<std::uint64_t, std::int64_t> waits_ns;  // unanswered
  };

  static ReplicaId Id(std::size_t node) {
    return ReplicaAt(static_cast<int>(node));
  }

  void AddNode(const wan::RegionMatrix& matrix, std::size_t i) {
    Settings settings = options_.settings;
    settings.self = Id(i);
    nodes_.push_back({.replica = Replica::Create(settings),
                      .distances = quorate::Distances(
                          settings.self, settings.replicas, settings.tick_ms),
                      .peers = std::vector<Peer>(matrix.size())});
    result_.sites.push_back({.name = matrix.sites()[i]});
  }

  // ---- chance ---------------------------------------------------------------

  double Uniform() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }
  std::int64_t Chance(std::int64_t below) {
    return static_cast<std::int64_t>(Uniform() * static_cast<double>(below));
  }
  std::int64_t NextNs(double per_second) {
    return static_cast<std::int64_t>(-std::log1p(-Uniform()) / per_second *
                                     static_cast<double>(kSecondNs));
  }
  void ScheduleCommand(std::size_t i) {
    const double rate =
        options_.commands_per_s / static_cast<double>(nodes_.size());
    Node& at = nodes_[i];
    const bool hot = Chance(100) < options_.conflict_percent;
    const std::uint64_t number = at.asked++;
    const std::int64_t when = now_ns_ + NextNs(rate);
    std::string key =
        hot ? "hot" : "k" + std::to_string(i) + "-" + std::to_string(number);
    Push(when, i,
         Asked{.number = number, .key = std::move(key), .at_ns = when});
  }
  void ScheduleStall(std::size_t i) {
    if (options_.stalls_per_minute <= 0) return;
    Push(now_ns_ + NextNs(options_.stalls_per_minute / 60), i, Stall{});
  }

  template <typename What>
  void Push(std::int64_t at_ns, std::size_t node, What what) {
    coming_.push({.at_ns = at_ns,
                  .order = ++order_,
                  .node = node,
                  .what = std::move(what)});
  }

  // ---- what comes -----------------------------------------------------------

  void Come(std::size_t i, Stall) {
    nodes_[i].stands_until_ns = now_ns_ + options_.stall_ms * kMillisecondNs;
    ScheduleStall(i);
  }

  void Come(std::size_t i, Ticks) {
    Node& at = nodes_[i];
    Push(now_ns_ + options_.settings.tick_ms * kMillisecondNs, i, Ticks{});
    ++at.ticks;
    for (std::size_t p = 0; p < nodes_.size(); ++p) {
      if (p == i) continue;
      Peer& peer = at.peers[p];
      Tell(i, p);
      const auto away = static_cast<std::uint64_t>(at.distances.Ticks(Id(p)));
      if (!peer.suspected &&
          at.ticks - peer.heard_tick >
              static_cast<std::uint64_t>(kSuspectTicks) + away) {
        peer.suspected = true;
        if (now_ns_ >= begin_ns_) ++result_.suspicions;
        Take(i, PeerSuspected{.peer = Id(p), .suspected = true});
      }
    }
    Take(i, Tick{.random = random_()});
  }

  void Come(std::size_t i, const Durable& durable) {
    Node& at = nodes_[i];
    at.syncs = false;
    at.durable = durable.through;
    Take(i, RecordsDurable{durable.through});
  }

  void Come(std::size_t i, const Asked& asked) {
    Node& at = nodes_[i];
    ScheduleCommand(i);
    at.asked_ns[asked.number] = at.waits_ns[asked.number] = asked.at_ns;
    const CommandId id{
        ClientId{(i + 1) * kSessionsANode + asked.number % kSessionsANode},
        asked.number / kSessionsANode + 1};
    Take(i, ClientCommands{.batches = {MakeBatch(id,
                                                 {.kind = OperationKind::kPut,
                                                  .key = asked.key,
                                                  .value = "sixteen bytes ok"},
                                                 /*origin=*/1)}});
  }

  void Come(std::size_t i, const Heard& heard) {
    Peer& peer = nodes_[i].peers[heard.from];
    peer.heard_tick = nodes_[i].ticks;
    if (std::exchange(peer.suspected, false)) {
      Take(i, PeerSuspected{.peer = Id(heard.from), .suspected = false});
    }
    Take(i, MessageReceived{.from = Id(heard.from), .message = *heard.message});
  }

  // ---- how far peers are (PeerLinks::Measure) -------------------------------

  static std::uint64_t TicksToMeasure(const Peer& peer) {
    return static_cast<std::uint64_t>(
        peer.measured < kFirstMeasures ? kFirstMeasureTicks : kMeasureTicks);
  }
  void Tell(std::size_t i, std::size_t to) {
    Peer& peer = nodes_[i].peers[to];
    if (!options_.measures ||
        nodes_[i].ticks - peer.told_tick < TicksToMeasure(peer)) {
      return;
    }
    peer.told_tick = nodes_[i].ticks;
    Count("Progress");
    Push(Arrival(i, to), to,
         Told{.from = i,
              .sent_ns = now_ns_ + 1,
              .heard_ns = peer.heard_ns,
              .held_ns = peer.heard_ns == 0 ? 0 : now_ns_ - peer.heard_at_ns});
  }
  void Come(std::size_t i, const Told& told) {
    Node& at = nodes_[i];
    Peer& peer = at.peers[told.from];
    peer.heard_tick = at.ticks;
    peer.heard_ns = told.sent_ns;
    peer.heard_at_ns = now_ns_;
    if (told.heard_ns == 0) return;
    const std::int64_t round_trip = now_ns_ - told.heard_ns - told.held_ns;
    peer.shortest_ns =
        std::min(peer.shortest_ns.value_or(round_trip), round_trip);
    if (at.ticks - peer.measured_tick < TicksToMeasure(peer)) return;
    peer.measured_tick = at.ticks;
    peer.measured = std::min(peer.measured + 1, kFirstMeasures);
    const auto us = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, *std::exchange(peer.shortest_ns, {})) / 1000);
    at.distances.Note(Id(told.from), us);
    Take(i, PeerMeasured{.peer = Id(told.from), .round_trip_us = us});
  }

  // ---- steps ----------------------------------------------------------------

  std::int64_t Arrival(std::size_t from, std::size_t to) {
    return static_cast<std::int64_t>(
        nodes_[from].ways[to].Arrival(static_cast<std::uint64_t>(now_ns_), 0));
  }
  void Count(const std::string& kind) {
    if (now_ns_ >= begin_ns_) ++result_.messages[kind];
  }

  void Take(std::size_t i, const Event& event) {
    Actions actions;
    nodes_[i].replica->Step(event, actions);
    for (const OutgoingMessage& out : actions.messages) Send(i, out);
    for (const CommittedInstance& decision : actions.committed) {
      NoteDecision(i, decision);
    }
    for (const OutgoingReply& reply : actions.replies) NoteReply(i, reply);
    Sync(i);
  }

  void Sync(std::size_t i) {
    Node& at = nodes_[i];
    const RecordSequence last = at.replica->last_record();
    if (at.syncs || last == at.durable) return;
    if (options_.sync_us == 0) {
      at.durable = last;
      return Take(i, RecordsDurable{last});
    }
    at.syncs = true;
    Push(now_ns_ + std::int64_t{options_.sync_us} * 1000, i, Durable{last});
  }

  void Send(std::size_t from, const OutgoingMessage& out) {
    const auto message = std::make_shared<const Message>(out.message);
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      if (!out.to.Contains(Id(to))) continue;
      Count(std::string(Name(out.message)));
      Push(Arrival(from, to), to, Heard{.from = from, .message = message});
    }
  }

  std::optional<std::uint64_t> NumberOf(std::size_t i, CommandId id) const {
    const auto client = static_cast<std::uint64_t>(id.client);
    if (client / kSessionsANode != i + 1) return std::nullopt;
    return (id.sequence - 1) * kSessionsANode + client % kSessionsANode;
  }

  void NoteDecision(std::size_t i, const CommittedInstance& decision) {
    if (decision.value.batch == nullptr) return;
    for (const Command& command : decision.value.batch->commands()) {
      const auto number = NumberOf(i, command.id);
      if (!number) continue;
      const auto found = nodes_[i].asked_ns.find(*number);
      if (found == nodes_[i].asked_ns.end()) continue;
      if (found->second >= begin_ns_) {
        ++result_.commands;
        if (decision.fast_path) ++result_.fast;
        result_.sites[i].commit_us.push_back((now_ns_ - found->second) / 1000);
      }
      nodes_[i].asked_ns.erase(found);
    }
  }

  void NoteReply(std::size_t i, const OutgoingReply& reply) {
    const auto number = NumberOf(i, reply.reply.id);
    if (!number) return;
    const auto found = nodes_[i].waits_ns.find(*number);
    if (found == nodes_[i].waits_ns.end()) return;
    if (found->second >= begin_ns_) {
      result_.sites[i].execute_us.push_back((now_ns_ - found->second) / 1000);
    }
    nodes_[i].waits_ns.erase(found);
  }

  std::vector<ReplicaStatus> Statuses() const {
    std::vector<ReplicaStatus> all;
    for (const Node& node : nodes_) all.push_back(node.replica->Status());
    return all;
  }

  FarResult Sum(const std::vector<ReplicaStatus>& before) {
    const std::vector<ReplicaStatus> after = Statuses();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      result_.recoveries +=
          after[i].recoveries_started - before[i].recoveries_started;
      result_.retransmissions +=
          after[i].retransmissions - before[i].retransmissions;
      std::ranges::sort(result_.sites[i].commit_us);
      std::ranges::sort(result_.sites[i].execute_us);
    }
    return std::move(result_);
  }

  const FarOptions& options_;
  std::mt19937_64 random_;
  const std::int64_t begin_ns_;
  const std::int64_t end_ns_;
  std::vector<Node> nodes_;
  std::priority_queue<Coming> coming_;
  std::uint64_t order_ = 0;
  std::int64_t now_ns_ = 0;
  FarResult result_;
};

}  // namespace

double QuantileMs(const std::vector<std::int64_t>& in_order_us, double share) {
  if (in_order_us.empty()) return 0;
  const auto last = static_cast<double>(in_order_us.size() - 1);
  return static_cast<double>(
             in_order_us[static_cast<std::size_t>(std::lround(share * last))]) /
         1000;
}

double FarResult::MessagesPerCommand(const std::string& kind) const {
  const auto found = messages.find(kind);
  if (found == messages.end() || commands == 0) return 0;
  return static_cast<double>(found->second) / static_cast<double>(commands);
}

// Measurements are not the machine's.
double FarResult::MessagesPerCommand() const {
  double sum = 0;
  for (const auto& [kind, unused] : messages) {
    if (kind != "Progress") sum += MessagesPerCommand(kind);
  }
  return sum;
}

double FarResult::FastPercent() const {
  if (commands == 0) return 0;
  return 100 * static_cast<double>(fast) / static_cast<double>(commands);
}

double FarResult::CommitMs(double share) const {
  std::vector<std::int64_t> all;
  for (const FarSite& site : sites) {
    all.insert(all.end(), site.commit_us.begin(), site.commit_us.end());
  }
  std::ranges::sort(all);
  return QuantileMs(all, share);
}

FarResult RunFar(const wan::RegionMatrix& matrix, const FarOptions& options) {
  return FarCluster(matrix, options).Run();
}

}  // namespace quorate::plan
