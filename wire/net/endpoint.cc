#include <algorithm>
#include <charconv>

#include "wire/net/endpoint.h"
#include "wire/text.h"

namespace quorate {
namespace {

absl::Status BadEndpoint(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(
      Concat("\"", text, "\" is no address (", problem,
             "); write it as \"host:port\", for example "
             "\"127.0.0.1:7101\""));
}

}  // namespace

std::string ToString(const Endpoint& endpoint) {
  const bool has_colon = endpoint.host.find(':') != std::string::npos;
  if (has_colon) return Concat("[", endpoint.host, "]:", endpoint.port);
  return Concat(endpoint.host, ":", endpoint.port);
}

absl::StatusOr<std::string> ParseHost(std::string_view text) {
  if (ParseEndpoint(text).ok()) {
    return absl::InvalidArgumentError(
        Concat("\"", text, "\" has a port; give the host alone"));
  }
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  const bool is_host = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
           c == ':' || c == '%';
  });
  if (is_host) return std::string(text);
  return absl::InvalidArgumentError(
      Concat("\"", text, "\" is no host; write for example \"0.0.0.0\""));
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadEndpoint(text, "no port");
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return BadEndpoint(text, "an IPv6 address needs brackets");
  }
  if (host.empty()) return BadEndpoint(text, "no host");
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() ||
      port == 0) {
    return BadEndpoint(text, "the port is no number from 1 to 65535");
  }
  return Endpoint{.host = std::string(host), .port = port};
}

}  // namespace quorate
