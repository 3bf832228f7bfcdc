#include "replica/node/handshake.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "replica/config/setting_table.h"
#include "replica/node/rules.h"
#include "storage/descriptor.h"
#include "wire/text.h"

namespace quorate {
namespace {

constexpr char kNotUnderItsName[] = "may not vote under its old name";
constexpr char kIsAnOlderCopy[] = "this is an older copy of its directory";
constexpr char kStillConnected[] =
    "which is still connected to another process of it";

NodeLife AsLife(const KnownPeer& peer) {
  return {.incarnation = peer.incarnation,
          .life = peer.life,
          .process = peer.process,
          .record = peer.record};
}

std::string LostDisk(const std::string& name, const NodeLife& now,
                     const std::string& by, const NodeLife& known,
                     Durability durability) {
  if (durability == Durability::kMemory) {
    return Concat(
        "node ", name, " comes as another process, node ", by,
        " has met one before: it has lost its data with that "
        "one (durability = \"memory\") and ",
        kNotUnderItsName,
        " beside "
        "nodes that still have theirs; restart all: stop every node, then "
        "start every node");
  }
  return Concat("node ", name, " comes with a new directory (incarnation ",
                absl::Hex(now.incarnation), "), node ", by, " has met it as ",
                absl::Hex(known.incarnation), ": it has lost its data and ",
                kNotUnderItsName, "; ", kBringBack);
}

std::string OlderCopy(const std::string& name, const NodeLife& now,
                      const std::string& by, const NodeLife& known) {
  return Concat("node ", name, " is in life ", now.life, " and remembers ",
                now.record, " records, node ", by,
                " has met another process "
                "of it in life ",
                known.life, " and heard of ", known.record, ": ",
                kIsAnOlderCopy,
                ", or one that another "
                "process uses too; stop it and ",
                kBringBack);
}

}  // namespace

bool SettlesItself(std::string_view refusal) {
  return std::ranges::any_of(
      std::array{kNotUnderItsName, kIsAnOlderCopy, kStillConnected},
      [&](const char* part) {
        return refusal.find(part) != std::string_view::npos;
      });
}

std::string_view Name(Refusal reason) {
  switch (reason) {
    case Refusal::kBadFrame: return "bad_frame";
    case Refusal::kBadBody: return "bad_body";
    case Refusal::kUnknownType: return "unknown_type";
    case Refusal::kUnexpectedFrame: return "unexpected_frame";
    case Refusal::kWrongVersion: return "wrong_version";
    case Refusal::kForeignCluster: return "foreign_cluster";
    case Refusal::kOtherMembers: return "other_members";
    case Refusal::kWrongSettings: return "wrong_settings";
    case Refusal::kWrongRole: return "wrong_role";
    case Refusal::kWrongNode: return "wrong_node";
    case Refusal::kWrongIncarnation: return "wrong_incarnation";
    case Refusal::kForgetful: return "forgetful";
    case Refusal::kSelfForgetful: return "self_forgetful";
    case Refusal::kTwin: return "twin";
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
                     const NodeLife& own, KnownPeers known)
    : config_(config),
      self_(self),
      own_(own),
      known_(std::move(known)),
      settings_(AgreedSettingsOf(config)),
      settings_digest_(DigestOf(settings_)) {}

Hello Handshake::OwnHello() const {
  return {.role = PeerRole::kReplica,
          .cluster_id = config_.cluster_id,
          .name = config_.nodes[self_].name,
          .settings = settings_,
          .settings_digest = settings_digest_,
          .node = ReplicaAt(static_cast<int>(self_)),
          .life = own_};
}

Hello Handshake::HelloTo(std::size_t peer) const {
  Hello hello = OwnHello();
  const auto known = known_.Find(ReplicaAt(static_cast<int>(peer)));
  if (known) hello.met = AsLife(*known);
  return hello;
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

std::optional<HelloRefusal> Handshake::CheckSettings(const Hello& hello) const {
  if (hello.settings_digest == settings_digest_ &&
      hello.settings == settings_) {
    return std::nullopt;
  }
  const auto difference = FindDifference(settings_, hello.settings);
  if (!difference) {
    return HelloRefusal{Refusal::kWrongSettings,
                        Concat("node ", hello.name,
                               " says the settings of node ", NameOf(self_),
                               " in another order or with another digest; run "
                               "the same release on both sides")};
  }
  return HelloRefusal{
      .reason = difference->of_members() ? Refusal::kOtherMembers
                                         : Refusal::kWrongSettings,
      .text = Concat("node ", NameOf(self_), " has ",
                     Assignment(difference->name, difference->here), ", node ",
                     hello.name, " has ",
                     Assignment(difference->name, difference->there),
                     difference->of_release()
                         ? "; run the same release on both sides"
                         : "; give every node the same cluster.toml, the one "
                           "that the cluster was begun with, and start those "
                           "again that had another")};
}

// This node, as the other one has met it.
std::optional<HelloRefusal> Handshake::CheckSelf(const Hello& hello) const {
  const NodeLife& met = hello.met;
  if (met == NodeLife{}) return std::nullopt;
  const auto by = static_cast<std::size_t>(Index(hello.node));
  std::string text;
  if (met.incarnation != own_.incarnation) {
    text = LostDisk(NameOf(self_), own_, NameOf(by), met, config_.durability);
  } else if (rules::Forgets(own_, met)) {
    text = OlderCopy(NameOf(self_), own_, NameOf(by), met);
  } else {
    return std::nullopt;
  }
  return HelloRefusal{.reason = Refusal::kSelfForgetful,
                      .text = std::move(text),
                      .of_self = true};
}

std::optional<HelloRefusal> Handshake::CheckKnown(const Hello& hello,
                                                  NodeLife known,
                                                  bool connected) const {
  const std::string& name = NameOf(static_cast<std::size_t>(Index(hello.node)));
  if (!rules::HasItsDisk(hello.life, known)) {
    return HelloRefusal{.reason = Refusal::kWrongIncarnation,
                        .text = LostDisk(name, hello.life, NameOf(self_), known,
                                         config_.durability),
                        .says_met = true};
  }
  if (rules::Forgets(hello.life, known)) {
    return HelloRefusal{
        .reason = Refusal::kForgetful,
        .text = OlderCopy(name, hello.life, NameOf(self_), known),
        .says_met = true};
  }
  if (connected && hello.life.process != known.process) {
    return HelloRefusal{
        .reason = Refusal::kTwin,
        .text = Concat("node ", name, " in life ", hello.life.life,
                       " calls node ", NameOf(self_), ", ", kStillConnected,
                       ", in life ", known.life,
                       ": two processes use copies of one directory, or the "
                       "first has just died without a word; stop one of them")};
  }
  return std::nullopt;
}

std::optional<HelloRefusal> Handshake::CheckReplica(const Hello& hello,
                                                    bool connected) {
  if (auto refusal = CheckSelf(hello)) return refusal;
  const std::optional<KnownPeer> known = known_.Find(hello.node);
  if (known) {
    const NodeLife life = AsLife(*known);
    if (auto refusal = CheckKnown(hello, life, connected)) return refusal;
    if (hello.life.process == life.process) return std::nullopt;
  }
  // What it remembers now it has told nobody else.
  const absl::Status written =
      known_.Remember(hello.node, {.incarnation = hello.life.incarnation,
                                   .life = hello.life.life,
                                   .process = hello.life.process,
                                   .record = hello.life.record});
  if (written.ok()) return std::nullopt;
  const absl::string_view why = written.message();
  return HelloRefusal{
      Refusal::kBusy,
      Concat("node ", NameOf(self_), " cannot write down who ",
             NameOf(static_cast<std::size_t>(Index(hello.node))),
             " is: ", why)};
}

std::optional<HelloRefusal> Handshake::CheckDialer(
    const Hello& hello, const std::function<bool(std::size_t)>& connected) {
  if (hello.role != PeerRole::kReplica) {
    return HelloRefusal{Refusal::kWrongRole,
                        Concat("this is the address of node ", NameOf(self_),
                               " for replicas; clients connect to ",
                               ToString(config_.nodes[self_].client))};
  }
  if (auto refusal = CheckCluster(hello)) return refusal;
  if (auto refusal = CheckSettings(hello)) return refusal;
  const auto node = static_cast<std::size_t>(Index(hello.node));
  if (node >= config_.nodes.size() || !Dials(node, self_)) {
    return HelloRefusal{
        Refusal::kWrongNode,
        Concat("node ", NameOf(self_), " expects no call from node number ",
               node + 1,
               " of the cluster; all nodes must have the same "
               "[[node]] tables in the same order, and each its own name")};
  }
  return CheckReplica(hello, connected(node));
}

std::optional<HelloRefusal> Handshake::CheckDialed(const Hello& hello,
                                                   std::size_t expected,
                                                   bool connected) {
  if (hello.role != PeerRole::kReplica) {
    return HelloRefusal{Refusal::kWrongRole,
                        "a client answered at the address of a node"};
  }
  if (auto refusal = CheckCluster(hello)) return refusal;
  if (auto refusal = CheckSettings(hello)) return refusal;
  const auto node = static_cast<std::size_t>(Index(hello.node));
  if (node != expected) {
    return HelloRefusal{
        Refusal::kWrongNode,
        Concat("node number ", node + 1, " of the cluster answered at ",
               ToString(config_.nodes[expected].peer), ", the address of ",
               NameOf(expected),
               "; all nodes must have the same cluster.toml")};
  }
  return CheckReplica(hello, connected);
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
