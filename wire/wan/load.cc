#include "wire/wan/load.h"

#include <cstddef>

#include "absl/status/status.h"
#include "replica/system/user_file.h"
#include "wire/text.h"

namespace quorate::wan {
namespace {

// 256 sites with twenty characters a field.
constexpr std::size_t kMostBytes = std::size_t{2} << 20;

std::string Names() {
  std::string names;
  for (const BuiltInMatrix& built_in : BuiltInMatrices()) {
    names += Concat(names.empty() ? "" : ", ", built_in.name);
  }
  return names;
}

}  // namespace

absl::StatusOr<RegionMatrix> Load(const std::string& name_or_path) {
  for (const BuiltInMatrix& built_in : BuiltInMatrices()) {
    if (name_or_path != built_in.name) continue;
    return RegionMatrix::Parse(built_in.csv, built_in.name);
  }
  const absl::StatusOr<std::string> text =
      ReadUserFile(name_or_path, kMostBytes);
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        Concat("matrix \"", name_or_path,
                               "\": ", std::string(text.status().message()),
                               "; give a CSV file, or one of ", Names()));
  }
  return RegionMatrix::Parse(*text, name_or_path);
}

}  // namespace quorate::wan
