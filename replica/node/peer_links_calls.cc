// How two nodes come to a connection: names, calls, handshakes.
#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "replica/node/peer_links.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/net/elapsed.h"
#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

// How long a call may be under way, its handshake included.
constexpr std::uint64_t kCallTimeoutMs = MillisecondsOf<"links.call">;
// Between calls that nobody answers; not all peers of one node in step.
constexpr std::uint64_t kLeastCallMs = MillisecondsOf<"links.least_call">;
constexpr std::uint64_t kMostCallMs = MillisecondsOf<"links.most_call">;
// After a call that was refused.
constexpr std::uint64_t kLeastPauseMs = MillisecondsOf<"links.least_pause">;
constexpr std::uint64_t kMostPauseMs = MillisecondsOf<"links.most_pause">;
// How old an address may be when it is dialed.
constexpr std::uint64_t kFreshMs = MillisecondsOf<"links.fresh">;
// A connected peer that is quiet for so long, where a machine speaks every ten
// ticks at least: the way to it may be cut, and is tried by another call.
constexpr std::uint64_t kQuietTicks = TicksOf<"links.quiet">;
// Callers that have not said Hello yet.
constexpr std::size_t kMostWaiting = 16;

}  // namespace

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
  return tick_ - peer.heard_tick > kQuietTicks + Away(peer);
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
  if (const absl::Status emulated = call.connection->Emulate(peer.ways);
      !emulated.ok()) {
    EndCall(tag, std::string(emulated.message()));
    return;
  }
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
  if (const absl::Status emulated = owned->Emulate(peer.ways); !emulated.ok()) {
    NoteDown(peer, std::string(emulated.message()));
    return;
  }
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
    // What it has lost is known here, and said by it.
    const bool of_itself = reject->code == Name(Refusal::kSelfForgetful);
    EndCall(tag, Concat(of_itself ? peer_lines::kRefused : peer_lines::kRefuses,
                        reject->reason));
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
    EndCall(tag, Concat(refusal->of_self ? peer_lines::kRefuses
                                         : peer_lines::kRefused,
                        refusal->text));
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
  peer.heard_us = 0;
  peer.shortest_us.reset();
  refused_.erase(NameOf(peer));
  peer.since_ms = uv_now(loop_);
  peer.heard_tick = tick_;
  if (!reading_) peer.connection->PauseReading();
  LogOnce(peer, Concat(peer_lines::kPeer, NameOf(peer), peer_lines::kIsUp));
  // Told even if it was not suspected: the last connection may have taken
  // messages with it.
  peer.suspected = false;
  handler_.OnSuspicion(ReplicaAt(static_cast<int>(peer.index)), false);
}

}  // namespace quorate
