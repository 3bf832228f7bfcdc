// Answers: which ways between nodes are cut or slow, while an experiment runs?
//
// A file that whoever runs an experiment writes and that nodes look at while
// they run (`wan.trouble`). A line a way, in one direction; '#' begins a
// comment:
//
//   r1 r2 cut
//   r2 r1 slow 50         ms more
//   r1 r3 flap 500 200    open for 500 ms, cut for 200, over and over
//
// Whoever writes it replaces it as a whole: a node may look at any moment. Of
// several lines for one way the cut, the slowness and the flap each count
// once, the last of them. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "replica/config/config.h"
#include "wire/wan/way.h"

namespace quorate {

// By the indexes of two nodes, from and to.
using TroubleTable = std::map<std::pair<std::size_t, std::size_t>, WayTrouble>;

// Errors name the line, what was found and what is allowed.
absl::StatusOr<TroubleTable> ParseTrouble(std::string_view text,
                                          const ClusterConfig& config);
// What ParseTrouble makes an equal table of.
std::string FormatTrouble(const TroubleTable& table,
                          const ClusterConfig& config);

}  // namespace quorate
