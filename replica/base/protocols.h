// Answers: which protocols are there, and what sets them apart?
//
// One row a protocol. A protocol is named here and where its machine is made
// (replica/host/replica.cc); everything else asks what its row says
// (tests/tidy). So a further protocol is a row, a maker, and its sources; what
// only it can be told are settings (replica/config). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wire/ids.h"
#include "wire/record.h"

namespace quorate {

// What the replicas agree by. One shell, store, wire and executor for all.
enum class Protocol : std::uint8_t { kEpaxos, kMultipaxos, kBpaxos };

// Who is enough to decide.
enum class Quorums : std::uint8_t {
  // As many as are left when `faults` are down; and by a fast path rule, with
  // fast_faults down, after one round trip.
  kFaults,
  // phase1 and phase2 of all replicas.
  kPhases,
  // phase1, phase2 and dependency_quorum of those with the role (roles.h).
  kRoles,
};

namespace protocols {
template <typename... Kinds>
bool IsOneOf(const Record& record) {
  return (std::holds_alternative<Kinds>(record) || ...);
}
}  // namespace protocols

struct ProtocolRow {
  Protocol protocol;
  std::string_view name;   // in cluster.toml, on the command line, in results
  std::string_view about;  // a line of help
  Quorums quorums;
  // One replica puts all instances into one log, and any may come to do it:
  // whoever is asked names it. Else who takes a command leads its instance.
  bool has_leader;
  int most_nodes;
  // Records that no other protocol writes.
  bool (*writes_alone)(const Record& record);
};

// In the enumeration's order; the first is the default.
inline constexpr ProtocolRow kProtocolRows[] = {
    {.protocol = Protocol::kEpaxos,
     .name = "epaxos",
     .about = "every replica leads, one round trip without conflicts",
     .quorums = Quorums::kFaults,
     .has_leader = false,
     .most_nodes = kMaxReplicas,
     .writes_alone = protocols::IsOneOf<PreAcceptedRecord, ValidatedRecord>},
    {.protocol = Protocol::kMultipaxos,
     .name = "multipaxos",
     .about = "a stable leader and a log",
     .quorums = Quorums::kPhases,
     .has_leader = true,
     .most_nodes = kMaxReplicas,
     .writes_alone = protocols::IsOneOf<DecidedRecord>},
    {.protocol = Protocol::kBpaxos,
     .name = "bpaxos",
     .about = "EPaxos' jobs as roles of their own",
     .quorums = Quorums::kRoles,
     .has_leader = false,
     .most_nodes = kMaxNodes,
     .writes_alone = protocols::IsOneOf<DependencyRecord>},
};

inline constexpr std::array<Protocol, std::size(kProtocolRows)> kProtocols =
    [] {
      std::array<Protocol, std::size(kProtocolRows)> all{};
      for (std::size_t i = 0; i < all.size(); ++i) {
        all[i] = kProtocolRows[i].protocol;
      }
      return all;
    }();

constexpr const ProtocolRow& RowOf(Protocol protocol) {
  return kProtocolRows[static_cast<std::size_t>(protocol)];
}
static_assert(
    [] {
      for (std::size_t i = 0; i < kProtocols.size(); ++i) {
        if (kProtocols[i] != static_cast<Protocol>(i)) return false;
      }
      return true;
    }(),
    "rows stand in the enumeration's order");

constexpr std::string_view Name(Protocol protocol) {
  return RowOf(protocol).name;
}
constexpr std::optional<Protocol> ParseProtocol(std::string_view name) {
  for (const ProtocolRow& row : kProtocolRows) {
    if (row.name == name) return row.protocol;
  }
  return std::nullopt;
}

// "epaxos, multipaxos": those of these quorums, or all; for texts.
std::string ProtocolNames(std::optional<Quorums> quorums = std::nullopt);

// The protocol that alone writes such records, if there is only one.
std::optional<Protocol> WriterOf(const Record& record);

}  // namespace quorate
