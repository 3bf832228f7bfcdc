#include "replica/base/protocols.h"

namespace quorate {

std::string ProtocolNames(std::optional<Quorums> quorums) {
  std::string names;
  for (const ProtocolRow& row : kProtocolRows) {
    if (quorums.has_value() && row.quorums != *quorums) continue;
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

std::optional<Protocol> WriterOf(const Record& record) {
  for (const ProtocolRow& row : kProtocolRows) {
    if (row.writes_alone(record)) return row.protocol;
  }
  return std::nullopt;
}

}  // namespace quorate
