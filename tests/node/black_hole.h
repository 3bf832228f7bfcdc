// Answers: how does a test cut a way without a firewall?
//
// A port of this machine whose queue of connections is full: the kernel drops
// every call to it, as a cut network does. And how many calls hang on it.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

namespace quorate {

class BlackHole {
 public:
  BlackHole()
      : listener_(socket(AF_INET, SOCK_STREAM, 0)),
        filler_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, length), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    EXPECT_EQ(getsockname(listener_, generic, &length), 0);
    port_ = ntohs(address.sin_port);
    // One connection is all that the queue takes.
    EXPECT_EQ(connect(filler_, generic, length), 0);
  }
  ~BlackHole() {
    close(filler_);
    close(listener_);
  }
  BlackHole(const BlackHole&) = delete;
  BlackHole& operator=(const BlackHole&) = delete;

  std::uint16_t port() const { return port_; }

  // Calls that the kernel has sent and nobody has answered.
  int CallsUnderWay() const {
    constexpr unsigned kSynSent = 2;
    std::ifstream table("/proc/net/tcp");
    std::string line;
    int count = 0;
    while (std::getline(table, line)) {
      unsigned port = 0;
      unsigned state = 0;
      if (std::sscanf(line.c_str(), " %*d: %*8x:%*x %*8x:%x %x", &port,
                      &state) == 2 &&
          port == port_ && state == kSynSent) {
        ++count;
      }
    }
    return count;
  }

 private:
  int listener_;
  int filler_;
  std::uint16_t port_ = 0;
};

}  // namespace quorate
