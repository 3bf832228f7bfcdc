// What one turn of the loop does with what has come in: replica/host/turn.h has
// the order, and here is what each effect is.
#include <algorithm>
#include <utility>
#include <vector>

#include "replica/node/node.h"
#include "replica/node/node_running.h"
#include "wire/codec/codec.h"

namespace quorate {

void Node::StepTurn(const Event& event) {
  const bool serves = phase_ == Phase::kServing || phase_ == Phase::kDraining;
  running_->turn.Step(event, /*may_publish=*/serves);
}

void Node::EndTurn() {
  if (phase_ == Phase::kMeeting) EndMeeting();
  if (phase_ == Phase::kFailed && !silent_) FallSilent();
  if (phase_ != Phase::kServing && phase_ != Phase::kDraining) return;
  running_->clock.Advance();
  running_->turn.End();
  running_->clients.EndTurn();
  running_->clock.Advance();
  if (phase_ == Phase::kDraining) FinishDraining();
}

void Node::OnSnapshotChunk(ReplicaId from, const SnapshotChunk& chunk) {
  SnapshotPart part{.from = from,
                    .through = chunk.through,
                    .index = chunk.index,
                    .chunks = chunk.chunks};
  const absl::Status decoded = DecodeRecords(
      chunk.entries, ColumnsOf(config_.settings),
      [&](Record&& record) { part.records.push_back(std::move(record)); });
  // What cannot be read did not come: it is asked for again.
  if (decoded.ok()) StepTurn(std::move(part));
}

// ---- peers and clients ------------------------------------------------------

ClientCommands Node::World::TakeCommands() {
  if (!running().clients.has_commands()) return {};
  return {.batches = running().clients.TakeCommands()};
}

void Node::World::Send(const OutgoingMessage& message) {
  running().links.Send(message.to, message.message);
}

void Node::World::Flush() { running().links.Flush(); }

void Node::World::Reply(std::vector<OutgoingReply>& replies,
                        std::span<const CommittedInstance> committed) {
  running().clock.NoteCommits(committed);
  running().clients.NoteEra(node_.replica_->era());
  for (OutgoingReply& outgoing : replies) {
    running().clients.Route(std::move(outgoing.reply));
  }
  running().clients.Flush();
}

void Node::World::SetReading(bool reads) { running().links.SetReading(reads); }

void Node::World::NoteDurable(RecordSequence through) {
  running().links.NoteDurable(through);
}

void Node::World::NoteActivity() { running().look_out.NoteActivity(); }

bool Node::World::stays_awake() const { return running().look_out.awake(); }

// ---- the journal ------------------------------------------------------------

Journal& Node::World::journal() const { return *running().journal; }

RecordSequence Node::World::durable() const { return journal().durable(); }

void Node::World::Append(std::vector<Record>& records, RecordSequence last) {
  journal().Append(records, last);
}

bool Node::World::AppendNow(std::vector<Record>& records, RecordSequence last) {
  return journal().AppendNow(records, last);
}

std::size_t Node::World::unwritten_bytes() const {
  return journal().unwritten_bytes();
}

bool Node::World::takes_slice() const { return journal().takes_slice(); }

void Node::World::WriteSlice(SnapshotWrite slice, bool of_peer) {
  if (slice.ends.has_value() && !of_peer) checkpoint_us_ = NowUs();
  journal().AppendCheckpoint({.records = std::move(slice.records),
                              .begins = slice.begins,
                              .ends = slice.ends});
}

bool Node::World::checkpoint_is_due() const {
  return journal().journal_bytes() >=
         std::max(node_.config_.checkpoint_journal_bytes,
                  journal().checkpoint_bytes() / 100 *
                      node_.config_.checkpoint_percent);
}

void Node::World::ReadChunks(const SnapshotRead& read) {
  journal().ReadChunks(read);
}

std::vector<OutgoingMessage> Node::World::TakeChunks() {
  std::vector<OutgoingMessage> messages;
  for (Journal::ReadChunk& read : journal().TakeChunks()) {
    OutgoingMessage& message = messages.emplace_back();
    message.to.Insert(read.to);
    message.message = std::move(read.chunk);
  }
  return messages;
}

}  // namespace quorate
