// Answers: which node is called next, and when?
//
// The client's choice among the nodes it knows, without sockets and clock. A
// node that is silent is not waited for: after a moment the next one is called
// as well, and whoever says Hello first is taken. Nodes that answered come
// before those that failed, otherwise in the order of the list from the first
// node on. When all have been tried in vain there is a pause, which grows: a
// cluster that starts again is there within a second, and nobody should notice
// that later than necessary; whoever is gone for longer is not called that
// often. Pure: times are arguments, in milliseconds, randomness a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "wire/timers.h"

namespace quorate {

struct CallPolicy {
  // A node that has not said Hello for so long: call another one as well.
  std::int64_t stagger_ms = MillisecondsOf<"client.stagger">;
  // Nobody else is left: call the one again whose call is so old, for the
  // kernel repeats a lost first segment only after a second.
  std::int64_t again_ms = MillisecondsOf<"client.again">;
  // A call without a Hello for so long has failed.
  std::int64_t timeout_ms = MillisecondsOf<"client.call">;
};

class Calls {
 public:
  static constexpr std::int64_t kNever =
      std::numeric_limits<std::int64_t>::max();
  // Calls of one node under way at once.
  static constexpr int kMostOfANode = 5;

  Calls(std::size_t nodes, std::size_t first, std::uint32_t seed,
        const CallPolicy& policy = {});

  // The node to be called now, if any; the call counts as under way.
  std::optional<std::size_t> Next(std::int64_t now_ms);
  // When Next may have something to say, or a call under way has failed.
  std::int64_t NextDeadline() const;

  // A call came to nothing, or its connection ended. True if now all nodes have
  // been tried since one of them last answered, and none is under way: there is
  // a pause.
  bool HandleFailed(std::size_t node, std::int64_t now_ms);
  // A call was given up because another one was answered before it.
  void HandleOutrun(std::size_t node, std::int64_t now_ms);
  // A call was answered with Hello: the node is in use, until Leave.
  void HandleReady(std::size_t node);
  // The node in use is left. `served`: it has answered anything but Hello.
  // True as of HandleFailed.
  bool Leave(std::size_t node, bool served, std::int64_t now_ms);
  // A node in use is no longer needed; it did nothing wrong.
  void Release(std::size_t node) {
    nodes_[node].in_use = false;
    nodes_[node].failed = 0;
  }
  // The next call goes to this node.
  void Prefer(std::size_t node) { preferred_ = node; }
  // Begins a new round: every node that is not in use may be called.
  void BeginRound();

 private:
  struct Node {
    std::uint64_t failed = 0;  // the order of its last failure; 0: none since
    int under_way = 0;
    std::int64_t begun_ms = 0;  // the newest call
    bool in_use = false;
    bool tried = false;  // in this round
  };

  // Null when all have been tried.
  Node* Untried();
  // The one whose newest call is the oldest.
  const Node* Oldest() const;
  bool EndRoundIfTried(std::int64_t now_ms);
  std::size_t IndexOf(const Node& node) const {
    return static_cast<std::size_t>(&node - nodes_.data());
  }

  CallPolicy policy_;
  std::size_t first_;
  std::minstd_rand jitter_;
  std::vector<Node> nodes_;
  std::optional<std::size_t> preferred_;
  std::uint64_t failures_ = 0;
  std::uint64_t rounds_ = 0;  // in vain, in a row
  int under_way_ = 0;
  std::int64_t next_ms_ = 0;  // no call before
};

}  // namespace quorate
