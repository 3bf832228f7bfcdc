// Answers: what do all nodes say of themselves right now?
//
// Keeps one connection to every node, apart from the load, and asks them all at
// once. A node that does not answer in time is nullopt: it counts as down.
// Single-threaded, on the caller's loop.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "experiments/bench/node_status.h"
#include "replica/client/client.h"

struct uv_loop_s;

namespace quorate::bench {

class StatusPoller {
 public:
  using Answers = std::vector<std::optional<NodeStatus>>;

  // Of the nodes that such a client knows.
  StatusPoller(uv_loop_s* loop, const ClientOptions& client);

  // One poll at a time: false while the last one is still under way. `done`
  // gets one entry a node.
  bool Poll(int timeout_ms, std::function<void(const Answers&)> done);
  bool busy() const { return waiting_for_ > 0; }
  // Why a node did not answer the last poll.
  const absl::Status& reason(std::size_t node) const { return reasons_[node]; }
  void Close();

 private:
  void NoteAnswer(std::size_t node, const absl::StatusOr<std::string>& json);

  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<absl::Status> reasons_;
  Answers answers_;
  std::size_t waiting_for_ = 0;
  std::function<void(const Answers&)> done_;
};

}  // namespace quorate::bench
