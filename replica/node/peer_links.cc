#include "replica/node/peer_links.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "replica/config/wan_ways.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/net/elapsed.h"
#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

// A connection that lived so long was a good one: the next pause is short.
constexpr std::uint64_t kGoodMs = MillisecondsOf<"links.good">;
// A machine speaks every ten ticks at least.
constexpr std::uint64_t kSuspectTicks = TicksOf<"links.suspect">;
constexpr std::uint64_t kSilentTicks = TicksOf<"links.silent">;
constexpr std::uint64_t kMeasureTicks = TicksOf<"links.measure">;
constexpr std::uint64_t kFirstMeasureTicks = TicksOf<"links.first_measure">;
// So many are made quickly, until the distance is known.
constexpr int kFirstMeasures = 16;
// What a peer that does not read may cost us in memory. From the first on large
// messages are left out, as if they had been lost, so that a burst of results
// does not cost the connection.
constexpr std::size_t kManyQueuedBytes = 16 * 1024 * 1024;
constexpr std::size_t kMostQueuedBytes = 48 * 1024 * 1024;
// Different lines about one peer that are logged before it is up again.
constexpr std::size_t kMostLines = 8;
// Nodes that were refused, and how long that is told.
constexpr std::size_t kMostRefused = 16;
constexpr std::uint64_t kRefusedMs = MillisecondsOf<"links.refused">;
// Of what a stranger calls itself.
constexpr std::size_t kMostNameBytes = 64;

}  // namespace

PeerLinks::PeerLinks(uv_loop_t* loop, HandleCount& count,
                     const ClusterConfig& config, std::size_t self,
                     Handshake& handshake, RefusalCounts& refusals,
                     Handler& handler, Log log, Resolver resolver,
                     std::uint64_t hello_timeout_ms)
    : loop_(loop),
      count_(count),
      config_(config),
      self_(self),
      handshake_(handshake),
      refusals_(refusals),
      handler_(handler),
      log_(std::move(log)),
      hello_timeout_ms_(hello_timeout_ms),
      random_(std::random_device{}()),
      distances_(ReplicaAt(static_cast<int>(self)),
                 static_cast<int>(config.nodes.size()),
                 config.settings.tick_ms),
      next_tag_(config.nodes.size()) {
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    peers_.push_back(i == self ? nullptr
                               : std::make_unique<Peer>(this, i, resolver));
  }
  acceptor_ = std::make_unique<Acceptor>(
      loop, count, config.nodes[self].ListenForPeers(), std::move(resolver),
      log_, [this](uv_stream_t* listener) { Accept(listener); });
}

PeerLinks::Peer::Peer(PeerLinks* owner, std::size_t own_index,
                      const Resolver& resolver)
    : links(owner),
      index(own_index),
      down_because(owner->Dials(*this) ? "not called yet"
                                       : "it has not called yet"),
      lookup(owner->loop_, owner->count_, resolver,
             [this](absl::StatusOr<Addresses> found) {
               links->HandleAddresses(*this, std::move(found));
             }),
      redial(owner->loop_, owner->count_, uv_timer_init, this) {
  const ClusterConfig& config = owner->config_;
  ways.lateness = owner->lateness_;
  if (config.ways != nullptr) {
    ways.out = config.ways->Between(owner->self_, own_index);
  } else if (!config.wan.trouble.empty()) {
    ways.out = std::make_shared<Way>(WayOptions());
  }
  const Endpoint& endpoint = config.nodes[own_index].peer;
  if (const auto number = NumericAddress(endpoint)) {
    addresses = {*number};
    is_number = true;
  }
}

PeerLinks::~PeerLinks() = default;

void PeerLinks::Start(Acceptor::Opened opened) {
  acceptor_->Open(std::move(opened));
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    if (Dials(*peer)) {
      Dial(*peer);
    } else if (!peer->is_number) {
      LookUp(*peer);  // For what may be said of it, nobody calls it.
    }
  }
}

void PeerLinks::Close() {
  acceptor_.reset();
  waiting_.clear();
  calls_.clear();
  peers_.clear();
}

// ---- who is refused -------------------------------------------------------

void PeerLinks::NoteRefusedCaller(const Hello& hello,
                                  const HelloRefusal& refusal) {
  if (hello.role != PeerRole::kReplica) return;
  const auto node = static_cast<std::size_t>(Index(hello.node));
  const std::string name = !hello.name.empty()
                               ? hello.name.substr(0, kMostNameBytes)
                           : node < peers_.size() ? config_.nodes[node].name
                                                  : Concat("number ", node + 1);
  if (NoteRefusal(name, Name(refusal.reason), refusal.text)) {
    log_(Concat(
        refusal.of_self ? "is refused by node " : peer_lines::kRefusesNode,
        name, ": ", refusal.text));
  }
}

bool PeerLinks::NoteRefusal(const std::string& peer, std::string_view code,
                            const std::string& why) {
  const std::uint64_t now = uv_now(loop_);
  std::erase_if(refused_, [now](const auto& entry) {
    return now - entry.second.at_ms > kRefusedMs;
  });
  const auto known = refused_.find(peer);
  const bool news = known == refused_.end() || known->second.why != why;
  if (news && refused_.size() >= kMostRefused) return false;
  refused_[peer] = {.code = std::string(code), .why = why, .at_ms = now};
  if (code == Name(Refusal::kOtherMembers)) handler_.OnOtherMembers(why);
  return news;
}

std::vector<RefusedPeer> PeerLinks::refused_peers() const {
  std::vector<RefusedPeer> refused;
  const std::uint64_t now = uv_now(loop_);
  for (const auto& [name, entry] : refused_) {
    if (now - entry.at_ms > kRefusedMs) continue;
    refused.push_back({.peer = name,
                       .code = entry.code,
                       .why = entry.why,
                       .age_ms = now - entry.at_ms});
  }
  return refused;
}

// ---- at work --------------------------------------------------------------

void PeerLinks::OnFrame(Connection& connection, const Frame& frame) {
  if (connection.tag() < peers_.size()) {
    HandleMessage(*peers_[connection.tag()], frame);
  } else if (calls_.contains(connection.tag())) {
    HandleAnswer(connection.tag(), frame);
  } else {
    HandleWaiting(connection, frame);
  }
}

void PeerLinks::HandleMessage(Peer& peer, const Frame& frame) {
  if (IsQuiet(peer)) EndCalls(peer);  // No other connection is needed.
  peer.heard_tick = tick_;
  if (frame.type == FrameType::kProgress) {
    HandleProgress(peer, frame);
    return;
  }
  if (frame.type != FrameType::kPeerMessage) {
    // A newer node may say more than we know.
    refusals_.Add(Refusal::kUnknownType);
    return;
  }
  absl::StatusOr<Message> message =
      DecodeMessage(frame.body, ColumnsOf(config_.settings));
  if (message.ok()) {
    ++stats_.messages_received;
    if (peer.suspected) Suspect(peer, false);
    handler_.OnPeerMessage(ReplicaAt(static_cast<int>(peer.index)),
                           *std::move(message));
  } else if (absl::IsUnimplemented(message.status())) {
    refusals_.Add(Refusal::kUnknownType);
  } else {
    refusals_.Add(Refusal::kBadBody);
    Drop(peer,
         Concat("it sent garbage: ", std::string(message.status().message())));
  }
}

void PeerLinks::HandleProgress(Peer& peer, const Frame& frame) {
  const absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  const Progress* progress =
      message.ok() ? std::get_if<Progress>(&*message) : nullptr;
  if (progress == nullptr) {
    refusals_.Add(Refusal::kBadBody);
    Drop(peer, "it sent garbage");
    return;
  }
  handshake_.Hear(peer.index, progress->record);
  Measure(peer, *progress);
}

// The peer says how long ago it heard us last, and what our clock said then:
// what is left is the way there and back, and what the two loops took. Handed
// on now and then, the shortest of several: a distance is wanted, not how busy
// somebody was.
void PeerLinks::Measure(Peer& peer, const Progress& progress) {
  const std::uint64_t now_us = uv_hrtime() / 1000;
  peer.heard_us = progress.sent_us;
  peer.heard_at_us = now_us;
  const std::uint64_t before_us = progress.heard_us + progress.held_us;
  if (progress.heard_us == 0 || before_us < progress.held_us ||
      before_us > now_us) {
    return;
  }
  const std::uint64_t round_trip_us = now_us - before_us;
  peer.shortest_us =
      std::min(peer.shortest_us.value_or(round_trip_us), round_trip_us);
  if (tick_ - peer.measured_tick < TicksToMeasure(peer)) return;
  peer.measured_tick = tick_;
  peer.measured = std::min(peer.measured + 1, kFirstMeasures);
  const ReplicaId id = ReplicaAt(static_cast<int>(peer.index));
  const std::uint64_t shortest_us =
      *std::exchange(peer.shortest_us, std::nullopt);
  distances_.Note(id, shortest_us);
  handler_.OnMeasured(id, shortest_us);
}

std::uint64_t PeerLinks::TicksToMeasure(const Peer& peer) const {
  return peer.measured < kFirstMeasures ? kFirstMeasureTicks : kMeasureTicks;
}

// Before a message that rests on these records, but not for each of them: once
// a millisecond, and the rest at the next tick.
void PeerLinks::TellDurable(Peer& peer) {
  if (durable_ <= peer.told || uv_now(loop_) == peer.told_ms) return;
  Tell(peer);
}

void PeerLinks::Tell(Peer& peer) {
  const std::uint64_t now_us = uv_hrtime() / 1000;
  EncodeClientMessage(
      Progress{.record = durable_,
               .sent_us = now_us,
               .heard_us = peer.heard_us,
               .held_us = peer.heard_us == 0 ? 0 : now_us - peer.heard_at_us},
      peer.connection->output());
  peer.told = durable_;
  peer.told_ms = uv_now(loop_);
  peer.told_tick = tick_;
}

bool PeerLinks::has_met_everybody(bool patient) const {
  return std::ranges::all_of(peers_, [patient](const auto& peer) {
    return peer == nullptr || peer->up || (!patient && !peer->taken);
  });
}

void PeerLinks::Send(ReplicaSet to, const Message& message) {
  const std::string* encoded = nullptr;
  std::size_t begin = 0;
  std::size_t size = 0;
  for (const auto& peer : peers_) {
    if (peer == nullptr || !peer->up ||
        !to.Contains(ReplicaAt(static_cast<int>(peer->index)))) {
      continue;
    }
    // It is about to be dropped: what one turn gives may be more than memory
    // holds, and the protocol sends again what it needs.
    if (peer->connection->queued_bytes() > kMostQueuedBytes) continue;
    TellDurable(*peer);
    std::string& output = peer->connection->output();
    const bool has_much = peer->connection->queued_bytes() > kManyQueuedBytes;
    if (encoded == nullptr) {
      begin = output.size();
      EncodeMessage(message, output);
      size = output.size() - begin;
      if (has_much && size > kPieceBytes) {
        output.resize(begin);
        refusals_.Add(Refusal::kOutputFull);
        continue;
      }
      encoded = &output;
    } else if (has_much && size > kPieceBytes) {
      refusals_.Add(Refusal::kOutputFull);
      continue;
    } else {
      output.append(*encoded, begin, size);
    }
    ++stats_.messages_sent;
    stats_.bytes_sent += size;
  }
}

void PeerLinks::Flush() {
  for (const auto& peer : peers_) {
    if (peer == nullptr || !peer->up) continue;
    peer->connection->Flush();
    if (peer->up && peer->connection->queued_bytes() > kMostQueuedBytes) {
      refusals_.Add(Refusal::kOutputFull);
      Drop(*peer, "it does not read what we send");
    }
  }
}

void PeerLinks::SetReading(bool reading) {
  if (std::exchange(reading_, reading) == reading) return;
  for (const auto& peer : peers_) {
    if (peer == nullptr || !peer->up) continue;
    if (reading_) {
      peer->connection->ResumeReading();
    } else {
      peer->connection->PauseReading();
    }
  }
}

void PeerLinks::Befall(const TroubleTable& troubles) {
  const std::uint64_t now = uv_hrtime();
  for (const auto& peer : peers_) {
    if (peer == nullptr || peer->ways.out == nullptr) continue;
    const auto found = troubles.find({self_, peer->index});
    const WayTrouble trouble =
        found == troubles.end() ? WayTrouble() : found->second;
    // A flap goes on as it began.
    if (peer->ways.out->trouble() == trouble) continue;
    peer->ways.out->Befall(trouble, now);
    if (peer->connection != nullptr) peer->connection->WayChanged();
  }
  for (auto& [tag, call] : calls_) call.connection->WayChanged();
}

// ---- going down -----------------------------------------------------------

void PeerLinks::OnEnd(Connection& connection, const absl::Status& why) {
  if (absl::IsInvalidArgument(why)) refusals_.Add(Refusal::kBadFrame);
  if (connection.tag() < peers_.size()) {
    Drop(*peers_[connection.tag()], std::string(why.message()));
  } else if (waiting_.erase(connection.tag()) == 0) {
    EndCall(connection.tag(), std::string(why.message()));
  }
}

void PeerLinks::Drop(Peer& peer, const std::string& why) {
  peer.connection.reset();
  peer.up = false;
  ++stats_.connections_lost;
  if (Elapsed(peer.since_ms, uv_now(loop_)) >= kGoodMs) peer.pause_ms = 0;
  NoteDown(peer, why);
  if (Dials(peer) && !HasCalls(peer, /*connected_only=*/false)) {
    DialAfterPause(peer);
  }
  Suspect(peer, true);
}

void PeerLinks::NoteDown(Peer& peer, const std::string& why) {
  peer.down_because = why;
  LogOnce(peer,
          Concat(peer_lines::kPeer, NameOf(peer), peer_lines::kIsDown, why));
}

void PeerLinks::Tick() {
  ++tick_;
  const std::uint64_t now = uv_now(loop_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (Elapsed(it->second.since_ms, now) < hello_timeout_ms_) {
      ++it;
      continue;
    }
    refusals_.Add(Refusal::kSilentConnection);
    it = waiting_.erase(it);
  }
  EndOldCalls();
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    if (peer->up && (durable_ > peer->told ||
                     tick_ - peer->told_tick >= TicksToMeasure(*peer))) {
      Tell(*peer);
      peer->connection->Flush();
      if (!peer->up) continue;
    }
    // Who does not listen cannot call others silent.
    if (!reading_ && peer->up) peer->heard_tick = tick_;
    const std::uint64_t silent = tick_ - peer->heard_tick;
    if (peer->up && Dials(*peer) && IsQuiet(*peer) &&
        uv_is_active(
            reinterpret_cast<const uv_handle_t*>(peer->redial.get())) == 0) {
      Dial(*peer);
    }
    if (peer->up && silent > kSilentTicks + Away(*peer)) {
      refusals_.Add(Refusal::kSilentConnection);
      Drop(*peer, "it is silent");
    } else if (silent > kSuspectTicks + Away(*peer)) {
      Suspect(*peer, true);
    }
  }
}

void PeerLinks::Suspect(Peer& peer, bool suspected) {
  if (std::exchange(peer.suspected, suspected) == suspected) return;
  handler_.OnSuspicion(ReplicaAt(static_cast<int>(peer.index)), suspected);
}

void PeerLinks::LogOnce(Peer& peer, std::string line) {
  if (peer.logged.size() >= kMostLines) return;
  if (peer.logged.insert(line).second) log_(line);
}

}  // namespace quorate
