#include "replica/shell/peer_links.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "replica/shell/text.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr std::uint64_t kDialTimeoutMs = 1000;
constexpr std::uint64_t kLeastPauseMs = 10;
constexpr std::uint64_t kMostPauseMs = 80;
// A connection that lived so long was a good one: the next pause is short.
constexpr std::uint64_t kGoodMs = 1000;
// A machine speaks every ten ticks at least.
constexpr std::uint64_t kSuspectTicks = 50;
constexpr std::uint64_t kSilentTicks = 100;
// What a peer that does not read may cost us in memory.
constexpr std::size_t kMostQueuedBytes = 16 * 1024 * 1024;
// Callers that have not said Hello yet.
constexpr std::size_t kMostWaiting = 16;

}  // namespace

PeerLinks::PeerLinks(uv_loop_t* loop, HandleCount& count,
                     const ClusterConfig& config, std::size_t self,
                     Handshake& handshake, RefusalCounts& refusals,
                     Handler& handler, Log log, std::uint64_t hello_timeout_ms)
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
      next_tag_(config.nodes.size()) {
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    peers_.push_back(i == self ? nullptr
                               : std::make_unique<Peer>(loop, count, this, i));
  }
}

PeerLinks::~PeerLinks() = default;

absl::Status PeerLinks::Start() {
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    absl::StatusOr<sockaddr_storage> address =
        Resolve(config_.nodes[peer->index].peer);
    if (!address.ok()) return address.status();
    peer->address = *address;
  }
  absl::StatusOr<std::unique_ptr<Acceptor>> acceptor =
      Acceptor::Listen(loop_, count_, config_.nodes[self_].peer,
                       [this](uv_stream_t* listener) { Accept(listener); });
  if (!acceptor.ok()) return acceptor.status();
  acceptor_ = *std::move(acceptor);
  for (const auto& peer : peers_) {
    if (peer != nullptr && Dials(self_, peer->index)) Dial(*peer);
  }
  return absl::OkStatus();
}

void PeerLinks::Close() {
  acceptor_.reset();
  waiting_.clear();
  peers_.clear();
}

// ---- coming up ------------------------------------------------------------

void PeerLinks::Accept(uv_stream_t* listener) {
  const std::uint64_t tag = next_tag_++;
  ConnectionPtr connection(new Connection(loop_, count_, this, tag));
  if (!connection->Accept(listener, config_.vanished_s).ok()) return;
  if (waiting_.size() >= kMostWaiting) {
    // The oldest goes: a replica says Hello at once, a stranger may not.
    refusals_.Add(Refusal::kTooManyConnections);
    waiting_.erase(waiting_.begin());
  }
  waiting_[tag] = {.connection = std::move(connection),
                   .since_ms = uv_now(loop_)};
}

void PeerLinks::Dial(Peer& peer) {
  peer.since_ms = uv_now(loop_);
  peer.connection.reset(new Connection(loop_, count_, this, peer.index));
  peer.connection->Dial(reinterpret_cast<const sockaddr&>(peer.address));
}

// Between half of the pause and all of it: nodes that lost the same peer at
// the same moment do not call it in step.
void PeerLinks::DialLater(Peer& peer) {
  peer.pause_ms = std::clamp(2 * peer.pause_ms, kLeastPauseMs, kMostPauseMs);
  const std::uint64_t wait =
      peer.pause_ms / 2 + random_() % (peer.pause_ms / 2 + 1);
  uv_timer_start(
      peer.redial.get(),
      [](uv_timer_t* timer) {
        Peer& due = OwnerOf<Peer>(timer);
        due.links->Dial(due);
      },
      wait, 0);
}

void PeerLinks::OnConnected(Connection& connection) {
  EncodeClientMessage(handshake_.OwnHello(), connection.output());
  connection.Flush();
}

void PeerLinks::HandleWaiting(Connection& connection, const Frame& frame) {
  const auto found = waiting_.find(connection.tag());
  ConnectionPtr owned = std::move(found->second.connection);
  waiting_.erase(found);
  const absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  const Hello* hello = message.ok() ? std::get_if<Hello>(&*message) : nullptr;
  if (hello == nullptr) {
    refusals_.Add(message.ok() ? Refusal::kUnexpectedFrame : Refusal::kBadBody);
    return;
  }
  if (const auto refusal = handshake_.CheckDialer(*hello)) {
    refusals_.Add(refusal->reason);
    EncodeClientMessage(Reject{.reason = refusal->text}, owned->output());
    owned->Flush();
    return;
  }
  Peer& peer = *peers_[static_cast<std::size_t>(Index(hello->node))];
  // A second call means that the caller has given up the first.
  owned->set_tag(peer.index);
  peer.connection = std::move(owned);
  EncodeClientMessage(handshake_.OwnHello(), connection.output());
  GoUp(peer);
  connection.Flush();
}

void PeerLinks::HandleAnswer(Peer& peer, const Frame& frame) {
  const absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  if (!message.ok()) {
    refusals_.Add(Refusal::kBadBody);
    Drop(peer, "it answered with garbage");
    return;
  }
  if (const Reject* reject = std::get_if<Reject>(&*message)) {
    peer.pause_ms = kMostPauseMs;
    Drop(peer, Concat("it refuses us: ", reject->reason));
    return;
  }
  const Hello* hello = std::get_if<Hello>(&*message);
  if (hello == nullptr) {
    refusals_.Add(Refusal::kUnexpectedFrame);
    Drop(peer, "its first frame was no Hello");
    return;
  }
  if (const auto refusal = handshake_.CheckDialed(*hello, peer.index)) {
    refusals_.Add(refusal->reason);
    peer.pause_ms = kMostPauseMs;
    Drop(peer, refusal->text);
    return;
  }
  GoUp(peer);
}

void PeerLinks::GoUp(Peer& peer) {
  peer.connection->AllowFrames(kMaxPeerFrameBytes);
  peer.up = true;
  peer.since_ms = uv_now(loop_);
  peer.heard_tick = tick_;
  if (!reading_) peer.connection->PauseReading();
  LogOnce(peer, Concat("peer ", NameOf(peer), " is up"));
  // Told even if it was not suspected: the last connection may have taken
  // messages with it.
  peer.suspected = false;
  handler_.OnSuspicion(ReplicaAt(static_cast<int>(peer.index)), false);
}

// ---- at work --------------------------------------------------------------

void PeerLinks::OnFrame(Connection& connection, const Frame& frame) {
  if (connection.tag() >= peers_.size()) {
    HandleWaiting(connection, frame);
    return;
  }
  Peer& peer = *peers_[connection.tag()];
  if (peer.up) {
    HandleMessage(peer, frame);
  } else {
    HandleAnswer(peer, frame);
  }
}

void PeerLinks::HandleMessage(Peer& peer, const Frame& frame) {
  peer.heard_tick = tick_;
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
    std::string& output = peer->connection->output();
    if (encoded == nullptr) {
      begin = output.size();
      EncodeMessage(message, output);
      size = output.size() - begin;
      encoded = &output;
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

// ---- going down -----------------------------------------------------------

void PeerLinks::OnEnd(Connection& connection, const absl::Status& why) {
  if (absl::IsInvalidArgument(why)) refusals_.Add(Refusal::kBadFrame);
  if (connection.tag() >= peers_.size()) {
    waiting_.erase(connection.tag());
    return;
  }
  Drop(*peers_[connection.tag()], std::string(why.message()));
}

void PeerLinks::Drop(Peer& peer, const std::string& why) {
  peer.connection.reset();
  if (std::exchange(peer.up, false)) {
    ++stats_.connections_lost;
    if (uv_now(loop_) - peer.since_ms >= kGoodMs) peer.pause_ms = 0;
  }
  LogOnce(peer, Concat("peer ", NameOf(peer), " is down: ", why));
  if (Dials(self_, peer.index)) DialLater(peer);
  Suspect(peer, true);
}

void PeerLinks::Tick() {
  ++tick_;
  const std::uint64_t now = uv_now(loop_);
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    if (now - it->second.since_ms < hello_timeout_ms_) {
      ++it;
      continue;
    }
    refusals_.Add(Refusal::kSilentConnection);
    it = waiting_.erase(it);
  }
  for (const auto& peer : peers_) {
    if (peer == nullptr) continue;
    // Who does not listen cannot call others silent.
    if (!reading_ && peer->up) peer->heard_tick = tick_;
    const std::uint64_t silent = tick_ - peer->heard_tick;
    if (!peer->up) {
      if (peer->connection != nullptr &&
          now - peer->since_ms > kDialTimeoutMs) {
        Drop(*peer, "it does not answer");
      }
      if (silent > kSuspectTicks) Suspect(*peer, true);
    } else if (silent > kSilentTicks) {
      refusals_.Add(Refusal::kSilentConnection);
      Drop(*peer, "it is silent");
    } else if (silent > kSuspectTicks) {
      Suspect(*peer, true);
    }
  }
}

void PeerLinks::Suspect(Peer& peer, bool suspected) {
  if (std::exchange(peer.suspected, suspected) == suspected) return;
  handler_.OnSuspicion(ReplicaAt(static_cast<int>(peer.index)), suspected);
}

void PeerLinks::LogOnce(Peer& peer, std::string line) {
  if (line == peer.last_line) return;
  log_(line);
  peer.last_line = std::move(line);
}

}  // namespace quorate
