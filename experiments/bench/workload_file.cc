// Presets and TOML files; the streams themselves are in workload.cc.
#include <array>
#include <utility>

// Without exceptions toml++ returns its errors.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "experiments/bench/workload.h"
#include "fmt/format.h"

namespace quorate::bench {
namespace {

using DoubleField = std::pair<std::string_view, double WorkloadSpec::*>;
using CountField = std::pair<std::string_view, std::uint64_t WorkloadSpec::*>;

constexpr std::array<DoubleField, 4> kDoubles = {{
    {"conflict", &WorkloadSpec::conflict},
    {"zipf", &WorkloadSpec::zipf},
    {"inserts", &WorkloadSpec::inserts},
    {"read_modify_writes", &WorkloadSpec::read_modify_writes},
}};
constexpr std::array<CountField, 3> kCounts = {{
    {"value_size", &WorkloadSpec::value_size},
    {"keys", &WorkloadSpec::keys},
    {"scan_rows", &WorkloadSpec::scan_rows},
}};

absl::Status Wrong(std::string_view path, const toml::node& node,
                   std::string_view what) {
  return absl::InvalidArgumentError(fmt::format(
      "workload \"{}\", line {}: {}", path, node.source().begin.line, what));
}

absl::Status SetDistribution(std::string_view path, const toml::node& node,
                             WorkloadSpec& spec) {
  const auto name = node.value<std::string_view>();
  for (KeyChoice choice : {KeyChoice::kConflict, KeyChoice::kUniform,
                           KeyChoice::kZipf, KeyChoice::kLatest}) {
    if (name != Name(choice)) continue;
    spec.distribution = choice;
    return absl::OkStatus();
  }
  return Wrong(path, node,
               "distribution must be \"conflict\", \"uniform\", \"zipf\" or "
               "\"latest\"");
}

// "reads, adds, ", ...
std::string ShareNames() {
  std::string names;
  for (const OperationKind kind : kClientOperations) {
    const std::string_view share = RowOf(kind).share;
    if (!share.empty()) names += std::string(share) + ", ";
  }
  return names;
}

std::string FieldNames() {
  return "name, distribution, preload, conflict, zipf, " + ShareNames() +
         "inserts, read_modify_writes, value_size, keys, scan_rows";
}

// Null if there is none of that name.
double* FindShare(std::string_view name, WorkloadSpec& spec) {
  for (const auto& [known, field] : kDoubles) {
    if (name == known) return &(spec.*field);
  }
  for (const OperationKind kind : kClientOperations) {
    if (!name.empty() && name == RowOf(kind).share) return &spec.mix[kind];
  }
  return nullptr;
}

// Sets the field called `key`; an error if there is none or the type is wrong.
absl::Status SetField(std::string_view path, std::string_view key,
                      const toml::node& node, WorkloadSpec& spec) {
  if (double* share = FindShare(key, spec); share != nullptr) {
    const auto value = node.value<double>();
    if (!value) return Wrong(path, node, fmt::format("{} is no number", key));
    *share = *value;
    return absl::OkStatus();
  }
  for (const auto& [name, field] : kCounts) {
    if (key != name) continue;
    const auto value = node.value<std::int64_t>();
    if (!value || *value < 0) {
      return Wrong(path, node, fmt::format("{} is no whole number >= 0", key));
    }
    spec.*field = static_cast<std::uint64_t>(*value);
    return absl::OkStatus();
  }
  if (key == "name" && node.is_string()) {
    spec.name = *node.value<std::string>();
    return absl::OkStatus();
  }
  if (key == "preload" && node.is_boolean()) {
    spec.preload = *node.value<bool>();
    return absl::OkStatus();
  }
  if (key == "distribution") return SetDistribution(path, node, spec);
  return Wrong(path, node,
               fmt::format("unknown or mistyped \"{}\"; known are {}", key,
                           FieldNames()));
}

}  // namespace

std::optional<WorkloadSpec> FindPreset(std::string_view name) {
  if (name.size() != 1 || name[0] < 'a' || name[0] > 'f') return std::nullopt;
  WorkloadSpec spec{.name = std::string(name),
                    .distribution = KeyChoice::kZipf,
                    .value_size = 100,
                    .preload = true};
  switch (name[0]) {
    case 'a':  // a session store
      spec.mix[OperationKind::kGet] = 50;
      break;
    case 'b':  // tags of a photograph
      spec.mix[OperationKind::kGet] = 95;
      break;
    case 'c':  // a cache of profiles
      spec.mix[OperationKind::kGet] = 100;
      break;
    case 'd':  // a feed: the newest is read most
      spec.mix[OperationKind::kGet] = 95;
      spec.inserts = 5;
      spec.distribution = KeyChoice::kLatest;
      break;
    case 'e':  // a thread of messages, read in order
      spec.mix[OperationKind::kScan] = 95;
      spec.inserts = 5;
      break;
    default:  // 'f': a database of users
      spec.mix[OperationKind::kGet] = 50;
      spec.read_modify_writes = 50;
      break;
  }
  return spec;
}

absl::StatusOr<WorkloadSpec> ParseWorkload(std::string_view text,
                                           std::string_view path) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    return absl::InvalidArgumentError(fmt::format(
        "workload \"{}\", line {}: {}", path,
        parsed.error().source().begin.line, parsed.error().description()));
  }
  // It would run the defaults under its name.
  if (parsed.table().empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "workload \"{}\" says nothing: no field is in it; known are {}", path,
        FieldNames()));
  }
  WorkloadSpec spec{.name = std::string(path)};
  bool distribution_given = false;
  for (const auto& [key, node] : parsed.table()) {
    const absl::Status status = SetField(path, key.str(), node, spec);
    if (!status.ok()) return status;
    distribution_given |= key.str() == "distribution";
  }
  // As on the command line: a zipf exponent alone asks for a zipf distribution.
  if (!distribution_given && parsed.table().contains("zipf")) {
    spec.distribution = KeyChoice::kZipf;
  }
  const absl::Status valid = Validate(spec);
  if (!valid.ok()) return valid;
  return spec;
}

}  // namespace quorate::bench
