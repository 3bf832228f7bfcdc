// Answers: are the nodes that are up enough to do anything?
//
// By the settings alone: whether those that are up reach each other, nodes say
// of themselves. Names what lacks a quorum and what brings one back, for those
// who ask all nodes of a cluster (status, bench). Pure.
#pragma once

#include <string>
#include <vector>

#include "replica/config/config.h"

namespace quorate {

struct Standing {
  // "1 of 3 nodes up: no quorum (2 needed)"; empty: there is one.
  std::string lack;
  // "start r2 and r3"; empty as well.
  std::string remedy;

  bool quorum() const { return lack.empty(); }
};

// `up`: one entry a node, in the order of the file.
Standing StandingOf(const ClusterConfig& config, const std::vector<bool>& up);

}  // namespace quorate
