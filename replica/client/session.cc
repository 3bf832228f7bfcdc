#include "replica/client/session.h"

#include <algorithm>
#include <utility>

#include "wire/check.h"
#include "wire/limits.h"

namespace quorate {
namespace {

// Room for list headers.
constexpr std::size_t kMaxRequestBytes = kMaxClientFrameBytes - 4096;

std::size_t RequestBytes(std::span<const Operation> operations) {
  std::size_t bytes = kCommandBytes + operations.size() * kOperationBytes;
  for (const Operation& operation : operations) {
    bytes += operation.key.size() + operation.value.size() +
             operation.expected.size();
  }
  return bytes;
}

// SplitMix64's output function: a bijection, so ids of one seed never repeat.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

}  // namespace

Sessions::Sessions(std::uint64_t seed, const RetryPolicy& policy)
    : policy_(policy),
      next_id_(seed),
      backoff_ms_(policy.first_backoff_ms),
      patience_(policy.hedge_ms) {}

ClientId Sessions::DrawId() {
  next_id_ += 0x9E3779B97F4A7C15ull;
  return static_cast<ClientId>(Mix(next_id_));
}

std::size_t Sessions::Open() {
  current_.push_back(AddSession(current_.size()));
  return current_.size() - 1;
}

ClientId Sessions::id(std::size_t session) const {
  return sessions_[current_[session]].id;
}

std::uint32_t Sessions::AddSession(std::size_t number) {
  std::uint32_t index = static_cast<std::uint32_t>(sessions_.size());
  if (free_.empty()) {
    sessions_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    sessions_[index] = Session{};
  }
  Session& session = sessions_[index];
  session.id = DrawId();
  session.number = number;
  session.first = session.next = FirstSequence(era_);
  session.acknowledged = session.first - 1;
  session.ring.resize(4);
  by_id_.emplace(session.id, index);
  return index;
}

void Sessions::NoteEra(std::uint64_t era) {
  if (era <= era_ || era > kMaxEra) return;
  const std::uint64_t shift = FirstSequence(era) - FirstSequence(era_);
  era_ = era;
  if (!has_sent_) Renumber(shift);
}

// The shift is a multiple of every ring's size: slots keep their places.
void Sessions::Renumber(std::uint64_t shift) {
  for (const auto& [id, index] : by_id_) {
    Session& session = sessions_[index];
    session.first += shift;
    session.next += shift;
    session.acknowledged += shift;
  }
  SealOpenParcel();
  for (Parcel& parcel : parcels_) {
    if (parcel.outstanding == 0) continue;
    for (const Command& command : parcel.batch->commands()) {
      repacker_.AddCommand({command.id.client, command.id.sequence + shift},
                           command.acknowledged + shift);
      for (const Operation& operation : parcel.batch->operations(command)) {
        repacker_.AddOperation(operation);
      }
    }
    parcel.batch = repacker_.Finish();
  }
}

// What is still under way under the old id goes on; new commands get a new one.
void Sessions::Renew(std::size_t number) {
  const std::uint32_t old = current_[number];
  current_[number] = AddSession(number);
  if (sessions_[old].first == sessions_[old].next) Forget(old);
}

void Sessions::Forget(std::uint32_t index) {
  by_id_.erase(sessions_[index].id);
  sessions_[index] = Session{};
  free_.push_back(index);
}

RefusalReason Sessions::Check(const Session& session,
                              std::span<const Operation> operations) {
  if (operations.empty() || operations.size() > kMaxOperationsPerCommand) {
    return RefusalReason::kTooManyOperations;
  }
  // All other limits are the node's to check; this one would break the frame.
  if (RequestBytes(operations) > kMaxRequestBytes) {
    return RefusalReason::kValueTooLarge;
  }
  if (session.next - 1 - session.acknowledged >= kMaxPipelinePerSession) {
    return RefusalReason::kPipelineFull;
  }
  return RefusalReason::kNone;
}

std::uint64_t Sessions::Submit(std::size_t session_number,
                               std::span<const Operation> operations,
                               std::uint64_t tag, std::int64_t now_ms) {
  ++stats_.submitted;
  if (sessions_[current_[session_number]].retired) Renew(session_number);
  Session& session = sessions_[current_[session_number]];
  const RefusalReason reason = Check(session, operations);
  if (reason != RefusalReason::kNone) {
    ++stats_.completed;
    ++stats_.refused;
    refused_here_.push_back(Completion{.session = session_number,
                                       .tag = tag,
                                       .status = ReplyStatus::kRefused,
                                       .reason = reason});
    return 0;
  }
  const std::uint64_t sequence = session.next;
  Slot& slot = AddSlot(session);
  slot.tag = tag;
  slot.submitted_ms = now_ms;
  EnqueueNew(session, sequence, slot, operations);
  return sequence;
}

void Sessions::EnqueueNew(const Session& session, std::uint64_t sequence,
                          Slot& slot, std::span<const Operation> operations) {
  const auto fence = fences_.find(session.number);
  if (fence == fences_.end()) {
    Enqueue(session, sequence, slot, operations);
    return;
  }
  CommandBatchBuilder& behind = fence->second.behind;
  fence->second.oldest_ms =
      std::min(fence->second.oldest_ms, slot.submitted_ms);
  slot.parcel = kFenced;
  slot.index = static_cast<std::uint32_t>(behind.command_count());
  behind.AddCommand({session.id, sequence}, session.acknowledged);
  for (const Operation& operation : operations) {
    behind.AddOperation(operation);
  }
}

Sessions::Slot& Sessions::AddSlot(Session& session) {
  if (session.next - session.first == session.ring.size()) {
    std::vector<Slot> larger(session.ring.size() * 2);
    for (std::uint64_t i = session.first; i < session.next; ++i) {
      larger[i & (larger.size() - 1)] = session.At(i);
    }
    session.ring = std::move(larger);
  }
  Slot& slot = session.At(session.next++);
  slot = Slot{.outstanding = true};
  ++outstanding_;
  return slot;
}

void Sessions::Enqueue(const Session& session, std::uint64_t sequence,
                       Slot& slot, std::span<const Operation> operations) {
  const std::size_t bytes = RequestBytes(operations);
  if (open_bytes_ + bytes > kMaxRequestBytes ||
      builder_.command_count() == kMaxBatchCommands) {
    SealOpenParcel();
  }
  open_bytes_ += bytes;
  open_oldest_ms_ = std::min(open_oldest_ms_, slot.submitted_ms);
  slot.parcel = first_parcel_ + parcels_.size();
  slot.index = static_cast<std::uint32_t>(builder_.command_count());
  builder_.AddCommand({session.id, sequence}, session.acknowledged);
  for (const Operation& operation : operations) {
    builder_.AddOperation(operation);
  }
}

void Sessions::SealOpenParcel() {
  if (builder_.empty()) return;
  Parcel parcel{.batch = builder_.Finish(), .oldest_ms = open_oldest_ms_};
  const std::span<const Command> commands = parcel.batch->commands();
  parcel.outstanding = static_cast<std::uint32_t>(commands.size());
  // The next batch will likely need as much room.
  builder_.Reserve(commands.size(), parcel.batch->operations().size(),
                   parcel.batch->byte_size());
  parcels_.push_back(std::move(parcel));
  open_bytes_ = 0;
  open_oldest_ms_ = kNever;
}

CommandBatchPtr Sessions::NextBatch(std::int64_t now_ms) {
  for (;; ++next_unsent_) {
    if (next_unsent_ == first_parcel_ + parcels_.size()) SealOpenParcel();
    if (next_unsent_ == first_parcel_ + parcels_.size()) return nullptr;
    Parcel& parcel = parcels_[next_unsent_ - first_parcel_];
    if (parcel.outstanding == 0) continue;
    if (parcel.outstanding < parcel.batch->commands().size()) {
      Repack(next_unsent_, parcel);
    }
    parcel.sent = true;
    has_sent_ = true;
    parcel.sent_ms = now_ms;
    if (parcel.in_doubt) stats_.retried += parcel.outstanding;
    ++next_unsent_;
    return parcel.batch;
  }
}

// Leaves out what has completed: an answered command would only be refused as
// stale, but one completed as refused must never be seen again (CL1).
void Sessions::Repack(std::uint64_t number, Parcel& parcel) {
  std::uint32_t index = 0;
  for (const Command& command : parcel.batch->commands()) {
    const Found found = FindAt(command, number, index++);
    if (found.slot == nullptr) continue;
    found.slot->index = static_cast<std::uint32_t>(repacker_.command_count());
    repacker_.AddCommand(command.id, found.session->acknowledged);
    for (const Operation& operation : parcel.batch->operations(command)) {
      repacker_.AddOperation(operation);
    }
  }
  parcel.batch = repacker_.Finish();
  QUORATE_CHECK(parcel.batch->commands().size() == parcel.outstanding,
                "CL3: a parcel counts its outstanding commands");
}

void Sessions::DropAnsweredParcels() {
  while (!parcels_.empty() && parcels_.front().outstanding == 0) {
    parcels_.pop_front();
    ++first_parcel_;
  }
  next_unsent_ = std::max(next_unsent_, first_parcel_);
}

void Sessions::HandleDisconnect() {
  for (Parcel& parcel : parcels_) {
    parcel.in_doubt = parcel.in_doubt || parcel.sent;
    parcel.sent = false;
  }
  next_unsent_ = first_parcel_;
  wants_other_node_ = false;
  leader_.reset();
  EndHedge();
}

bool Sessions::WantsOtherNode(std::int64_t now_ms) const {
  if (wants_other_node_) return true;
  // Parcels are sent in order, so the first is the oldest.
  return !parcels_.empty() && parcels_.front().sent &&
         parcels_.front().sent_ms + RetryTimeout() <= now_ms;
}

// A cluster that needs longer than the policy has it is not to be left again
// and again with everything sent once more.
std::int64_t Sessions::RetryTimeout() const {
  return std::max(policy_.retry_timeout_ms,
                  std::min(patience_.ms(), policy_.give_up_timeout_ms / 2));
}

std::int64_t Sessions::NextDeadline() const {
  std::int64_t deadline = UrgentDeadline();
  std::int64_t oldest_ms = std::min(open_oldest_ms_, held_oldest_ms_);
  for (const Parcel& parcel : parcels_) {
    if (parcel.outstanding == 0) continue;
    oldest_ms = std::min(oldest_ms, parcel.oldest_ms);
  }
  for (const auto& [number, fence] : fences_) {
    oldest_ms = std::min(oldest_ms, fence.oldest_ms);
  }
  if (oldest_ms != kNever) {
    deadline = std::min(deadline, oldest_ms + policy_.give_up_timeout_ms);
  }
  if (!parcels_.empty() && parcels_.front().sent) {
    deadline = std::min(deadline, parcels_.front().sent_ms + RetryTimeout());
  }
  return deadline;
}

std::int64_t Sessions::UrgentDeadline() const {
  constexpr std::int64_t kNow = 0;
  return refused_here_.empty() ? release_ms_ : kNow;
}

}  // namespace quorate
