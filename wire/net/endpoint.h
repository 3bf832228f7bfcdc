// Answers: where is somebody to be called?
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace quorate {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
// "127.0.0.1:7101".
std::string ToString(const Endpoint& endpoint);
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text);
// A host without a port: a name, "0.0.0.0", "::" or "[::]".
absl::StatusOr<std::string> ParseHost(std::string_view text);

}  // namespace quorate
