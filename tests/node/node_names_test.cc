// How nodes find each other by names that a resolver knows, does not know, or
// answers late, and what they say about it.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "tests/node/black_hole.h"
#include "tests/node/harness.h"

namespace quorate {
namespace {

// A resolver that a test owns: hosts by name, and one that never answers until
// the test is over. Asked from other threads.
class Names {
 public:
  Names() : state_(std::make_shared<State>()) {}
  ~Names() {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
    state_->changed.notify_all();
  }

  void Set(const std::string& host, const std::string& address) {
    const std::lock_guard lock(state_->mutex);
    state_->addresses[host] = address;
  }
  int asked(const std::string& host) const {
    const std::lock_guard lock(state_->mutex);
    return state_->asked[host];
  }

  Resolver resolver() const {
    return [state =
                state_](const Endpoint& endpoint) -> absl::StatusOr<Addresses> {
      std::unique_lock lock(state->mutex);
      ++state->asked[endpoint.host];
      if (endpoint.host == "hangs") {
        state->changed.wait(lock, [&] { return state->over; });
      }
      const auto found = state->addresses.find(endpoint.host);
      if (found == state->addresses.end()) {
        return absl::NotFoundError("Name or service not known");
      }
      return Addresses{*NumericAddress({found->second, endpoint.port})};
    };
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
    std::map<std::string, std::string> addresses;
    std::map<std::string, int> asked;
  };
  std::shared_ptr<State> state_;
};

class NodeNamesTest : public NodeTest {
 protected:
  void Start(
      std::size_t index, std::function<void()> on_ready = [] {}) {
    NodeOptions options;
    options.resolver = names_.resolver();
    options.on_ready = std::move(on_ready);
    StartNode(index, std::move(options));
  }
  // r1 listens where it always does, and is called by a name.
  void NameFirstNode(const std::string& name) {
    config_.nodes[0].peer_listen = config_.nodes[0].peer;
    config_.nodes[0].peer.host = name;
  }
  std::string TroubleOf(std::size_t index, const std::string& peer) {
    const auto status = nlohmann::json::parse(StatusOf(index));
    return status["peer_trouble"].value(peer, "");
  }

  Names names_;
};

TEST_F(NodeNamesTest, AMajorityServesThoughAPeersNameIsNotKnown) {
  NameFirstNode("nowhere");
  Start(1);
  Start(2);
  AwaitFullMesh();
  EXPECT_EQ(Execute(1, Put("k", "v")).status, ReplyStatus::kDone);
  for (const std::size_t node : {1u, 2u}) {
    EXPECT_TRUE(RunUntil([&] { return names_.asked("nowhere") > 1; }));
    EXPECT_TRUE(RunUntil([&] {
      return absl::StrContains(TroubleOf(node, "r1"),
                               "cannot find the host of nowhere:") &&
             absl::StrContains(TroubleOf(node, "r1"),
                               "Name or service not known");
    })) << StatusOf(node);
  }
}

TEST_F(NodeNamesTest, FindsAPeerWhoseNameMeansAnotherAddressNow) {
  NameFirstNode("moves");
  names_.Set("moves", "127.0.0.2");  // Nobody is there.
  Start(0);
  Start(1);
  EXPECT_TRUE(RunUntil([&] {
    return absl::StrContains(TroubleOf(1, "r1"), "connection refused");
  }));
  EXPECT_FALSE(nodes_[1]->connected_to(0));
  names_.Set("moves", "127.0.0.1");
  EXPECT_TRUE(RunUntil([&] { return nodes_[1]->connected_to(0); }));
  EXPECT_EQ(TroubleOf(1, "r1"), "");
}

// A name server that does not answer: the other peers, commands and the end of
// the program go on as if it were not there.
TEST_F(NodeNamesTest, AResolverThatHangsDelaysNothingElse) {
  NameFirstNode("hangs");
  Start(1);
  Start(2);
  AwaitFullMesh();
  EXPECT_EQ(Execute(1, Put("k", "v")).status, ReplyStatus::kDone);
  EXPECT_TRUE(RunUntil([&] { return names_.asked("hangs") == 2; }));
  EXPECT_EQ(TroubleOf(1, "r1"), "the resolver has not answered yet where " +
                                    ToString(config_.nodes[0].peer) + " is");
  EXPECT_TRUE(StopNode(1).ok());
  EXPECT_TRUE(StopNode(2).ok());
}

TEST_F(NodeNamesTest, IsReadyOnceItsOwnNameIsFound) {
  config_.nodes[0].peer.host = "late";
  bool ready = false;
  Start(0, [&] { ready = true; });
  EXPECT_TRUE(RunUntil([&] {
    return std::ranges::any_of(log_, [](const std::string& line) {
      return absl::StrContains(line, "not listening yet: cannot find the host");
    });
  }));
  EXPECT_FALSE(ready);
  names_.Set("late", "127.0.0.1");
  EXPECT_TRUE(RunUntil([&] { return ready; }));
  Start(1);
  EXPECT_TRUE(RunUntil([&] { return nodes_[1]->connected_to(0); }));
}

TEST_F(NodeNamesTest, IsReadyAtOnceWhereItListensByNumber) {
  NameFirstNode("hangs");
  bool ready = false;
  Start(0, [&] { ready = true; });
  EXPECT_TRUE(ready);
  EXPECT_TRUE(absl::StrContains(nodes_[0]->ListensAt(),
                                ToString(*config_.nodes[0].peer_listen)));
}

// Debian's line for a machine's own name.
TEST_F(NodeNamesTest, AdvisesANodeWhoseNameItsMachineTakesForItself) {
  config_.nodes[0].peer.host = "alpha";
  config_.nodes[1].peer.host = "beta";
  names_.Set("alpha", "127.0.1.1");
  names_.Set("beta", "192.0.2.7");
  Start(0);
  EXPECT_TRUE(RunUntil([&] {
    return std::ranges::any_of(log_, [](const std::string& line) {
      return absl::StrContains(line,
                               "which is what this machine takes alpha") &&
             absl::StrContains(line, "set listen = \"0.0.0.0\" for r1");
    });
  }));
  EXPECT_TRUE(absl::StrContains(StatusOf(0), "set listen ="));
}

// The kernel would repeat one call after 1, 3 and 7 seconds; once the network
// is whole again, somebody calls before that.
TEST_F(NodeNamesTest, CallsAgainBesideACallThatNobodyAnswers) {
  const BlackHole hole;
  config_.nodes[0].peer = {"127.0.0.1", hole.port()};
  Start(1);
  EXPECT_TRUE(RunUntil([&] { return hole.CallsUnderWay() >= 3; }));
}

}  // namespace
}  // namespace quorate
