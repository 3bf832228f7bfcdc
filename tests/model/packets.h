// Answers: which messages have ever been sent?
//
// A packet is one message from one replica to another; equal ones are one
// packet, named by a small number, and a set of packets is named by a number as
// well. So a network in which nothing is ever forgotten costs a world one
// number a pair of replicas. The text of a packet says everything in it but the
// payload's bytes. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "wire/message.h"

namespace quorate::model {

using PacketId = std::uint32_t;
using PacketSetId = std::uint32_t;  // 0 is the empty set

struct Packet {
  ReplicaId from{};
  ReplicaId to{};
  Message message;
  InstanceId instance;
  // "PreAccept r1.1 r1>r3" and "commands {r2:1}".
  std::string heading;
  std::string details;
};

class Packets {
 public:
  Packets();

  PacketId Intern(ReplicaId from, ReplicaId to, const Message& message);
  const Packet& Get(PacketId id) const { return packets_[id]; }
  std::size_t size() const { return packets_.size(); }

  // The set with one packet more.
  PacketSetId Add(PacketSetId set, PacketId packet);
  // Sorted.
  const std::vector<PacketId>& Members(PacketSetId set) const {
    return sets_[set];
  }

 private:
  std::deque<Packet> packets_;
  absl::flat_hash_map<std::string, PacketId> by_text_;
  std::deque<std::vector<PacketId>> sets_;
  absl::flat_hash_map<std::vector<PacketId>, PacketSetId> by_members_;
};

}  // namespace quorate::model
