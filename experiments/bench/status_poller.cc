#include "experiments/bench/status_poller.h"

#include <utility>

namespace quorate::bench {

StatusPoller::StatusPoller(uv_loop_s* loop, const ClientOptions& client)
    : reasons_(client.nodes.size()), answers_(client.nodes.size()) {
  for (const Endpoint& node : client.nodes) {
    // With one node to know, the client never wanders off to another.
    ClientOptions options = client;
    options.nodes = {node};
    options.observes = true;
    options.ways = nullptr;  // It measures nothing.
    clients_.push_back(
        std::make_unique<Client>(loop, std::move(options), nullptr));
  }
}

bool StatusPoller::Poll(int timeout_ms,
                        std::function<void(const Answers&)> done) {
  if (busy()) return false;
  done_ = std::move(done);
  waiting_for_ = clients_.size();
  for (std::size_t node = 0; node < clients_.size(); ++node) {
    clients_[node]->RequestStatus(
        timeout_ms, [this, node](const absl::StatusOr<std::string>& json) {
          NoteAnswer(node, json);
        });
  }
  return true;
}

void StatusPoller::Close() {
  done_ = nullptr;
  for (auto& client : clients_) client->Close(nullptr);
}

void StatusPoller::NoteAnswer(std::size_t node,
                              const absl::StatusOr<std::string>& json) {
  reasons_[node] = json.status();
  answers_[node] = json.ok() ? ParseNodeStatus(*json) : std::nullopt;
  if (--waiting_for_ > 0 || !done_) return;
  const auto done = std::exchange(done_, nullptr);
  done(answers_);
}

}  // namespace quorate::bench
