#include "replica/client/calls.h"

#include <algorithm>

#include "wire/timers.h"

namespace quorate {
namespace {

// Pauses between rounds, doubled each time up to the brisk one.
constexpr std::int64_t kFirstPauseMs = MillisecondsOf<"client.first_pause">;
constexpr std::int64_t kBriskPauseMs = MillisecondsOf<"client.brisk_pause">;
constexpr std::uint64_t kBriskRounds = 20;
constexpr std::int64_t kLargestPauseMs = MillisecondsOf<"client.most_pause">;

std::int64_t PauseAfter(std::uint64_t rounds) {
  if (rounds > kBriskRounds) return kLargestPauseMs;
  return std::min(kFirstPauseMs << std::min<std::uint64_t>(rounds - 1, 10),
                  kBriskPauseMs);
}

}  // namespace

Calls::Calls(std::size_t nodes, std::size_t first, std::uint32_t seed,
             const CallPolicy& policy)
    : policy_(policy), first_(first), jitter_(seed), nodes_(nodes) {}

std::optional<std::size_t> Calls::Next(std::int64_t now_ms) {
  if (now_ms < next_ms_) return std::nullopt;
  Node* node = Untried();
  if (node == nullptr) {
    const Node* oldest = Oldest();
    if (oldest == nullptr || now_ms < oldest->begun_ms + policy_.again_ms) {
      return std::nullopt;
    }
    node = &nodes_[IndexOf(*oldest)];
  }
  preferred_.reset();
  node->tried = true;
  node->begun_ms = now_ms;
  ++node->under_way;
  ++under_way_;
  next_ms_ = now_ms + policy_.stagger_ms;
  return IndexOf(*node);
}

Calls::Node* Calls::Untried() {
  const auto free = [](const Node& node) {
    return !node.tried && !node.in_use && node.under_way == 0;
  };
  if (preferred_ && free(nodes_[*preferred_])) return &nodes_[*preferred_];
  Node* best = nullptr;
  for (std::size_t step = 0; step < nodes_.size(); ++step) {
    Node& node = nodes_[(first_ + step) % nodes_.size()];
    if (!free(node)) continue;
    if (best == nullptr || node.failed < best->failed) best = &node;
  }
  return best;
}

const Calls::Node* Calls::Oldest() const {
  const Node* oldest = nullptr;
  for (const Node& node : nodes_) {
    if (node.under_way == 0 || node.under_way >= kMostOfANode) continue;
    if (oldest == nullptr || node.begun_ms < oldest->begun_ms) oldest = &node;
  }
  return oldest;
}

std::int64_t Calls::NextDeadline() const {
  const bool untried =
      std::any_of(nodes_.begin(), nodes_.end(), [](const Node& node) {
        return !node.tried && !node.in_use && node.under_way == 0;
      });
  if (untried) return next_ms_;
  const Node* oldest = Oldest();
  if (oldest == nullptr) return kNever;
  return std::max(next_ms_, oldest->begun_ms + policy_.again_ms);
}

bool Calls::HandleFailed(std::size_t node, std::int64_t now_ms) {
  HandleOutrun(node, now_ms);
  nodes_[node].failed = ++failures_;
  next_ms_ = now_ms;  // The next one need not wait for a silent one.
  return EndRoundIfTried(now_ms);
}

void Calls::HandleOutrun(std::size_t node, std::int64_t now_ms) {
  Node& outrun = nodes_[node];
  --outrun.under_way;
  --under_way_;
  if (now_ms >= outrun.begun_ms + policy_.stagger_ms) {
    outrun.failed = ++failures_;
  }
}

void Calls::HandleReady(std::size_t node) {
  --nodes_[node].under_way;
  --under_way_;
  nodes_[node].in_use = true;
}

bool Calls::Leave(std::size_t node, bool served, std::int64_t now_ms) {
  if (served) {
    rounds_ = 0;
    BeginRound();
  }
  Node& left = nodes_[node];
  left.in_use = false;
  left.tried = true;
  left.failed = ++failures_;
  next_ms_ = now_ms;
  return EndRoundIfTried(now_ms);
}

void Calls::BeginRound() {
  for (Node& node : nodes_) node.tried = false;
  next_ms_ = 0;
}

bool Calls::EndRoundIfTried(std::int64_t now_ms) {
  if (under_way_ > 0) return false;
  const bool repeats = preferred_ && nodes_[*preferred_].tried;
  if (!repeats && Untried() != nullptr) return false;
  for (Node& node : nodes_) node.tried = false;
  const auto half_ms = static_cast<std::uint64_t>(PauseAfter(++rounds_)) / 2;
  // Half of it at random, so that many clients do not come back as one.
  next_ms_ =
      now_ms + static_cast<std::int64_t>(half_ms + jitter_() % (half_ms + 1));
  return true;
}

}  // namespace quorate
