#include "replica/node/node.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "replica/config/setting_table.h"
#include "replica/node/address_advice.h"
#include "replica/node/node_running.h"
#include "replica/node/status.h"
#include "storage/descriptor.h"
#include "storage/sqlite_store.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/net/elapsed.h"
#include "wire/text.h"

namespace quorate {
namespace {

// Records read back are handed to the machine so many at a time.
constexpr std::size_t kRestoreChunk = 4096;
std::uint64_t RandomNumber() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

// ---- opening --------------------------------------------------------------

Node::Node(ClusterConfig config, std::size_t self, NodeOptions options)
    : config_(std::move(config)),
      self_(self),
      options_(std::move(options)),
      store_(std::move(options_.store)),
      replica_(Replica::Create(config_.NodeSettings(self))) {}

Node::~Node() {
  QUORATE_CHECK(running_ == nullptr && count_.open() == 0,
                "SH1: a node is destroyed after Stop is done");
}

absl::StatusOr<std::unique_ptr<Node>> Node::Open(ClusterConfig config,
                                                 std::size_t self,
                                                 NodeOptions options) {
  std::unique_ptr<Node> node(
      new Node(std::move(config), self, std::move(options)));
  if (absl::Status status = node->OpenStore(); !status.ok()) return status;
  if (absl::Status status = node->Restore(); !status.ok()) return status;
  return node;
}

absl::Status Node::OpenStore() {
  life_ = {.incarnation = RandomNumber(), .life = 1, .process = RandomNumber()};
  if (config_.durability == Durability::kMemory) {
    store_.reset();
    return CheckNothingIsKept();
  }
  if (store_ == nullptr) {
    const std::string& directory = config_.nodes[self_].directory;
    std::error_code ignored;  // The store says what is wrong with it.
    std::filesystem::create_directories(
        std::filesystem::path(directory).parent_path(), ignored);
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(
        directory, {.cluster_id = config_.cluster_id,
                    .node = ReplicaAt(static_cast<int>(self_)),
                    .node_name = config_.nodes[self_].name,
                    .incarnation = life_.incarnation,
                    .settings = AgreedSettingsOf(config_),
                    .former_cluster_id = config_.FormerIdentity()});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<KnownPeers> peers =
        KnownPeers::Load(directory, store_->identity().incarnation);
    if (!peers.ok()) return peers.status();
    known_peers_ = *std::move(peers);
  }
  life_.incarnation = store_->identity().incarnation;
  life_.life = store_->life();
  return absl::OkStatus();
}

// A node in memory leaves nothing behind, so what there is has been written
// with another durability, and acknowledged: beside it the node would begin
// anew. The reverse is no loss: what nodes in memory had has ended with their
// processes.
absl::Status Node::CheckNothingIsKept() const {
  const std::string& directory = config_.nodes[self_].directory;
  if (!SqliteStore::IsIn(directory)) return absl::OkStatus();
  const std::string name(SettingRowOf("cluster.durability").name);
  return absl::FailedPreconditionError(
      Concat("cannot start in \"", directory, "\": a node has written it with ",
             Assignment(name, std::string(Name(Durability::kFsync))),
             ", and the configuration now means ",
             Assignment(name, std::string(Name(config_.durability))), "; set ",
             name, " back: ", kFixedFromTheFirst));
}

// What the store gives has the right checksum: what cannot be read is of
// another release, or was wrong before it was written.
absl::Status Node::Unreadable(const absl::Status& records) const {
  if (records.ok()) return records;
  const std::string text =
      Concat("cannot read the journal in \"", config_.nodes[self_].directory,
             "\": ", std::string(records.message()));
  return absl::IsUnimplemented(records)
             ? absl::FailedPreconditionError(
                   Concat(text, "; start the release of quorate that wrote it"))
             : absl::DataLossError(Concat(text, "; ", kBringBack));
}

// A directory of an earlier release did not say whose journal it is.
absl::Status Node::OfAnother(Protocol writer) const {
  return absl::FailedPreconditionError(
      Concat("cannot read the journal in \"", config_.nodes[self_].directory,
             "\": it was written with cluster.protocol = \"", Name(writer),
             "\", and the configuration now says \"",
             Name(config_.settings.protocol), "\"; set cluster.protocol back"));
}

absl::Status Node::Restore() {
  if (store_ == nullptr) return absl::OkStatus();
  const int columns = ColumnsOf(config_.settings);
  std::vector<Record> chunk;
  std::optional<Protocol> writer;  // another one than this node's
  const auto keep = [&](Record&& record) {
    const std::optional<Protocol> of_record = WriterOf(record);
    if (of_record && of_record != config_.settings.protocol) writer = of_record;
    chunk.push_back(std::move(record));
  };
  // The machine sees no record of a journal that is not its own.
  const auto check = [&](const absl::Status& decoded) {
    return writer ? OfAnother(*writer) : Unreadable(decoded);
  };
  const auto pass_on = [&] {
    if (!writer) replica_->Restore(chunk);
    chunk.clear();
  };
  const absl::Status status = store_->Replay(
      {.chunk =
           [&](std::string_view bytes) {
             const absl::Status decoded = DecodeRecords(bytes, columns, keep);
             pass_on();
             return check(decoded);
           },
       .group =
           [&](std::string_view bytes, RecordSequence next) {
             // The checkpoint may stand for the first records of a group.
             const RecordSequence known =
                 replica_->last_record() + chunk.size();
             const absl::Status decoded =
                 DecodeRecords(bytes, columns, [&](Record&& record) {
                   if (next++ > known) keep(std::move(record));
                 });
             if (chunk.size() >= kRestoreChunk) pass_on();
             return check(decoded);
           }});
  pass_on();
  life_.record = replica_->last_record();
  return status;
}

absl::Status Node::Start(uv_loop_t* loop) {
  QUORATE_CHECK(phase_ == Phase::kOpened, "a node is started once");
  std::signal(SIGPIPE, SIG_IGN);
  started_us_ = NowUs();
  // Opening the store may have taken long: timers count from now.
  uv_update_time(loop);
  running_ = std::make_unique<Running>(loop, *this);
  const auto opened = [this](const absl::Status& status) { OnOpened(status); };
  running_->clients.Start(opened);
  if (listens_.ok()) running_->links.Start(opened);
  if (!listens_.ok()) return listens_;
  const auto tick_ms = static_cast<std::uint64_t>(config_.settings.tick_ms);
  uv_timer_start(
      running_->tick.get(),
      [](uv_timer_t* timer) { OwnerOf<Node>(timer).OnTick(); }, 0, tick_ms);
  // After the poll: whatever the kernel had ready has been read by then.
  uv_check_start(running_->after_poll.get(),
                 [](uv_check_t* check) { OwnerOf<Node>(check).EndTurn(); });
  // Before it: what timers and closed connections gave must not wait for it.
  uv_prepare_start(running_->before_poll.get(), [](uv_prepare_t* prepare) {
    OwnerOf<Node>(prepare).EndTurn();
    // libuv (1.44.2) computes how long it may sleep from the time before the
    // timers of this turn ran: after a long turn a timer that is due already
    // would wait for as long as the turn took once more.
    uv_update_time(prepare->loop);
  });
  running_->clients.NoteEra(replica_->era());
  // Without a disk there is no past: the process would be known as another one.
  const bool may_forget = running_->journal != nullptr;
  phase_ = may_forget ? Phase::kMeeting : Phase::kServing;
  running_->links.SetReading(!may_forget);
  running_->links.NoteDurable(life_.record);
  Advise();
  if (closed_ports_ == 0) options_.on_ready();
  return absl::OkStatus();
}

// A node does nothing before every peer has said as whom it has met it, or has
// been silent for a moment: an older copy of a directory, or an empty one,
// would otherwise vote again with those who do not know better. And nothing at
// all while a peer is connected to another process of this node.
void Node::EndMeeting() {
  const bool patient = NowUs() < started_us_ + options_.meeting_ms * 1000;
  if (!running_->links.has_met_everybody(patient)) return;
  phase_ = Phase::kServing;
  running_->links.SetReading(true);
}

// Once a port.
void Node::OnOpened(const absl::Status& status) {
  if (status.ok()) {
    --closed_ports_;
  } else {
    listens_ = status;
  }
  // In Start, or at the end.
  if (phase_ != Phase::kMeeting && phase_ != Phase::kServing) return;
  if (!status.ok()) {
    options_.on_cannot_listen(status);
    return;
  }
  Advise();
  if (closed_ports_ == 0) options_.on_ready();
}

void Node::OnAddresses() {
  if (phase_ == Phase::kMeeting || phase_ == Phase::kServing) Advise();
}

// Every piece once: what is known about addresses only grows.
void Node::Advise() {
  KnownAddresses known{.peers_at = running_->links.listens_at(),
                       .clients_at = running_->clients.listens_at()};
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    known.nodes.push_back(running_->links.addresses(i));
  }
  for (std::string& piece : AddressAdvice(config_, self_, known)) {
    if (std::ranges::find(advice_, piece) != advice_.end()) continue;
    options_.log(Concat("advice: ", piece));
    advice_.push_back(std::move(piece));
  }
}

std::string Node::ListensAt() const {
  const auto text = [](const std::optional<sockaddr_storage>& address) {
    return address ? ToString(*address) : std::string("nowhere yet");
  };
  return Concat("peers at ", text(running_->links.listens_at()),
                " and clients at ", text(running_->clients.listens_at()));
}

// ---- events ---------------------------------------------------------------

void Node::OnPeerMessage(ReplicaId from, Message&& message) {
  if (const auto* chunk = std::get_if<SnapshotChunk>(&message)) {
    OnSnapshotChunk(from, *chunk);
    return;
  }
  StepTurn(MessageReceived{.from = from, .message = std::move(message)});
}

void Node::OnSuspicion(ReplicaId peer, bool suspected) {
  if (phase_ == Phase::kClosing || phase_ == Phase::kFailed) return;
  StepTurn(PeerSuspected{.peer = peer, .suspected = suspected});
}

void Node::OnMeasured(ReplicaId peer, std::uint64_t round_trip_us) {
  if (phase_ == Phase::kClosing || phase_ == Phase::kFailed) return;
  StepTurn(PeerMeasured{.peer = peer, .round_trip_us = round_trip_us});
}

// Not at once: whoever tells it is in the middle of a connection's frames.
void Node::OnForgotten(const std::string& why) {
  if (phase_ != Phase::kMeeting && phase_ != Phase::kServing &&
      phase_ != Phase::kDraining) {
    return;
  }
  phase_ = Phase::kFailed;
  status_ = absl::DataLossError(why);
}

// Two lists of members have quorums that do not meet, so both could serve and
// neither would know of the other's commands. Who has taken part already cannot
// tell who is wrong; who has not can still keep out of it.
void Node::OnOtherMembers(const std::string& why) {
  if (phase_ != Phase::kMeeting && phase_ != Phase::kServing) return;
  if (replica_->last_record() > 0) return;
  options_.on_other_members(why);
}

void Node::OnTick() {
  running_->links.Tick();
  running_->clients.Tick();
  const absl::Status heard = running_->handshake.WriteHeard();
  if (!heard.ok()) {
    status_ = heard;
    FallSilent();
    return;
  }
  if (phase_ == Phase::kMeeting || phase_ == Phase::kFailed) return;
  StepTurn(Tick{.random = random_()});
}

// The turn's end reads how far the disk is; only a failure is new here.
void Node::OnJournalChange() {
  if (phase_ == Phase::kFailed || phase_ == Phase::kClosing) return;
  status_ = running_->journal->status();
  // What reached the disk is not known: not one word more (reliability.md
  // ENV3).
  if (!status_.ok()) FallSilent();
}

void Node::FallSilent() {
  phase_ = Phase::kFailed;
  silent_ = true;
  uv_timer_stop(running_->tick.get());
  running_->links.Close();
  running_->clients.Close();
  options_.on_storage_failure(status_);
}

// ---- stopping -------------------------------------------------------------

void Node::Stop(std::function<void(const absl::Status&)> done) {
  QUORATE_CHECK(done_ == nullptr, "a node is stopped once");
  done_ = std::move(done);
  if (phase_ == Phase::kServing || phase_ == Phase::kMeeting) {
    phase_ = Phase::kDraining;
    drain_until_us_ = NowUs() + options_.drain_ms * 1000;
    running_->clients.Drain();
  } else {
    BeginClosing();
  }
}

void Node::FinishDraining() {
  if (running_->clients.drained() || NowUs() >= drain_until_us_) {
    BeginClosing();
  }
}

// Nobody is listened to from here on, so nothing new is to be persisted.
void Node::BeginClosing() {
  const bool disk_failed = phase_ == Phase::kFailed;
  phase_ = Phase::kClosing;
  if (running_ == nullptr) {
    if (store_ != nullptr) status_ = store_->Close();
    CloseAll();
    return;
  }
  uv_timer_stop(running_->tick.get());
  running_->turn.FlushHeldCommits();
  running_->links.Close();
  running_->clients.Close();
  Journal* journal = running_->journal.get();
  if (journal == nullptr || disk_failed) {
    CloseAll();
    return;
  }
  running_->turn.AppendRest();
  journal->Finish([this, journal] {
    status_ = journal->status();
    CloseAll();
  });
}

void Node::CloseAll() {
  running_.reset();
  count_.WhenNone([this] {
    // The callback may destroy this object.
    const absl::Status status = status_;
    std::exchange(done_, nullptr)(status);
  });
}

// ---- status ---------------------------------------------------------------

bool Node::connected_to(std::size_t peer) const {
  return running_ != nullptr && running_->links.up(peer);
}

std::string Node::StatusJson() const {
  NodeFacts facts{.phase = phase_ == Phase::kServing   ? "serving"
                           : phase_ == Phase::kMeeting ? "meeting"
                                                       : "stopping",
                  .life = life_.life,
                  .uptime_s = SecondsBetween(started_us_, NowUs()),
                  .settings_digest = running_->handshake.settings_digest(),
                  .replica = replica_->Status(),
                  .links = running_->links.stats(),
                  .refused_peers = running_->links.refused_peers(),
                  .client_connections = running_->clients.connections(),
                  .clients = running_->clients.stats(),
                  .turns = running_->turn.turns(),
                  .accept_failures = running_->links.accept_failures() +
                                     running_->clients.accept_failures(),
                  .refusals = refusals_};
  for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
    facts.peers_up.push_back(running_->links.up(i));
    facts.peer_trouble.push_back(running_->links.TroubleWith(i));
  }
  if (config_.ways != nullptr || running_->trouble != nullptr) {
    facts.wan = WanFacts{.lateness = running_->links.lateness()};
    if (running_->trouble != nullptr) {
      facts.wan->trouble =
          FormatTrouble(running_->trouble->troubles(), config_);
      facts.wan->trouble_digest = running_->trouble->digest();
      facts.wan->trouble_problem = running_->trouble->problem();
    }
  }
  facts.listens_at = ListensAt();
  facts.advice = advice_;
  if (running_->journal != nullptr) facts.journal = running_->journal->stats();
  facts.writes_checkpoint = running_->turn.writes_checkpoint();
  if (const std::uint64_t since_us = running_->world.checkpoint_us();
      since_us != 0) {
    facts.checkpoint_age_s = SecondsBetween(since_us, NowUs());
  }
  return StatusAsJson(config_, self_, facts);
}

}  // namespace quorate
