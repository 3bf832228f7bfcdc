// How commands of Sessions complete: replies, refusals, giving up.
#include <algorithm>
#include <iterator>
#include <utility>

#include "replica/client/session.h"
#include "wire/check.h"
#include "wire/limits.h"

namespace quorate {
namespace {

// Of the first backoff, how often it has grown before another node is asked who
// leads.
constexpr std::int64_t kLeaderPatience = 16;

// Would the same command fare better later or elsewhere?
bool IsPassing(RefusalReason reason) {
  return reason == RefusalReason::kBusy ||
         reason == RefusalReason::kShuttingDown ||
         reason == RefusalReason::kNotLeader ||
         reason == RefusalReason::kNoLeader ||
         reason == RefusalReason::kPipelineFull;
}

}  // namespace

Sessions::Found Sessions::Find(CommandId id) {
  const auto found = by_id_.find(id.client);
  if (found == by_id_.end()) return {};
  Session& session = sessions_[found->second];
  if (id.sequence < session.first || id.sequence >= session.next) return {};
  Slot& slot = session.At(id.sequence);
  if (!slot.outstanding) return {};
  return {&session, &slot};
}

Sessions::Found Sessions::FindAt(const Command& command, std::uint64_t parcel,
                                 std::uint32_t index) {
  const Found found = Find(command.id);
  if (found.slot == nullptr || found.slot->parcel != parcel ||
      found.slot->index != index) {
    return {};
  }
  return found;
}

// Null for a held command and for one in the open parcel.
Sessions::Parcel* Sessions::ParcelOf(const Slot& slot) {
  if (slot.parcel == kHeld) return nullptr;
  const std::uint64_t offset = slot.parcel - first_parcel_;
  return offset < parcels_.size() ? &parcels_[offset] : nullptr;
}

// May some node have taken it without our knowing the outcome?
bool Sessions::IsDoubtful(const Slot& slot) {
  if (slot.in_doubt) return true;
  const Parcel* parcel = ParcelOf(slot);
  return parcel != nullptr && parcel->in_doubt;
}

void Sessions::HandleReplies(std::span<ClientReply> replies,
                             std::int64_t now_ms,
                             std::vector<Completion>& completed) {
  const bool none_held = held_.empty();
  heard_ms_ = now_ms_ = now_ms;
  std::int64_t slowest_ms = -1;
  for (ClientReply& reply : replies) {
    const Found found = Find(reply.id);
    if (found.slot == nullptr) continue;  // Answered before: the first counts.
    const Parcel* parcel = ParcelOf(*found.slot);
    // Not an answer to anything sent on this connection.
    if (parcel == nullptr || !parcel->sent) continue;
    if (reply.status == ReplyStatus::kDone ||
        reply.status == ReplyStatus::kResultGone) {
      slowest_ms = std::max(slowest_ms, now_ms - parcel->sent_ms);
      Complete(found, reply, completed);
      continue;
    }
    if (reply.status == ReplyStatus::kUnknown) {
      found.slot->in_doubt = true;
      Hold(*found.slot, RefusalReason::kNone, now_ms);
    } else {
      HandleRefusal(found, reply, now_ms, completed);
    }
  }
  if (none_held && held_.empty()) backoff_ms_ = policy_.first_backoff_ms;
  if (slowest_ms >= 0) patience_.NoteAnswer(slowest_ms);
  DropAnsweredParcels();
}

void Sessions::NoteOtherNode(const ClientReply& reply) {
  switch (reply.reason) {
    case RefusalReason::kShuttingDown: wants_other_node_ = true; break;
    case RefusalReason::kNotLeader:
      wants_other_node_ = true;
      leader_ = reply.instance.replica;
      break;
    case RefusalReason::kNoLeader:
      // It may be cut off from those who elect one.
      if (backoff_ms_ >= std::min(kLeaderPatience * policy_.first_backoff_ms,
                                  policy_.largest_backoff_ms)) {
        wants_other_node_ = true;
      }
      break;
    default: break;
  }
}

void Sessions::HandleRefusal(Found found, ClientReply& reply,
                             std::int64_t now_ms,
                             std::vector<Completion>& completed) {
  if (IsPassing(reply.reason)) {
    NoteOtherNode(reply);
    Hold(*found.slot, reply.reason, now_ms);
    return;
  }
  if (found.slot->withdraws) {
    // Its session is forgotten, and so nothing of it is done any more.
    Complete(found, reply, completed);
    return;
  }
  if (reply.reason == RefusalReason::kSessionExpired &&
      !IsDoubtful(*found.slot)) {
    BeginAgain(found, reply, now_ms, completed);
    return;
  }
  // This sending was not taken, but an earlier one may have been. A stale
  // sequence even says that it was; only the result is gone. A refusal at
  // execution is the outcome of all of them.
  const bool is_outcome = reply.reason == RefusalReason::kResultTooLarge;
  if ((IsDoubtful(*found.slot) && !is_outcome) ||
      reply.reason == RefusalReason::kStaleSequence) {
    reply.status = ReplyStatus::kUnknown;
  }
  Complete(found, reply, completed);
}

// The command goes on in another session, as good as new: it was sent once, and
// that sending was refused for good.
void Sessions::BeginAgain(Found found, ClientReply& reply, std::int64_t now_ms,
                          std::vector<Completion>& completed) {
  // No later era is known yet: the next answer will tell.
  if (EraOf(reply.id.sequence) == era_) {
    Hold(*found.slot, reply.reason, now_ms);
    return;
  }
  const std::size_t number = found.session->number;
  if (found.session == &sessions_[current_[number]]) {
    found.session->retired = true;
    Renew(number);
    found = Find(reply.id);  // A session more may have moved them.
  }
  Session& next = sessions_[current_[number]];
  if (next.next - 1 - next.acknowledged >= kMaxPipelinePerSession) {
    reply.reason = RefusalReason::kPipelineFull;
    Complete(found, reply, completed);
    return;
  }
  // Keeps the batch while the old place in it is given up.
  const CommandBatchPtr batch = ParcelOf(*found.slot)->batch;
  const std::uint64_t sequence = next.next;
  Slot& slot = AddSlot(next);
  slot.tag = found.slot->tag;
  slot.submitted_ms = found.slot->submitted_ms;
  EnqueueNew(next, sequence, slot,
             batch->operations(batch->commands()[found.slot->index]));
  ++stats_.retried;
  EndSlot(*found.session, *found.slot);
}

void Sessions::Hold(Slot& slot, RefusalReason reason, std::int64_t now_ms) {
  Parcel& parcel = *ParcelOf(slot);
  if (held_.empty()) release_ms_ = now_ms + backoff_ms_;
  const Command& command = parcel.batch->commands()[slot.index];
  slot.in_doubt = slot.in_doubt || parcel.in_doubt;
  slot.reason = reason;
  slot.parcel = kHeld;
  slot.index = static_cast<std::uint32_t>(held_.command_count());
  held_.AddCopy(*parcel.batch, command);
  held_oldest_ms_ = std::min(held_oldest_ms_, slot.submitted_ms);
  if (--parcel.outstanding == 0) parcel.batch.reset();
}

void Sessions::ReleaseHeld() {
  if (held_.empty()) return;
  const CommandBatchPtr batch = held_.Finish();
  std::uint32_t index = 0;
  for (const Command& command : batch->commands()) {
    const Found found = FindAt(command, kHeld, index++);
    if (found.slot == nullptr) continue;
    Enqueue(*found.session, command.id.sequence, *found.slot,
            batch->operations(command));
    ++stats_.retried;
  }
  release_ms_ = kNever;
  held_oldest_ms_ = kNever;
  backoff_ms_ = std::min(2 * backoff_ms_, policy_.largest_backoff_ms);
}

void Sessions::Complete(Found found, ClientReply& reply,
                        std::vector<Completion>& completed) {
  if (found.slot->withdraws) {
    EndWithdrawal(found);
    return;
  }
  Session& session = *found.session;
  Completion& completion = completed.emplace_back();
  completion.session = session.number;
  completion.sequence = reply.id.sequence;
  completion.tag = found.slot->tag;
  completion.status = reply.status;
  completion.reason = reply.reason;
  completion.instance = reply.instance;
  completion.results = std::move(reply.results);
  completion.commit_latency_us = reply.commit_latency_us;

  ++stats_.completed;
  if (reply.status == ReplyStatus::kRefused) ++stats_.refused;
  if (reply.status == ReplyStatus::kUnknown) {
    ++stats_.unknown;
    session.retired = true;
    const bool settled = reply.reason == RefusalReason::kSessionExpired ||
                         reply.reason == RefusalReason::kStaleSequence;
    const Parcel* parcel = ParcelOf(*found.slot);
    if (!settled && !going_away_ && parcel != nullptr) {
      // Keeps the operation alive while parcels are added.
      const CommandBatchPtr batch = parcel->batch;
      for (const Operation& operation :
           batch->operations(batch->commands()[found.slot->index])) {
        if (IsReadOnly(operation.kind)) continue;
        Withdraw(session, reply.id.sequence, operation);
        found.slot = &session.At(reply.id.sequence);
        break;
      }
    }
  }
  EndSlot(session, *found.slot);
}

void Sessions::Withdraw(Session& session, std::uint64_t sequence,
                        const Operation& operation) {
  const Operation withdrawal{.kind = OperationKind::kWithdraw,
                             .key = operation.key,
                             .number = static_cast<std::int64_t>(sequence)};
  const std::uint64_t own = session.next;
  Slot& slot = AddSlot(session);
  slot.submitted_ms = now_ms_;
  slot.withdraws = true;
  Enqueue(session, own, slot, {&withdrawal, 1});
  ++fences_[session.number].open;
}

void Sessions::EndWithdrawal(Found found) {
  const auto fence = fences_.find(found.session->number);
  EndSlot(*found.session, *found.slot);
  if (fence == fences_.end() || --fence->second.open > 0) return;
  const CommandBatchPtr behind = fence->second.behind.Finish();
  fences_.erase(fence);
  std::uint32_t index = 0;
  for (const Command& command : behind->commands()) {
    const Found waiting = FindAt(command, kFenced, index++);
    if (waiting.slot == nullptr) continue;
    Enqueue(*waiting.session, command.id.sequence, *waiting.slot,
            behind->operations(command));
  }
}

// They were never sent, so that they are certain not to have been done.
void Sessions::GiveUpFenced(std::int64_t limit_ms,
                            std::vector<Completion>& completed) {
  for (auto& [number, fence] : fences_) {
    if (fence.oldest_ms > limit_ms) continue;
    fence.oldest_ms = kNever;
    const CommandBatchPtr batch = fence.behind.Finish();
    std::uint32_t index = 0;
    for (const Command& command : batch->commands()) {
      const Found found = FindAt(command, kFenced, index++);
      if (found.slot == nullptr) continue;
      if (found.slot->submitted_ms > limit_ms) {
        EnqueueNew(*found.session, command.id.sequence, *found.slot,
                   batch->operations(command));
        continue;
      }
      ClientReply reply{.id = command.id, .status = ReplyStatus::kRefused};
      Complete(found, reply, completed);
    }
  }
}

void Sessions::EndSlot(Session& session, Slot& slot) {
  Parcel* parcel = ParcelOf(slot);
  QUORATE_CHECK(parcel != nullptr || slot.parcel == kFenced,
                "CL3: only what was in a parcel or fenced completes");
  if (parcel != nullptr && --parcel->outstanding == 0) parcel->batch.reset();
  slot.outstanding = false;
  --outstanding_;
  if (slot.hedge == hedge_ && --hedged_outstanding_ == 0) EndHedge();
  while (session.first < session.next &&
         !session.At(session.first).outstanding) {
    ++session.first;
  }
  // CL2: the mark never passes a command that was given up.
  if (!session.retired) {
    session.acknowledged = session.first - 1;
    return;
  }
  const std::uint32_t index =
      static_cast<std::uint32_t>(&session - sessions_.data());
  if (session.first == session.next && current_[session.number] != index) {
    Forget(index);
  }
}

void Sessions::HandleTime(std::int64_t now_ms,
                          std::vector<Completion>& completed) {
  std::ranges::move(refused_here_, std::back_inserter(completed));
  refused_here_.clear();
  now_ms_ = now_ms;
  if (release_ms_ <= now_ms) ReleaseHeld();
  GiveUpUntil(now_ms - policy_.give_up_timeout_ms, completed);
}

void Sessions::GiveUpAll(std::vector<Completion>& completed) {
  std::ranges::move(refused_here_, std::back_inserter(completed));
  refused_here_.clear();
  going_away_ = true;
  GiveUpUntil(kNever - 1, completed);
}

void Sessions::GiveUpUntil(std::int64_t limit_ms,
                           std::vector<Completion>& completed) {
  GiveUpFenced(limit_ms, completed);
  // What is too old is brought into parcels, where all can be found.
  if (held_oldest_ms_ <= limit_ms) ReleaseHeld();
  if (open_oldest_ms_ <= limit_ms) SealOpenParcel();
  for (std::size_t i = 0; i < parcels_.size(); ++i) {
    if (parcels_[i].outstanding > 0 && parcels_[i].oldest_ms <= limit_ms) {
      GiveUpParcel(first_parcel_ + i, limit_ms, completed);
    }
  }
  DropAnsweredParcels();
}

void Sessions::GiveUpParcel(std::uint64_t number, std::int64_t limit_ms,
                            std::vector<Completion>& completed) {
  Parcel& parcel = parcels_[number - first_parcel_];
  // Ending the last slot lets go of the batch while it is walked through.
  const CommandBatchPtr batch = parcel.batch;
  parcel.oldest_ms = kNever;
  std::uint32_t index = 0;
  for (const Command& command : batch->commands()) {
    const Found found = FindAt(command, number, index++);
    if (found.slot == nullptr) continue;
    Slot& slot = *found.slot;
    // Its session cannot go on without it.
    if (slot.withdraws && !going_away_) slot.submitted_ms = now_ms_;
    if (slot.submitted_ms > limit_ms) {
      parcel.oldest_ms = std::min(parcel.oldest_ms, slot.submitted_ms);
      continue;
    }
    ClientReply reply{.id = command.id};
    const bool maybe_done = parcel.sent || IsDoubtful(slot);
    reply.status = maybe_done ? ReplyStatus::kUnknown : ReplyStatus::kRefused;
    if (!maybe_done) reply.reason = slot.reason;
    Complete(found, reply, completed);
  }
}

}  // namespace quorate
