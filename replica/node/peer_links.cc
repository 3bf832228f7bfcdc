#include "replica/node/peer_links.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/net/elapsed.h"
#include "wire/text.h"

namespace quorate {
namespace {

// How long a call may be under way, its handshake included.
constexpr std::uint64_t kCallTimeoutMs = 1000;
// Between calls that nobody answers; not all peers of one node in step.
constexpr std::uint64_t kLeastCallMs = 120;
constexpr std::uint64_t kMostCallMs = 180;
// After a call that was refused.
constexpr std::uint64_t kLeastPauseMs = 10;
constexpr std::uint64_t kMostPauseMs = 80;
// How old an address may be when it is dialed.
constexpr std::uint64_t kFreshMs = 1000;
// A connection that lived so long was a good one: the next pause is short.
constexpr std::uint64_t kGoodMs = 1000;
// A machine speaks every ten ticks at least.
// After so long the way to it may be cut, and is tried by another call.
constexpr std::uint64_t kQuietTicks = 30;
constexpr std::uint64_t kSuspectTicks = 50;
constexpr std::uint64_t kSilentTicks = 100;
// What a peer that does not read may cost us in memory. From the first on large
// messages are left out, as if they had been lost, so that a burst of results
// does not cost the connection.
constexpr std::size_t kManyQueuedBytes = 16 * 1024 * 1024;
constexpr std::size_t kMostQueuedBytes = 48 * 1024 * 1024;
// Callers that have not said Hello yet.
constexpr std::size_t kMostWaiting = 16;
// Different lines about one peer that are logged before it is up again.
constexpr std::size_t kMostLines = 8;
// Nodes that were refused, and how long that is told.
constexpr std::size_t kMostRefused = 16;
constexpr std::uint64_t kRefusedMs = 5000;
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
  const Endpoint& endpoint = owner->config_.nodes[own_index].peer;
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

// ---- names ----------------------------------------------------------------

void PeerLinks::LookUp(Peer& peer) {
  peer.looked_up_ms = uv_now(loop_);
  peer.lookup.Start(config_.nodes[peer.index].peer);
}

// What was known before stays known while the resolver has nothing better.
void PeerLinks::HandleAddresses(Peer& peer, absl::StatusOr<Addresses> found) {
  if (found.ok()) {
    peer.unresolved.clear();
    peer.addresses = *std::move(found);
  } else {
    peer.unresolved = Concat("cannot find the host of ",
                             ToString(config_.nodes[peer.index].peer), ": ",
                             std::string(found.status().message()));
    if (!peer.up) NoteDown(peer, peer.unresolved);
  }
  handler_.OnAddresses();
  if (Dials(peer) && !peer.up) MakeCall(peer);
}

std::string PeerLinks::TroubleWith(std::size_t index) const {
  if (index >= peers_.size() || peers_[index] == nullptr || peers_[index]->up) {
    return "";
  }
  const Peer& peer = *peers_[index];
  if (peer.addresses.empty() && peer.lookup.under_way()) {
    return Concat("the resolver has not answered yet where ",
                  ToString(config_.nodes[index].peer), " is");
  }
  return peer.unresolved.empty() ? peer.down_because : peer.unresolved;
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
  // All well again: the timer rests.
  if (peer.up && !IsQuiet(peer)) return;
  // The last turn may have been a long one.
  uv_update_time(loop_);
  DialIn(peer, kLeastCallMs, kMostCallMs);
  // A process that stands still answers nobody sooner for being called.
  if (peer.up && !peer.connection->way_is_cut()) return;
  // One that came through waits for the process, which hears it first.
  if (HasCalls(peer, /*connected_only=*/true)) return;
  const bool asked = peer.lookup.under_way();
  if (!peer.is_number && !asked &&
      (peer.looked_up_ms == 0 ||
       Elapsed(peer.looked_up_ms, uv_now(loop_)) >= kFreshMs)) {
    LookUp(peer);
    return;
  }
  // A resolver that takes its time is not waited for where an address is known.
  MakeCall(peer);
}

bool PeerLinks::IsQuiet(const Peer& peer) const {
  return tick_ - peer.heard_tick > kQuietTicks;
}

void PeerLinks::MakeCall(Peer& peer) {
  if (peer.addresses.empty()) return;
  const sockaddr_storage& address =
      peer.addresses[peer.next_address++ % peer.addresses.size()];
  const std::uint64_t tag = next_tag_++;
  Call& call = calls_[tag];
  call = {.connection = ConnectionPtr(new Connection(loop_, count_, this, tag)),
          .peer = peer.index,
          .since_ms = uv_now(loop_)};
  // May end at once.
  call.connection->Dial(reinterpret_cast<const sockaddr&>(address));
}

void PeerLinks::DialIn(Peer& peer, std::uint64_t least_ms,
                       std::uint64_t most_ms) {
  uv_timer_start(
      peer.redial.get(),
      [](uv_timer_t* timer) {
        Peer& due = OwnerOf<Peer>(timer);
        due.links->Dial(due);
      },
      least_ms + random_() % (most_ms - least_ms + 1), 0);
}

// Between half of the pause and all of it: nodes that lost the same peer at
// the same moment do not call it in step.
void PeerLinks::DialAfterPause(Peer& peer) {
  peer.pause_ms = std::clamp(2 * peer.pause_ms, kLeastPauseMs, kMostPauseMs);
  DialIn(peer, peer.pause_ms / 2, peer.pause_ms);
}

bool PeerLinks::HasCalls(const Peer& peer, bool connected_only) const {
  return std::ranges::any_of(calls_, [&](const auto& entry) {
    const Call& call = entry.second;
    return call.peer == peer.index &&
           (!connected_only || call.connection->connected());
  });
}

void PeerLinks::EndCalls(const Peer& peer) {
  std::erase_if(calls_, [&](const auto& entry) {
    return entry.second.peer == peer.index;
  });
}

void PeerLinks::EndCall(std::uint64_t tag, const std::string& why) {
  const auto found = calls_.find(tag);
  if (found == calls_.end()) return;
  Peer& peer = *peers_[found->second.peer];
  calls_.erase(found);
  peer.taken = false;
  if (peer.up) return;
  NoteDown(peer, why);
  Suspect(peer, true);
  // Others that are under way still have their time.
  if (!HasCalls(peer, /*connected_only=*/false)) DialAfterPause(peer);
}

void PeerLinks::EndOldCalls() {
  std::vector<std::uint64_t> old;
  for (const auto& [tag, call] : calls_) {
    if (Elapsed(call.since_ms, uv_now(loop_)) > kCallTimeoutMs) {
      old.push_back(tag);
    }
  }
  for (const std::uint64_t tag : old) EndCall(tag, "it does not answer");
}

void PeerLinks::OnConnected(Connection& connection) {
  EncodeClientMessage(handshake_.HelloTo(calls_[connection.tag()].peer),
                      connection.output());
  connection.Flush();
}

bool PeerLinks::is_connected(std::size_t peer) const {
  return up(peer) && !peers_[peer]->suspected;
}

void PeerLinks::StopIfForgotten(const HelloRefusal& refusal) {
  if (refusal.of_self) handler_.OnForgotten(refusal.text);
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
  if (const auto refusal = handshake_.CheckDialer(
          *hello, [this](std::size_t peer) { return is_connected(peer); })) {
    refusals_.Add(refusal->reason);
    if (refusal->says_met) {
      EncodeClientMessage(
          handshake_.HelloTo(static_cast<std::size_t>(Index(hello->node))),
          owned->output());
    }
    EncodeClientMessage(Reject{.reason = refusal->text,
                               .taken = refusal->reason == Refusal::kTwin,
                               .code = std::string(Name(refusal->reason))},
                        owned->output());
    owned->Flush();
    NoteRefusedCaller(*hello, *refusal);
    StopIfForgotten(*refusal);
    return;
  }
  Peer& peer = *peers_[static_cast<std::size_t>(Index(hello->node))];
  // A second call means that the caller has given up the first.
  peer.connection = std::move(owned);
  EncodeClientMessage(handshake_.HelloTo(peer.index), connection.output());
  GoUp(peer);
  connection.Flush();
}

void PeerLinks::HandleAnswer(std::uint64_t tag, const Frame& frame) {
  Peer& peer = *peers_[calls_[tag].peer];
  const absl::StatusOr<ClientMessage> message =
      DecodeClientMessage(frame.type, frame.body);
  if (!message.ok()) {
    refusals_.Add(Refusal::kBadBody);
    EndCall(tag, "it answered with garbage");
    return;
  }
  if (const Reject* reject = std::get_if<Reject>(&*message)) {
    peer.pause_ms = kMostPauseMs;
    EndCall(tag, Concat("it refuses us: ", reject->reason));
    peer.taken = reject->taken;
    NoteRefusal(NameOf(peer), reject->code, reject->reason);
    return;
  }
  const Hello* hello = std::get_if<Hello>(&*message);
  if (hello == nullptr) {
    refusals_.Add(Refusal::kUnexpectedFrame);
    EndCall(tag, "its first frame was no Hello");
    return;
  }
  if (const auto refusal = handshake_.CheckDialed(*hello, peer.index,
                                                  is_connected(peer.index))) {
    refusals_.Add(refusal->reason);
    peer.pause_ms = kMostPauseMs;
    EndCall(tag, refusal->text);
    NoteRefusal(NameOf(peer), Name(refusal->reason), refusal->text);
    StopIfForgotten(*refusal);
    return;
  }
  // Where the last one still stood, the way had been cut.
  peer.connection = std::move(calls_[tag].connection);
  GoUp(peer);
}

void PeerLinks::GoUp(Peer& peer) {
  if (peer.up) ++stats_.connections_lost;
  peer.connection->set_tag(peer.index);
  EndCalls(peer);
  peer.logged.clear();
  peer.unresolved.clear();
  peer.connection->AllowFrames(kMaxPeerFrameBytes);
  peer.up = true;
  peer.taken = false;
  peer.told = 0;
  refused_.erase(NameOf(peer));
  peer.since_ms = uv_now(loop_);
  peer.heard_tick = tick_;
  if (!reading_) peer.connection->PauseReading();
  LogOnce(peer, Concat("peer ", NameOf(peer), " is up"));
  // Told even if it was not suspected: the last connection may have taken
  // messages with it.
  peer.suspected = false;
  handler_.OnSuspicion(ReplicaAt(static_cast<int>(peer.index)), false);
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
    log_(Concat("refuses node ", name, ": ", refusal.text));
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
}

// Before a message that rests on these records, but not for each of them: once
// a millisecond, and the rest at the next tick.
void PeerLinks::TellDurable(Peer& peer) {
  if (durable_ <= peer.told || uv_now(loop_) == peer.told_ms) return;
  EncodeClientMessage(Progress{.record = durable_}, peer.connection->output());
  peer.told = durable_;
  peer.told_ms = uv_now(loop_);
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
  LogOnce(peer, Concat("peer ", NameOf(peer), " is down: ", why));
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
    if (peer->up && durable_ > peer->told) {
      TellDurable(*peer);
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
    if (peer->up && silent > kSilentTicks) {
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
  if (peer.logged.size() >= kMostLines) return;
  if (peer.logged.insert(line).second) log_(line);
}

}  // namespace quorate
