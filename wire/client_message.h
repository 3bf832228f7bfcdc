// Answers: what do clients and nodes say to each other?
//
// The native client protocol and the handshake that opens every connection,
// as plain values. Many sessions may share one connection; requests and replies
// travel in batches and in any order. Their Cap'n Proto form is in wire/codec.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "wire/agreed_settings.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/result.h"

namespace quorate {

// Bumped when an older node could not understand a newer one. A higher minor
// version may only add message types and fields, which older nodes skip.
inline constexpr std::uint16_t kProtocolMajor = 2;
inline constexpr std::uint16_t kProtocolMinor = 0;

enum class PeerRole : std::uint8_t {
  kReplica,
  kClient,
  // A client that only asks for the status. It gets in where clients have taken
  // all places: a node in trouble can be looked at.
  kObserver,
};

// Which process of which life of which directory a replica is, and up to which
// record it remembers what it has done. All 0: not known.
struct NodeLife {
  // Drawn when the directory was created: another one is another disk.
  std::uint64_t incarnation = 0;
  // Counts the starts of the directory.
  std::uint64_t life = 0;
  // Drawn at the start: two processes of one life have copies of one directory.
  std::uint64_t process = 0;
  // Of itself: the newest record on its disk when it started. Of a peer: the
  // newest that it said was on its disk.
  RecordSequence record = 0;
  friend bool operator==(const NodeLife&, const NodeLife&) = default;
};

// First frame of both sides of every connection.
struct Hello {
  std::uint16_t major = kProtocolMajor;
  std::uint16_t minor = kProtocolMinor;
  PeerRole role = PeerRole::kClient;
  // Of the cluster; a client may leave it empty, a replica may not.
  std::string cluster_id;
  // kReplica: the sender's name, and what it takes the cluster's settings to
  // be, with their digest. Whoever has others must not go on with it. A client
  // leaves them empty.
  std::string name;
  AgreedSettings settings;
  std::uint64_t settings_digest = 0;
  // kReplica: the sender's index. As a node's answer to a client: that node's.
  ReplicaId node{};
  // kReplica: who comes back with another incarnation, or with less than it
  // had, has lost its disk or some of it and is refused.
  NodeLife life;
  // kReplica: as whom the sender has met the receiver, which stops if it finds
  // that it has forgotten something.
  NodeLife met;
  // As a node's answer to a client: the era that it has come to, in which a new
  // session begins.
  std::uint64_t era = 0;
};

// Sent instead of a Hello before closing: why the connection is refused, with
// what was found, what was expected and what to do.
struct Reject {
  std::string reason;
  // Another process of the refused replica is connected here: as long as it is,
  // the refused one must not act anywhere.
  bool taken = false;
  // The reason in one word, as the status counts it: "other_members".
  std::string code;
};

// Between replicas, now and then: every record of the sender up to here is on
// its disk.
struct Progress {
  RecordSequence record = 0;
  // How far apart the two are: when this left, by the sender's clock; the
  // receiver's own time of the last one that came from it, and how long ago
  // that was. In microseconds; 0: does not measure, or none came yet.
  std::uint64_t sent_us = 0;
  std::uint64_t heard_us = 0;
  std::uint64_t held_us = 0;
};

// Client to node. Commands keep their ids across retries.
struct ClientRequest {
  CommandBatchPtr batch;
};

// Node to client. `origin` is not sent.
struct ClientReplies {
  std::vector<ClientReply> replies;
  // As in Hello.
  std::uint64_t era = 0;
};

struct StatusRequest {};

// One JSON object, the node's part of `quorate status`.
struct StatusReply {
  std::string json;
};

// Compiled once, as Message is.
struct ClientMessage : std::variant<Hello, Reject, ClientRequest, ClientReplies,
                                    StatusRequest, StatusReply, Progress> {
  using variant::variant;
  ClientMessage(const ClientMessage& other);
  ClientMessage(ClientMessage&& other) noexcept;
  ClientMessage& operator=(const ClientMessage& other);
  ClientMessage& operator=(ClientMessage&& other) noexcept;
  ~ClientMessage();
};

}  // namespace quorate
