// Answers: which nodes are there, in words?
#pragma once

#include <string>
#include <string_view>

#include "replica/config/config.h"
#include "wire/text.h"

namespace quorate {

// "there is no node "r9"; this cluster has r1, r2, r3": for who asked for one
// by a name that nobody has.
inline std::string NoSuchNode(const ClusterConfig& config,
                              std::string_view name) {
  std::string names;
  for (const NodeConfig& node : config.nodes) {
    names += (names.empty() ? "" : ", ") + node.name;
  }
  return Concat("there is no node \"", name, "\"; this cluster has ", names);
}

}  // namespace quorate
