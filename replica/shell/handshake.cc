#include "replica/shell/handshake.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/shell/text.h"
#include "wire/mutation.h"

namespace quorate {

std::string_view Name(Refusal reason) {
  switch (reason) {
    case Refusal::kBadFrame: return "bad_frame";
    case Refusal::kBadBody: return "bad_body";
    case Refusal::kUnknownType: return "unknown_type";
    case Refusal::kUnexpectedFrame: return "unexpected_frame";
    case Refusal::kWrongVersion: return "wrong_version";
    case Refusal::kForeignCluster: return "foreign_cluster";
    case Refusal::kWrongRole: return "wrong_role";
    case Refusal::kWrongNode: return "wrong_node";
    case Refusal::kWrongIncarnation: return "wrong_incarnation";
    case Refusal::kSilentConnection: return "silent_connection";
    case Refusal::kTooManyConnections: return "too_many_connections";
    case Refusal::kOutputFull: return "output_full";
    case Refusal::kBusy: return "busy";
    case Refusal::kPipelineFull: return "pipeline_full";
    case Refusal::kOverLimit: return "over_limit";
    case Refusal::kShuttingDown: return "shutting_down";
    case Refusal::kCount: break;
  }
  return "unknown";
}

Handshake::Handshake(const ClusterConfig& config, std::size_t self,
                     std::uint64_t incarnation, KnownPeers known)
    : config_(config),
      self_(self),
      incarnation_(incarnation),
      known_(std::move(known)) {}

Hello Handshake::OwnHello() const {
  return {.role = PeerRole::kReplica,
          .cluster_id = config_.cluster_id,
          .node = ReplicaAt(static_cast<int>(self_)),
          .incarnation = incarnation_};
}

const std::string& Handshake::NameOf(std::size_t node) const {
  return config_.nodes[node].name;
}

std::optional<HelloRefusal> Handshake::CheckCluster(const Hello& hello) const {
  if (hello.major != kProtocolMajor) {
    return HelloRefusal{
        Refusal::kWrongVersion,
        Concat("node ", NameOf(self_), " speaks version ", kProtocolMajor,
               " of the protocol, not ", hello.major,
               "; run the same release on both sides")};
  }
  // A client may leave the name out.
  const bool anonymous =
      hello.role != PeerRole::kReplica && hello.cluster_id.empty();
  if (!anonymous && hello.cluster_id != config_.cluster_id) {
    return HelloRefusal{
        Refusal::kForeignCluster,
        Concat("node ", NameOf(self_), " belongs to cluster \"",
               config_.cluster_id, "\", not \"", hello.cluster_id,
               "\"; check the addresses in cluster.toml")};
  }
  return std::nullopt;
}

std::optional<HelloRefusal> Handshake::CheckReplica(const Hello& hello) {
  const auto node = static_cast<std::size_t>(Index(hello.node));
  const std::optional<std::uint64_t> known = known_.Find(hello.node);
  if (known && *known != hello.incarnation && !Mutated("amnesia")) {
    return HelloRefusal{
        Refusal::kWrongIncarnation,
        Concat("node ", NameOf(node), " has come back with incarnation ",
               absl::Hex(hello.incarnation), ", node ", NameOf(self_),
               " knows it as ", absl::Hex(*known),
               ": it has lost its data and may not vote under its old name; "
               "bring its directory back, or restart the whole cluster if it "
               "runs with durability = \"memory\"")};
  }
  if (known) return std::nullopt;
  const absl::Status written = known_.Remember(hello.node, hello.incarnation);
  if (written.ok()) return std::nullopt;
  const absl::string_view why = written.message();
  return HelloRefusal{Refusal::kBusy,
                      Concat("node ", NameOf(self_), " cannot write down who ",
                             NameOf(node), " is: ", why)};
}

std::optional<HelloRefusal> Handshake::CheckDialer(const Hello& hello) {
  if (hello.role != PeerRole::kReplica) {
    return HelloRefusal{Refusal::kWrongRole,
                        Concat("this is the address of node ", NameOf(self_),
                               " for replicas; clients connect to ",
                               ToString(config_.nodes[self_].client))};
  }
  if (auto refusal = CheckCluster(hello)) return refusal;
  const auto node = static_cast<std::size_t>(Index(hello.node));
  if (node >= config_.nodes.size() || !Dials(node, self_)) {
    return HelloRefusal{
        Refusal::kWrongNode,
        Concat("node ", NameOf(self_), " expects no call from node number ",
               node + 1,
               " of the cluster; all nodes must have the same "
               "[[node]] tables in the same order, and each its own name")};
  }
  return CheckReplica(hello);
}

std::optional<HelloRefusal> Handshake::CheckDialed(const Hello& hello,
                                                   std::size_t expected) {
  if (hello.role != PeerRole::kReplica) {
    return HelloRefusal{Refusal::kWrongRole,
                        "a client answered at the address of a node"};
  }
  if (auto refusal = CheckCluster(hello)) return refusal;
  const auto node = static_cast<std::size_t>(Index(hello.node));
  if (node != expected) {
    return HelloRefusal{
        Refusal::kWrongNode,
        Concat("node number ", node + 1, " of the cluster answered at ",
               ToString(config_.nodes[expected].peer), ", the address of ",
               NameOf(expected),
               "; all nodes must have the same cluster.toml")};
  }
  return CheckReplica(hello);
}

std::optional<HelloRefusal> Handshake::CheckClient(const Hello& hello) const {
  if (hello.role == PeerRole::kReplica) {
    return HelloRefusal{Refusal::kWrongRole,
                        Concat("this is the address of node ", NameOf(self_),
                               " for clients; replicas connect to ",
                               ToString(config_.nodes[self_].peer))};
  }
  return CheckCluster(hello);
}

}  // namespace quorate
