// Answers: what does a result say, in words and in one row?
//
// The readable end of `quorate bench` and `quorate report`, made from a
// result.json alone. A field that is missing or null is "n/a": results of older
// builds and of other systems are read as well. Pure.
#pragma once

#include <span>
#include <string>

#include "nlohmann/json.hpp"

namespace quorate::bench {

// Ten short lines: cluster, load, result, latency, cost, what held it back.
std::string FormatResult(const nlohmann::ordered_json& result);

struct NamedResult {
  std::string name;
  nlohmann::ordered_json result;
};
// A Markdown table, one row a result.
std::string FormatTable(std::span<const NamedResult> results);
// The same for comparing protocols: both latencies, and what a command costs at
// all nodes of each role together.
std::string FormatRoleTable(std::span<const NamedResult> results);

// "epaxos, 3 nodes, fsync": for titles.
std::string ShortTitle(const nlohmann::ordered_json& result);

}  // namespace quorate::bench
