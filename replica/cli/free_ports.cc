// Ports for a cluster on this machine.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "replica/cli/local_cluster.h"

namespace quorate::cli {
namespace {

struct PortRange {
  std::uint16_t first;
  std::uint16_t last;
};

// Below the ports of outgoing connections, or above them.
PortRange ListenRange() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  int first = 32768;
  file >> first;
  if (first > 20000) return {10000, static_cast<std::uint16_t>(first - 1)};
  return {61000, 65535};
}

// A socket bound to the port, or -1 when somebody has it.
int Bind(std::uint16_t port) {
  const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (file >= 0 &&
      bind(file, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    return file;
  }
  if (file >= 0) close(file);
  return -1;
}

}  // namespace

absl::StatusOr<std::vector<std::uint16_t>> FindFreePorts(std::size_t count) {
  const PortRange range = ListenRange();
  std::random_device device;
  std::uniform_int_distribution<int> draw(range.first, range.last);
  std::vector<std::uint16_t> ports;
  // Held until all are found, so that none is found twice.
  std::vector<int> held;
  constexpr int kTries = 10000;
  for (int i = 0; i < kTries && ports.size() < count; ++i) {
    const std::uint16_t port = static_cast<std::uint16_t>(draw(device));
    const int file = Bind(port);
    if (file < 0) continue;
    held.push_back(file);
    ports.push_back(port);
  }
  for (const int file : held) close(file);
  if (ports.size() == count) return ports;
  return absl::UnavailableError(
      fmt::format("no {} free ports between {} and {} on 127.0.0.1", count,
                  range.first, range.last));
}

}  // namespace quorate::cli
