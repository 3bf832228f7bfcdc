// Answers: how does a node hear of new connections?
//
// Listens on one endpoint and tells of each connection that can be accepted.
// When the process is out of file descriptors libuv closes the waiting
// connections with a descriptor that it keeps in reserve, so that the listener
// never spins (reliability.md BS6); this class only counts that. A name that
// cannot be looked up yet is asked for again: at boot a name server may come
// later than the node.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "wire/net/endpoint.h"
#include "wire/net/handles.h"
#include "wire/net/lookup.h"

namespace quorate {

using Log = std::function<void(const std::string& line)>;

class Acceptor {
 public:
  // Called when Connection::Accept(listener) will succeed.
  using Callback = std::function<void(uv_stream_t* listener)>;
  // Called once: it listens, or cannot and never will.
  using Opened = std::function<void(const absl::Status&)>;

  Acceptor(uv_loop_t* loop, HandleCount& count, Endpoint endpoint,
           Resolver resolver, Log log, Callback callback);

  // A number is listened on, or not, before this returns; a name later.
  void Open(Opened opened);

  std::optional<sockaddr_storage> listens_at() const { return listens_at_; }
  // Connections that could not be accepted: no descriptor was free.
  std::uint64_t failures() const { return failures_; }

 private:
  void AskWhere();
  void SayWhyNot(absl::string_view why);
  void HandleAddresses(const absl::StatusOr<Addresses>& found);
  absl::Status Listen(const sockaddr_storage& address);
  void Tell(const absl::Status& status);

  const Endpoint endpoint_;
  Log log_;
  Callback callback_;
  Opened opened_;
  std::string last_line_;
  std::optional<sockaddr_storage> listens_at_;
  std::uint64_t failures_ = 0;
  Lookup lookup_;
  Handle<uv_timer_t> again_;
  Handle<uv_tcp_t> listener_;
};

}  // namespace quorate
