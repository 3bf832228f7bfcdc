// Answers: how does a node hear of new connections?
//
// Listens on one endpoint and tells of each connection that can be accepted.
// When the process is out of file descriptors libuv closes the waiting
// connections with a descriptor that it keeps in reserve, so that the listener
// never spins (reliability.md S6); this class only counts that. Host names are
// looked up once, when a node starts.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/shell/config.h"
#include "replica/shell/handles.h"

namespace quorate {

// Blocks while a name server is asked; numbers are not asked for.
absl::StatusOr<sockaddr_storage> Resolve(const Endpoint& endpoint);

class Acceptor {
 public:
  // Called when Connection::Accept(listener) will succeed.
  using Callback = std::function<void(uv_stream_t* listener)>;

  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(
      uv_loop_t* loop, HandleCount& count, const Endpoint& endpoint,
      Callback callback);

  // Connections that could not be accepted: no descriptor was free.
  std::uint64_t failures() const { return failures_; }

 private:
  Acceptor(uv_loop_t* loop, HandleCount& count, Callback callback)
      : callback_(std::move(callback)),
        listener_(loop, count, uv_tcp_init, this) {}

  Callback callback_;
  std::uint64_t failures_ = 0;
  Handle<uv_tcp_t> listener_;
};

}  // namespace quorate
