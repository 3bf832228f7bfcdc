// Answers: how does a program without an event loop run one command?
//
// Owns a loop and a client on it and runs the loop until the one answer is
// there. For command lines and tests; anything that should be fast uses Client.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/client/client.h"

namespace quorate {

class SyncClient {
 public:
  explicit SyncClient(ClientOptions options);
  ~SyncClient();
  SyncClient(const SyncClient&) = delete;
  SyncClient& operator=(const SyncClient&) = delete;

  // One command, atomically. Returns within options.give_up_timeout_ms.
  Completion Execute(std::span<const Operation> operations);
  Completion Execute(const Operation& operation);
  absl::StatusOr<std::string> Status(int timeout_ms);

  // Why the last connection failed; OK while connected.
  const absl::Status& connection_status() const;

 private:
  struct Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace quorate
