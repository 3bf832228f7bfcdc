// Answers: at which addresses is a host, now?
//
// A name is looked up in a thread of its own, because getaddrinfo may hang for
// as long as the system's configuration says and cannot be interrupted. Whoever
// asked may go meanwhile; nobody ever waits for the thread. That is why it is
// not uv_getaddrinfo: in libuv 1.44.2 two questions that hang keep all others
// waiting, one that runs keeps the loop from ending, and exit() waits for it.
// Numbers are no question and need no thread.
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/net/endpoint.h"
#include "wire/net/handles.h"

namespace quorate {

// Never empty where a lookup succeeded.
using Addresses = std::vector<sockaddr_storage>;

// Blocks for as long as it likes, in any thread. Errors are the resolver's own
// words. Tests have others than the system's.
using Resolver = std::function<absl::StatusOr<Addresses>(const Endpoint&)>;

absl::StatusOr<Addresses> AskSystem(const Endpoint& endpoint);

// Where the host is a number.
std::optional<sockaddr_storage> NumericAddress(const Endpoint& endpoint);

// "127.0.0.1:7101", "[::1]:7101".
std::string ToString(const sockaddr_storage& address);
bool IsLoopback(const sockaddr_storage& address);
// 0.0.0.0 or [::]: every address of the machine.
bool IsWildcard(const sockaddr_storage& address);

// One question at a time.
class Lookup {
 public:
  using Callback = std::function<void(absl::StatusOr<Addresses>)>;

  Lookup(uv_loop_t* loop, HandleCount& count, Resolver resolver,
         Callback answered);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  // Not while one is under way. The answer comes in a later turn of the loop.
  void Start(const Endpoint& endpoint);
  bool under_way() const { return question_ != nullptr; }

 private:
  struct Question;

  void HandleAnswer();

  Resolver resolver_;
  Callback answered_;
  std::shared_ptr<Question> question_;  // The thread has it as well.
  Handle<uv_async_t> answer_;
};

}  // namespace quorate
