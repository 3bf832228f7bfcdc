// Answers: how does the latency of a run look, right here in the terminal?
//
// The cumulative distribution of the commit and the execute latency as text: a
// logarithmic latency axis, a "nines" axis for the share. Braille dots where
// the terminal shows UTF-8, plain ASCII elsewhere. Pure.
#pragma once

#include <string>

#include "nlohmann/json.hpp"

namespace quorate::bench {

struct TerminalStyle {
  int columns = 60;  // of the plot itself, without labels
  int rows = 16;
  bool utf8 = true;
  bool color = false;
};

// The style that standard output supports: UTF-8 by locale, colour on a
// terminal unless NO_COLOR is set.
TerminalStyle DetectTerminalStyle();

// Empty if the result has no latencies.
std::string DrawLatencyCdf(const nlohmann::ordered_json& result,
                           const TerminalStyle& style);

}  // namespace quorate::bench
