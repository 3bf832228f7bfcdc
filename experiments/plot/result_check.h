// Answers: may this file be shown as a result of quorate bench?
//
// Results come from other people. A file is read only up to a size and a depth,
// and every field that a report reads has the type and the range that reports
// count on, or the error names it. A field that is missing or null is fine:
// reports say "n/a". Whoever formats or draws a result may rely on this. Pure,
// but for reading the file.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace quorate::bench {

// `name` is for the messages.
absl::StatusOr<nlohmann::ordered_json> ParseResult(std::string_view text,
                                                   const std::string& name);
absl::StatusOr<nlohmann::ordered_json> ReadResult(const std::string& path);

// The fields of an object that is a result of schema 1.
absl::Status CheckFields(const nlohmann::ordered_json& result);

}  // namespace quorate::bench
