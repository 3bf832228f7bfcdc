// What nodes and clients say to each other, and when it arrives.
#include <utility>

#include "tests/sim/codec_check.h"
#include "tests/sim/message_copy.h"
#include "tests/sim/message_trace.h"
#include "tests/sim/simulation.h"
#include "wire/codec/codec.h"

namespace quorate::sim {
namespace {

constexpr int kCodecPermille = 80;  // of the messages go through the codec

}  // namespace

void Simulation::SendMessage(int from, const OutgoingMessage& outgoing) {
  if (outgoing.rests_on > node(from).disk.durable()) {
    verdict_.Fail("durable before visible: a message's record is on disk",
                  std::string(Name(outgoing.message)) + " rests on " +
                      std::to_string(outgoing.rests_on));
  }
  if (outgoing.to.Contains(ReplicaAt(from))) {
    verdict_.Fail("no replica sends to itself",
                  std::string(Name(outgoing.message)));
  }
  ghost_.Sent(ReplicaAt(from), outgoing.message);
  Message message = stripper_.Strip(outgoing.message);
  if (node_random_.Chance(kCodecPermille)) {
    ++statistics_.through_codec;
    MessageThroughCodec(ColumnsOf(plan_.settings), message, verdict_);
  }
  const auto shared = std::make_shared<const Message>(std::move(message));
  for (int to = 0; to < plan_.settings.replicas; ++to) {
    if (!outgoing.to.Contains(ReplicaAt(to))) continue;
    const Network::Delays delays = network_.Send(from, to, queue_.now());
    if (delays.empty()) {
      trace_.Note(EntryOf(*shared, queue_.now(), "lose", to, from));
    }
    for (const Micros delay : delays) {
      queue_.After(delay, [this, from, to, shared,
                           connection = network_.connection(from, to)] {
        Deliver(from, to, connection, shared);
      });
    }
  }
}

void Simulation::Deliver(int from, int to, std::uint64_t connection,
                         const std::shared_ptr<const Message>& message) {
  const bool arrives = network_.connection(from, to) == connection &&
                       !network_.blocked(from, to) &&
                       node(to).replica != nullptr;
  trace_.Note(
      EntryOf(*message, queue_.now(), arrives ? "deliver" : "drop", to, from));
  if (!arrives) return;
  const auto* chunk = std::get_if<SnapshotChunk>(message.get());
  if (chunk == nullptr) {
    Enqueue(to, MessageReceived{.from = ReplicaAt(from), .message = *message});
    return;
  }
  SnapshotPart part{.from = ReplicaAt(from),
                    .through = chunk->through,
                    .index = chunk->index,
                    .chunks = chunk->chunks};
  const absl::Status status = DecodeRecords(
      chunk->entries, ColumnsOf(plan_.settings),
      [&](Record&& record) { part.records.push_back(std::move(record)); });
  if (!status.ok()) verdict_.Fail("codec: a chunk is decoded", "");
  Enqueue(to, std::move(part));
}

void Simulation::SendReply(int from, const OutgoingReply& outgoing) {
  Node& at = node(from);
  const ClientReply& reply = outgoing.reply;
  if (outgoing.rests_on > at.disk.durable()) {
    verdict_.Fail("durable before visible: a reply's record is on disk",
                  ToString(reply.instance));
  }
  if (!clients_.Belongs(reply.origin, from, at.life)) {
    verdict_.Fail("SC1: an answer goes to the connection that asked",
                  "r" + std::to_string(from + 1) + " answers on connection " +
                      std::to_string(reply.origin));
    return;
  }
  ghost_.Replied(ReplicaAt(from), reply);
  const auto asked = at.unanswered.find({reply.origin, reply.id});
  if (asked != at.unanswered.end() && --asked->second == 0) {
    at.unanswered.erase(asked);
  }
  queue_.After(1 + node_random_.HeavyTailed(plan_.network.delay / 4, 50),
               [this, reply, era = at.replica->era()] {
                 clients_.Receive(reply.origin, era, reply);
               });
}

void Simulation::ReceiveRequest(int to, std::uint32_t connection,
                                const CommandBatchPtr& batch) {
  if (!clients_.IsOpen(connection)) return;
  Node& at = node(to);
  // Down, or started again since the connection was made.
  if (at.replica == nullptr || !clients_.Belongs(connection, to, at.life)) {
    clients_.Closed(connection);
    return;
  }
  trace_.Note({.time = queue_.now(),
               .what = "request",
               .node = to,
               .a = connection,
               .b = batch->digest(),
               .a_label = "connection",
               .b_label = "digest"});
  for (const Command& command : batch->commands()) {
    ++at.unanswered[{connection, command.id}];
  }
  at.requests.batches.push_back(batch);
  ScheduleTurn(to);
}

}  // namespace quorate::sim
