// Answers: how does a result look as a picture?
//
// Writes gnuplot scripts with their data inside (so that a picture can be
// redrawn and restyled by hand) and runs gnuplot on them: latency.{svg,png},
// the cumulative latency distribution, and timeline.{svg,png}, throughput and
// latency over the run. Commit is dashed and execute solid everywhere; colours
// are distinguishable by colour-blind readers.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace quorate::bench {

// The files written into `directory`, which must exist. An error names what is
// missing (gnuplot, latencies, a writable directory).
absl::StatusOr<std::vector<std::string>> DrawPictures(
    const nlohmann::ordered_json& result, const std::string& directory);

// The scripts alone; pure.
std::string LatencyScript(const nlohmann::ordered_json& result);
std::string TimelineScript(const nlohmann::ordered_json& result);

}  // namespace quorate::bench
