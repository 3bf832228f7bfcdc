#include "tests/model/packets.h"

#include <algorithm>

#include "wire/overloaded.h"

namespace quorate::model {
namespace {

std::string Text(ReplicaId replica) {
  return "r" + std::to_string(Index(replica) + 1);
}

// "b0", or "b2.r3": round 2 of r3.
std::string Text(Ballot ballot) {
  if (ballot.is_initial()) return "b0";
  return "b" + std::to_string(ballot.round()) + "." + Text(ballot.owner());
}

std::string Text(const Value& value) {
  switch (value.kind) {
    case ValueKind::kNone: return "nothing";
    case ValueKind::kNoop: return "noop";
    case ValueKind::kCommands: break;
  }
  return value.payload_missing() ? "commands without payload" : "commands";
}

// " fq r1 r3"; nothing of the rules that fix no fast quorum.
std::string FastQuorumText(ReplicaSet quorum) {
  std::string text = quorum.empty() ? "" : " fq";
  for (int i = 0; i < kMaxReplicas; ++i) {
    if (quorum.Contains(ReplicaAt(i))) text += " " + Text(ReplicaAt(i));
  }
  return text;
}

std::string Text(const ValidateReply& m) {
  std::string text;
  for (const ValidateReply::Conflict& conflict : m.conflicts) {
    if (!text.empty()) text += ' ';
    text += ToString(conflict.instance);
    if (conflict.committed) text += " committed";
  }
  return text.empty() ? "no conflicts" : text;
}

struct Words {
  std::string subject;  // instance and ballot
  std::string details;
  std::uint64_t digest = 0;
};

Words Describe(const Message& message) {
  return std::visit(
      Overloaded{
          [](const PreAccept& m) -> Words {
            return {ToString(m.instance),
                    ToString(m.initial_deps) + FastQuorumText(m.fast_quorum),
                    m.batch->digest()};
          },
          [](const PreAcceptReply& m) -> Words {
            return {ToString(m.instance), ToString(m.deps)};
          },
          [](const Accept& m) -> Words {
            return {
                ToString(m.instance) + " " + Text(m.ballot),
                Text(m.value) + " " + ToString(m.deps) +
                    (m.committed > 0 ? " after " + std::to_string(m.committed)
                                     : ""),
                m.value.digest};
          },
          [](const AcceptReply& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.ballot)};
          },
          [](const Nack& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.promised_ballot)};
          },
          [](const Commit& m) -> Words {
            return {ToString(m.instance),
                    Text(m.value) + " " + ToString(m.deps), m.value.digest};
          },
          [](const Recover& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.ballot),
                    m.batch ? "with commands" : "",
                    m.batch ? m.batch->digest() : 0};
          },
          [](const RecoverReply& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.ballot),
                    std::string(Name(m.status)) + " " +
                        Text(m.accepted_ballot) + " " + Text(m.value) + " " +
                        ToString(m.deps) +
                        (m.matches_initial ? " matches" : "") +
                        (m.recused ? " recused" : "") +
                        FastQuorumText(m.fast_quorum),
                    m.value.digest};
          },
          [](const Validate& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.ballot),
                    ToString(m.initial_deps), m.batch->digest()};
          },
          [](const ValidateReply& m) -> Words {
            return {ToString(m.instance) + " " + Text(m.ballot), Text(m)};
          },
          [](const Waiting& m) -> Words {
            return {ToString(m.instance),
                    std::to_string(m.matching_votes) + " matching"};
          },
          [](const Inquire& m) -> Words { return {ToString(m.instance)}; },
          [](const InquireReply& m) -> Words { return {ToString(m.instance)}; },
          [](const Frontier& m) -> Words {
            return {ToString(m.committed),
                    ToString(m.executed) + ToString(m.base_floor)};
          },
          [](const Truncated& m) -> Words {
            return {ToString(m.instance), ToString(m.drop_floor)};
          },
          // Nobody is left out in these worlds.
          [](const SnapshotRequest&) -> Words { return {}; },
          [](const SnapshotChunk&) -> Words { return {}; },
          [](const DependencyRequest& m) -> Words {
            return {ToString(m.instance), "", m.batch->digest()};
          },
          [](const DependencyReply& m) -> Words {
            return {ToString(m.instance), ToString(m.deps)};
          },
          [](const InstanceReplies& m) -> Words {
            return {ToString(m.instance)};
          },
          [](const Prepare& m) -> Words {
            return {Text(m.ballot), "from " + std::to_string(m.first)};
          },
          [](const Promise& m) -> Words {
            Words words{Text(m.ballot), "from " + std::to_string(m.first)};
            for (const Promise::Vote& vote : m.votes) {
              words.details += " " + std::to_string(vote.slot) + " " +
                               Text(vote.ballot) + " " + Text(vote.value) +
                               (vote.decided ? " decided" : "") + " " +
                               std::to_string(vote.value.digest);
            }
            return words;
          },
          [](const Lead& m) -> Words {
            return {Text(m.ballot), std::to_string(m.committed) +
                                        " committed, round " +
                                        std::to_string(m.round)};
          },
          [](const LeadReply& m) -> Words {
            return {Text(m.ballot), std::to_string(m.round)};
          }},
      message);
}

InstanceId InstanceOf(const Message& message) {
  return std::visit(
      [](const auto& m) {
        if constexpr (requires { m.instance; }) return m.instance;
        return InstanceId{};  // Of the replica, not of an instance.
      },
      message);
}

}  // namespace

Packets::Packets() : sets_(1) { by_members_.emplace(sets_.front(), 0); }

PacketId Packets::Intern(ReplicaId from, ReplicaId to, const Message& message) {
  const Words words = Describe(message);
  std::string heading = std::string(Name(message)) + " " + words.subject + " " +
                        Text(from) + ">" + Text(to);
  const auto [known, is_new] = by_text_.try_emplace(
      heading + " : " + words.details + " " + std::to_string(words.digest),
      static_cast<PacketId>(packets_.size()));
  if (is_new) {
    packets_.push_back({.from = from,
                        .to = to,
                        .message = message,
                        .instance = InstanceOf(message),
                        .heading = std::move(heading),
                        .details = words.details});
  }
  return known->second;
}

PacketSetId Packets::Add(PacketSetId set, PacketId packet) {
  std::vector<PacketId> members = sets_[set];
  const auto at = std::lower_bound(members.begin(), members.end(), packet);
  if (at != members.end() && *at == packet) return set;
  members.insert(at, packet);
  const auto [known, is_new] =
      by_members_.try_emplace(members, static_cast<PacketSetId>(sets_.size()));
  if (is_new) sets_.push_back(std::move(members));
  return known->second;
}

}  // namespace quorate::model
