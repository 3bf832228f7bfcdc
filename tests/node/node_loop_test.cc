// What a node makes of its loop's time and of its sockets' options.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "tests/node/harness.h"
#include "wire/net/elapsed.h"

namespace quorate {
namespace {

using NodeLoopTest = NodeTest;

// Somebody's timer takes longer than the node's tick: right before libuv
// sleeps, it must know that the tick is due.
TEST_F(NodeLoopTest, ALongTurnMakesNoTimerWaitOnceMore) {
  struct Seen {
    std::optional<int> sleeps_ms;
    bool long_turn = false;
  } seen;
  // Prepare handles run in the order opposite to their starts: this one is the
  // last.
  Handle<uv_prepare_t> last(&loop_, count_, uv_prepare_init, &seen);
  uv_prepare_start(last.get(), [](uv_prepare_t* handle) {
    Seen& to = OwnerOf<Seen>(handle);
    if (to.long_turn && !to.sleeps_ms) {
      to.sleeps_ms = uv_backend_timeout(handle->loop);
      uv_stop(handle->loop);
    }
  });
  NodeOptions options;
  options.look_out_us = 0;
  StartNode(0, std::move(options));
  const auto client = ConnectToClientPort(0);
  client->Send(Hello{.cluster_id = "demo"});
  EXPECT_TRUE(RunUntil([&] { return client->Find<Hello>() != nullptr; }));
  Handle<uv_timer_t> longer(&loop_, count_, uv_timer_init, &seen);
  uv_timer_start(
      longer.get(),
      [](uv_timer_t* timer) {
        const std::uint64_t tick_ns = 10'000'000;
        const std::uint64_t end = uv_hrtime() + 3 * tick_ns;
        while (uv_hrtime() < end) {
        }
        OwnerOf<Seen>(timer).long_turn = true;
      },
      1, 0);
  // Not in single turns, each of which begins by asking for the time.
  uv_run(&loop_, UV_RUN_DEFAULT);
  EXPECT_EQ(seen.sleeps_ms, 0);
}

TEST(ElapsedTest, IsNothingWhereAClockGoesBack) {
  EXPECT_EQ(Elapsed(10, 25), 15u);
  EXPECT_EQ(Elapsed(25, 10), 0u);
  EXPECT_EQ(SecondsBetween(2'000'000, 1'000'000), 0.0);
}

// The node's end of the connection whose other end is bound to `port`.
int NodesEndOf(std::uint16_t port) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        address.sin_family == AF_INET && ntohs(address.sin_port) == port) {
      return fd;
    }
  }
  return -1;
}

int OptionOf(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof(value);
  EXPECT_EQ(getsockopt(fd, level, option, &value, &length), 0);
  return value;
}

// A plain socket to the node, and the port that it has here.
class PlainSocket {
 public:
  explicit PlainSocket(const Endpoint& to)
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    EXPECT_EQ(uv_ip4_addr(to.host.c_str(), to.port, &address), 0);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
              0);
  }
  ~PlainSocket() { close(fd_); }
  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
  }

 private:
  int fd_;
};

TEST_F(NodeLoopTest, EveryAcceptedConnectionIsAskedWhetherItIsStillThere) {
  config_.vanished_s = 20;
  StartNode(0);
  for (const Endpoint& port :
       {config_.nodes[0].peer, config_.nodes[0].client}) {
    const PlainSocket caller(port);
    int fd = -1;
    EXPECT_TRUE(RunUntil([&] {
      fd = NodesEndOf(caller.port());
      return fd >= 0 && OptionOf(fd, SOL_SOCKET, SO_KEEPALIVE) == 1 &&
             OptionOf(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) != 0;
    }));
    const int idle_s = OptionOf(fd, IPPROTO_TCP, TCP_KEEPIDLE);
    const int interval_s = OptionOf(fd, IPPROTO_TCP, TCP_KEEPINTVL);
    const int limit_ms = OptionOf(fd, IPPROTO_TCP, TCP_USER_TIMEOUT);
    // The first question, and the one at which the time is over.
    EXPECT_LT(idle_s, 20);
    EXPECT_LE(limit_ms + 1000 * interval_s, 20 * 1000);
  }
}

}  // namespace
}  // namespace quorate
