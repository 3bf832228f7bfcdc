// Answers: which matrix did somebody name?
//
// A name is one of the matrices that are compiled in ("world5"), or a file. A
// file in the current directory that is called like one of those is named
// "./world5": what a name means does not depend on where one stands.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "wire/wan/matrix.h"

namespace quorate::wan {

struct BuiltInMatrix {
  std::string_view name;   // "epaxos5"
  std::string_view about;  // in a line
  std::string_view csv;    // with its source in the comments
};

// The fewest sites first.
std::span<const BuiltInMatrix> BuiltInMatrices();

// Reads the file if there is no built-in matrix of that name; "-" is standard
// input. The only place of this folder that touches a file.
absl::StatusOr<RegionMatrix> Load(const std::string& name_or_path);

}  // namespace quorate::wan
