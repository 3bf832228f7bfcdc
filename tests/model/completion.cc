#include "tests/model/completion.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "replica/base/roles.h"

namespace quorate::model {
namespace {

// Far more than the longest attempts of recoverers that duel.
constexpr int kMostTicksToEnd = 40000;

class Survivors {
 public:
  Survivors(const World& world, const WorldState& state, const Ending& ending)
      : world_(world), dead_(ending.dead) {
    const int n = world.scope().replicas;
    machines_.resize(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) {
      if (dead_.Contains(ReplicaAt(i))) continue;
      const ReplicaState& at = world.At(state, i);
      machine(i).reset(static_cast<Replica*>(at.machine->Clone().release()));
      Step(i, RecordsDurable{.through = machine(i)->last_record()});
      proposed_ |= at.proposed;
      for (int peer = 0; peer < n; ++peer) {
        if (peer == i) continue;
        Step(i, PeerSuspected{.peer = ReplicaAt(peer),
                              .suspected = dead_.Contains(ReplicaAt(peer))});
      }
      if (!ending.lost) TakeSent(state, i);
    }
  }

  std::string Run() {
    for (int tick = 0; tick < kMostTicksToEnd; ++tick) {
      Settle();
      if (IsDone()) return {};
      for (int i = 0; i < size(); ++i) {
        // Random numbers that keep rivals apart.
        const auto random = static_cast<std::uint64_t>(tick + i);
        if (machine(i) != nullptr) Step(i, Tick{.random = random});
      }
    }
    return "LV7 everything known to the living is decided and executed: not "
           "after " +
           std::to_string(kMostTicksToEnd) + " ticks";
  }

 private:
  struct Letter {
    int from, to;
    Message message;
  };

  int size() const { return static_cast<int>(machines_.size()); }
  std::unique_ptr<Replica>& machine(int i) {
    return machines_[static_cast<std::size_t>(i)];
  }

  void TakeSent(const WorldState& state, int from) {
    const Packets& packets = world_.replica_states().packets();
    for (int to = 0; to < size(); ++to) {
      if (to == from || dead_.Contains(ReplicaAt(to))) continue;
      const PacketSetId set =
          world_.At(state, from).sent[static_cast<std::size_t>(to)];
      for (const PacketId id : packets.Members(set)) {
        letters_.push_back({from, to, packets.Get(id).message});
      }
    }
  }

  void Step(int i, const Event& event) {
    Actions actions;
    machine(i)->Step(event, actions);
    for (const OutgoingMessage& outgoing : actions.messages) {
      for (int to = 0; to < size(); ++to) {
        if (!outgoing.to.Contains(ReplicaAt(to)) ||
            dead_.Contains(ReplicaAt(to))) {
          continue;
        }
        letters_.push_back({i, to, outgoing.message});
      }
    }
    if (!actions.persist.empty()) {
      Step(i, RecordsDurable{.through = machine(i)->last_record()});
    }
  }

  void Settle() {
    while (!letters_.empty()) {
      for (const Letter& letter : std::exchange(letters_, {})) {
        Step(letter.to, MessageReceived{.from = ReplicaAt(letter.from),
                                        .message = letter.message});
      }
    }
  }

  bool IsDone() {
    std::optional<ReplicaStatus> first;
    // What a follower has accepted and nobody else knows stays undecided until
    // the leader needs the slot; what may have been chosen the leader knows.
    const bool is_log = world_.scope().protocol == Protocol::kMultipaxos;
    bool somebody_leads = !is_log;
    for (int i = 0; i < size(); ++i) {
      if (machine(i) == nullptr) continue;
      const ReplicaStatus status = machine(i)->Status();
      std::uint64_t committed = 0;
      for (const std::uint64_t slots : status.committed.watermarks()) {
        committed += slots;
      }
      somebody_leads = somebody_leads || status.leads;
      // A command that a dead leader of BPaxos has asked about, and nobody
      // depends on, may stay undecided as well.
      const bool must_know_all =
          world_.scope().protocol == Protocol::kEpaxos || status.leads;
      if ((must_know_all && committed != status.instances_in_memory) ||
          status.executed != status.committed || status.own_in_flight != 0 ||
          status.queued_commands != 0 || status.oldest_blocked.has_value()) {
        return false;
      }
      if (!executors_.Contains(ReplicaAt(i))) continue;
      if (first.has_value() && (status.committed != first->committed ||
                                status.state_hash != first->state_hash)) {
        return false;
      }
      first = status;
    }
    return somebody_leads && AnsweredWhoWait();
  }

  // A command that somebody among the living was asked for and that its client
  // still waits for has been executed.
  bool AnsweredWhoWait() {
    const Scope& scope = world_.scope();
    if (!scope.clients_wait || scope.restarts > 0) return true;
    for (std::size_t k = 0; k < scope.commands.size(); ++k) {
      if ((proposed_ >> k & 1u) == 0) continue;
      for (int i = 0; i < size(); ++i) {
        if (machine(i) == nullptr || !executors_.Contains(ReplicaAt(i))) {
          continue;
        }
        const auto value = machine(i)->executor().state_machine().Find(
            scope.commands[k].keys.front());
        if (value.value_or("").find(LetterOf(k)) == std::string_view::npos) {
          return false;
        }
      }
    }
    return true;
  }

  const World& world_;
  const ReplicaSet executors_ =
      Cluster(SettingsOf(world_.scope(), 0)).roles.executors;
  ReplicaSet dead_;
  std::uint32_t proposed_ = 0;
  std::vector<std::unique_ptr<Replica>> machines_;
  std::vector<Letter> letters_;
};

}  // namespace

std::string FindUnfinished(const World& world, const WorldState& state,
                           const Ending& ending) {
  std::string unfinished = Survivors(world, state, ending).Run();
  if (unfinished.empty()) return {};
  for (int i = 0; i < world.scope().replicas; ++i) {
    if (ending.dead.Contains(ReplicaAt(i))) {
      unfinished += ", r" + std::to_string(i + 1) + " dead";
    }
  }
  return unfinished + (ending.lost ? ", what was on the way lost" : "");
}

}  // namespace quorate::model
