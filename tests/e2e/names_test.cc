// Addresses of real nodes: names that nobody knows, and where a node listens.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/e2e/program.h"

namespace quorate::e2e {
namespace {

// No name at all, so that no name server is asked, however slow it is.
constexpr const char* kNowhere = "nowhere..invalid";

TEST(NamesTest, AMajorityServesThoughAPeersNameIsNotKnown) {
  const Cluster cluster({"--durability", "memory"});
  const std::string port = std::to_string(cluster.config().nodes[0].peer.port);
  cluster.Reconfigure("peer = \"127.0.0.1:" + port + "\"",
                      "peer = \"" + std::string(kNowhere) + ":" + port +
                          "\"\npeer_listen = \"127.0.0.1:" + port + "\"");
  ExpectDone(cluster.Kv({"put", "k", "v", "--node", "r2"}));
  const Output get = cluster.Kv({"get", "k", "--node", "r3"});
  EXPECT_EQ(get.out, "v\n") << get.err;

  // Whoever would call r1 says why it does not, by name.
  const std::string why =
      "r3 is not connected to r1: cannot find the host of " +
      std::string(kNowhere) + ":" + port + ": ";
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string shown;
  while (shown.find(why) == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    shown = Quorate({"status", "--config", cluster.config_path()}).out;
  }
  EXPECT_NE(shown.find(why), std::string::npos) << shown;

  std::ostringstream log;
  log << std::ifstream(cluster.directory() + "/r1/r1.log").rdbuf();
  EXPECT_NE(log.str().find("r1: serving peers at 127.0.0.1:" + port +
                           " and clients at 127.0.0.1:"),
            std::string::npos)
      << log.str();
}

}  // namespace
}  // namespace quorate::e2e
