// A second node is asked beside one that is silent.
#include <algorithm>
#include <utility>

#include "replica/client/session.h"

namespace quorate {
namespace {

// Commands that one hedge asks for: enough to learn whether the second node
// answers. If it does, it gets the rest.
constexpr std::size_t kMostAskedAtOnce = 16;
// Of all commands submitted, one in so many may be hedged, and some always.
constexpr std::uint64_t kShare = 20;
constexpr std::uint64_t kAlways = 256;
// Pauses between hedges in vain double up to so many times the patience.
constexpr std::int64_t kMostPauses = 8;

}  // namespace

bool Sessions::MayHedge() const {
  return stats_.hedged < kAlways + stats_.submitted / kShare;
}

std::int64_t Sessions::HedgeDeadline() const {
  if (parcels_.empty() || !parcels_.front().sent || !MayHedge()) return kNever;
  if (hedge_sent_ms_ != kNever) return hedge_sent_ms_ + patience_.ms();
  return std::max(parcels_.front().sent_ms + patience_.ms(), next_hedge_ms_);
}

CommandBatchPtr Sessions::NextHedge(std::int64_t now_ms) {
  if (parcels_.empty() || !parcels_.front().sent || !MayHedge()) return nullptr;
  const Parcel& parcel = parcels_.front();
  std::uint32_t index = 0;
  for (const Command& command : parcel.batch->commands()) {
    if (repacker_.command_count() == kMostAskedAtOnce) break;
    const Found found = FindAt(command, first_parcel_, index++);
    if (found.slot == nullptr) continue;
    if (std::exchange(found.slot->hedge, hedge_) != hedge_) {
      ++hedged_outstanding_;
    }
    found.slot->in_doubt = true;
    repacker_.AddCommand(command.id, found.session->acknowledged);
    for (const Operation& operation : parcel.batch->operations(command)) {
      repacker_.AddOperation(operation);
    }
  }
  stats_.hedged += repacker_.command_count();
  hedge_sent_ms_ = now_ms;
  hedge_leader_.reset();
  return repacker_.Finish();
}

bool Sessions::HandleHedgeReplies(std::span<ClientReply> replies,
                                  std::int64_t now_ms,
                                  std::vector<Completion>& completed) {
  const std::int64_t asked_ms = hedge_sent_ms_;
  now_ms_ = now_ms;
  bool answers = false;
  for (ClientReply& reply : replies) {
    const Found found = Find(reply.id);
    if (found.slot == nullptr || found.slot->hedge != hedge_) continue;
    // Busy with it just now: a retry will hear the same.
    if (ParcelOf(*found.slot) == nullptr) continue;
    if (reply.status == ReplyStatus::kDone ||
        reply.status == ReplyStatus::kResultGone) {
      ++stats_.hedges_won;
      answers = true;
      Complete(found, reply, completed);
    } else if (reply.reason == RefusalReason::kNotLeader) {
      hedge_leader_ = reply.instance.replica;
    }
  }
  DropAnsweredParcels();
  if (!answers || asked_ms == kNever) return false;
  patience_.NoteAnswer(now_ms - asked_ms);
  return heard_ms_ <= asked_ms;
}

void Sessions::HandleHedgeLost(std::int64_t now_ms, bool at_once) {
  // The first other one is asked at once.
  const std::int64_t pause_ms = at_once ? 0 : hedge_pause_ms_;
  const std::int64_t next_pause_ms = std::clamp(
      2 * hedge_pause_ms_, patience_.ms() / 2, kMostPauses * patience_.ms());
  EndHedge();
  hedge_pause_ms_ = next_pause_ms;
  next_hedge_ms_ = now_ms + pause_ms;
}

// Copies of it that are still under way are not waited for.
void Sessions::EndHedge() {
  ++hedge_;
  hedged_outstanding_ = 0;
  hedge_sent_ms_ = kNever;
  hedge_leader_.reset();
  hedge_pause_ms_ = 0;
  next_hedge_ms_ = 0;
}

}  // namespace quorate
