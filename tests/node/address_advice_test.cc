#include "replica/node/address_advice.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace quorate {
namespace {

sockaddr_storage At(const std::string& host) {
  return *NumericAddress({.host = host, .port = 7101});
}

class AddressAdviceTest : public testing::Test {
 protected:
  AddressAdviceTest() {
    for (const char* name : {"r1", "r2", "r3"}) {
      config_.nodes.push_back(
          {.name = name, .peer = {"", 7101}, .client = {"", 7201}});
    }
  }

  // Where node `index` is called, and what this machine takes that for; "" if
  // it does not know.
  void Node(std::size_t index, const std::string& host,
            const std::string& address) {
    config_.nodes[index].peer.host = host;
    config_.nodes[index].client.host = host;
    known_.nodes.resize(3);
    if (!address.empty()) known_.nodes[index] = {At(address)};
  }
  std::vector<std::string> AdviceFor(const std::string& listens) {
    known_.peers_at = At(listens);
    known_.clients_at = At(listens);
    return AddressAdvice(config_, 0, known_);
  }

  ClusterConfig config_;
  KnownAddresses known_;
};

TEST_F(AddressAdviceTest, HasNothingToSayOfOneMachine) {
  Node(0, "127.0.0.1", "127.0.0.1");
  Node(1, "127.0.0.1", "127.0.0.1");
  Node(2, "localhost", "::1");
  EXPECT_TRUE(AdviceFor("127.0.0.1").empty());
}

TEST_F(AddressAdviceTest, HasNothingToSayOfANetworkInOrder) {
  Node(0, "alpha", "10.0.0.1");
  Node(1, "beta", "10.0.0.2");
  Node(2, "gamma", "");
  EXPECT_TRUE(AdviceFor("10.0.0.1").empty());
  EXPECT_TRUE(AdviceFor("0.0.0.0").empty());
}

TEST_F(AddressAdviceTest, SaysNothingOfPeersThatItDoesNotKnow) {
  Node(0, "alpha", "");
  Node(1, "beta", "");
  Node(2, "gamma", "");
  EXPECT_TRUE(AdviceFor("127.0.1.1").empty());
}

TEST_F(AddressAdviceTest, FindsANameThatTheMachineTakesForItself) {
  Node(0, "alpha", "127.0.1.1");
  Node(1, "beta", "10.0.0.2");
  Node(2, "gamma", "");
  EXPECT_EQ(AdviceFor("127.0.1.1"),
            std::vector<std::string>{
                "r1 listens for peers at 127.0.1.1:7101, which is what this "
                "machine takes alpha for: nobody but this machine reaches it "
                "there, and r2 is at 10.0.0.2:7101; set listen = \"0.0.0.0\" "
                "for r1 in cluster.toml, or correct alpha in /etc/hosts"});
}

// Clients of the same machine alone may be meant by a number, not by a name.
TEST_F(AddressAdviceTest, LetsClientsBeLocalWhereANumberSaysSo) {
  Node(0, "10.0.0.1", "10.0.0.1");
  Node(1, "10.0.0.2", "10.0.0.2");
  Node(2, "10.0.0.3", "10.0.0.3");
  config_.nodes[0].client.host = "127.0.0.1";
  known_.peers_at = At("10.0.0.1");
  known_.clients_at = At("127.0.0.1");
  EXPECT_TRUE(AddressAdvice(config_, 0, known_).empty());
  config_.nodes[0].client.host = "alpha";
  EXPECT_EQ(AddressAdvice(config_, 0, known_).size(), 1u);
}

TEST_F(AddressAdviceTest, FindsAnOwnAddressThatMeansEverybodyHimself) {
  Node(0, "127.0.0.1", "127.0.0.1");
  Node(1, "10.0.0.2", "10.0.0.2");
  Node(2, "10.0.0.3", "10.0.0.3");
  const std::vector<std::string> advice = AdviceFor("0.0.0.0");
  ASSERT_EQ(advice.size(), 1u);
  EXPECT_TRUE(absl::StrContains(
      advice[0], "which on any other machine is that machine itself"));
}

TEST_F(AddressAdviceTest, FindsAPeersNameThatLeadsHere) {
  Node(0, "alpha", "");
  Node(1, "beta", "10.0.0.2");
  Node(2, "gamma", "127.0.1.1");
  const std::vector<std::string> advice = AdviceFor("10.0.0.1");
  ASSERT_EQ(advice.size(), 1u);
  EXPECT_TRUE(absl::StrContains(advice[0], "gamma, where r3 is to be called"));
}

TEST_F(AddressAdviceTest, FindsAnAddressToCallThatOnlySaysWhereToListen) {
  Node(0, "0.0.0.0", "");
  Node(1, "::", "");
  Node(2, "10.0.0.3", "10.0.0.3");
  const std::vector<std::string> advice = AdviceFor("0.0.0.0");
  ASSERT_EQ(advice.size(), 4u);  // Peer and client of both.
  EXPECT_TRUE(absl::StrContains(advice[0], "not where to call"));
}

}  // namespace
}  // namespace quorate
