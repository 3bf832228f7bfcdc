#include "experiments/plot/result_check.h"

#include <cmath>
#include <cstdint>

#include "experiments/bench/text.h"
#include "fmt/format.h"
#include "replica/system/user_file.h"

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostBytes = 256 * 1024 * 1024;
constexpr int kDeepest = 16;
constexpr std::size_t kMostEntries = 1'000'000;
constexpr std::size_t kMostMembers = 1'000;
// No count, time or rate comes near it, and it still fits 64 bits.
constexpr double kLargest = 1e18;

enum class Type : std::uint8_t {
  kText,
  kFlag,
  kNumber,  // may be negative
  kAmount,  // a number from 0 on
  kWhole,   // of any size
  kObject,
  kList,
  kBuckets,  // of a histogram
};

struct Field {
  // Names with "/" between them; "*" is every member or entry.
  std::string_view path;
  Type type;
};

// Everything that reports and pictures read.
constexpr Field kFields[] = {
    {"system", Type::kText},
    {"protocol", Type::kText},
    {"nodes", Type::kAmount},
    {"durability", Type::kText},
    {"clients", Type::kAmount},
    {"pipeline", Type::kAmount},
    {"connections", Type::kAmount},
    {"rate", Type::kAmount},
    {"arrivals", Type::kText},
    {"seed", Type::kWhole},
    {"workload", Type::kText},
    {"conflict", Type::kAmount},
    {"duration_s", Type::kAmount},
    {"warmup_s", Type::kAmount},
    {"planned_duration_s", Type::kAmount},
    {"interrupted_by", Type::kText},
    {"throughput_ops_s", Type::kAmount},
    {"offered_ops_s", Type::kAmount},
    {"overloaded", Type::kFlag},
    {"errors", Type::kAmount},
    {"errors_by_kind", Type::kObject},
    {"errors_by_kind/*", Type::kAmount},
    {"operations", Type::kObject},
    {"operations/*", Type::kObject},
    {"operations/*/*", Type::kAmount},
    {"miss_share", Type::kAmount},
    {"latency_ms", Type::kObject},
    {"latency_ms/*", Type::kObject},
    {"latency_ms/*/*", Type::kAmount},
    {"fast_path_share", Type::kAmount},
    {"largest_component", Type::kAmount},
    {"state_hash_equal", Type::kFlag},
    {"state_hash_note", Type::kText},
    {"longest_silence_ms", Type::kAmount},
    {"bottleneck", Type::kText},
    {"no_quorum", Type::kText},
    {"cpu_us_per_command", Type::kObject},
    {"cpu_us_per_command/*", Type::kAmount},
    {"cost_by_role", Type::kObject},
    {"cost_by_role/*", Type::kObject},
    {"cost_by_role/*/*", Type::kAmount},
    {"busiest_role", Type::kText},
    {"client_cores", Type::kAmount},
    {"node_details", Type::kList},
    {"node_details/*", Type::kObject},
    {"node_details/*/name", Type::kText},
    {"node_details/*/address", Type::kText},
    {"node_details/*/site", Type::kText},
    {"node_details/*/up", Type::kFlag},
    {"sites", Type::kObject},
    {"sites/*", Type::kObject},
    {"sites/*/latency_ms", Type::kObject},
    {"sites/*/latency_ms/*", Type::kObject},
    {"sites/*/latency_ms/*/*", Type::kAmount},
    {"sites/*/histogram_ns", Type::kObject},
    {"sites/*/histogram_ns/*", Type::kBuckets},
    {"workload_settings", Type::kObject},
    {"workload_settings/description", Type::kText},
    {"workload_settings/preload", Type::kFlag},
    {"generator", Type::kObject},
    {"generator/late", Type::kFlag},
    {"generator/lateness_ms", Type::kObject},
    {"generator/lateness_ms/*", Type::kAmount},
    {"generator/lateness_histogram_ns", Type::kBuckets},
    {"generator/turn_late_ms", Type::kObject},
    {"generator/turn_late_ms/*", Type::kAmount},
    {"generator/pause_count", Type::kAmount},
    {"generator/paused_ms", Type::kAmount},
    {"generator/longest_pause_ms", Type::kAmount},
    {"generator/longest_silence_paused_ms", Type::kAmount},
    {"generator/pauses", Type::kList},
    {"generator/pauses/*", Type::kObject},
    {"generator/pauses/*/*", Type::kAmount},
    {"machine", Type::kObject},
    {"machine/busy", Type::kAmount},
    {"timeline", Type::kList},
    {"timeline/*", Type::kObject},
    {"timeline/*/*", Type::kAmount},
    {"histogram_ns", Type::kObject},
    {"histogram_ns/*", Type::kBuckets},
    {"marks", Type::kList},
    {"marks/*", Type::kObject},
    {"marks/*/at_s", Type::kNumber},
    {"marks/*/text", Type::kText},
};

std::string_view Describe(Type type) {
  switch (type) {
    case Type::kText: return "a text";
    case Type::kFlag: return "true or false";
    case Type::kNumber: return "a number of at most 1e18 either way";
    case Type::kAmount: return "a number from 0 to 1e18";
    case Type::kWhole: return "a whole number";
    case Type::kObject: return "an object of at most 1,000 members";
    case Type::kList: return "a list of at most 1,000,000 entries";
    case Type::kBuckets:
      return "a histogram: a list of [lowest, highest, count] in ascending "
             "order";
  }
  return "something else";
}

bool IsAmount(const Json& value) {
  return value.is_number() && value.get<double>() >= 0 &&
         value.get<double>() <= kLargest;
}

bool IsHistogram(const Json& value) {
  if (!value.is_array() || value.size() > kMostEntries) return false;
  double highest = -1;
  double count = 0;
  for (const Json& bucket : value) {
    if (!bucket.is_array() || bucket.size() != 3) return false;
    for (const Json& number : bucket) {
      if (!IsAmount(number)) return false;
    }
    if (!bucket[2].is_number_integer()) return false;
    const double low = bucket[0].get<double>();
    const double high = bucket[1].get<double>();
    if (low <= highest || high < low) return false;
    highest = high;
    count += bucket[2].get<double>();
  }
  return value.empty() || (count > 0 && count <= kLargest);
}

bool Is(Type type, const Json& value) {
  switch (type) {
    case Type::kText: return value.is_string();
    case Type::kFlag: return value.is_boolean();
    case Type::kNumber:
      return value.is_number() && std::abs(value.get<double>()) <= kLargest;
    case Type::kAmount: return IsAmount(value);
    case Type::kWhole: return value.is_number_integer();
    case Type::kObject:
      return value.is_object() && value.size() <= kMostMembers;
    case Type::kList: return value.is_array() && value.size() <= kMostEntries;
    case Type::kBuckets: return IsHistogram(value);
  }
  return false;
}

// The start of the value, for a message.
std::string Excerpt(const Json& value) {
  constexpr std::size_t kShown = 40;
  if (value.is_structured() && !value.empty()) {
    return value.is_array() ? "a list" : "an object";
  }
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true,
                                      Json::error_handler_t::replace);
  return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
}

// Follows the rest of a field's path from `here`, which is called `name`.
absl::Status CheckField(const Json& here, const std::string& name,
                        std::string_view path, Type type) {
  if (here.is_null()) return absl::OkStatus();
  if (path.empty()) {
    if (Is(type, here)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("field \"{}\" is {}, expected {}", name, Excerpt(here),
                    Describe(type)));
  }
  const std::size_t slash = path.find('/');
  const std::string_view step = path.substr(0, slash);
  const std::string_view rest =
      slash == path.npos ? "" : path.substr(slash + 1);
  const auto below = [&](std::string_view member) {
    return fmt::format("{}{}{}", name, name.empty() ? "" : ".",
                       Printable(member.substr(0, 100)));
  };
  if (step != "*") {
    // A parent of another type has a row of its own.
    const auto found = here.find(std::string(step));
    return found == here.end() ? absl::OkStatus()
                               : CheckField(*found, below(step), rest, type);
  }
  if (!here.is_structured()) return absl::OkStatus();
  for (const auto& [member, value] : here.items()) {
    const absl::Status status = CheckField(value, below(member), rest, type);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// "Discarded" for what is no JSON, and for what is nested without end: whoever
// prints or copies that does so recursively.
Json ParseShallow(std::string_view text) {
  bool too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, Json&) {
    too_deep |= depth > kDeepest;
    return !too_deep;
  };
  Json parsed = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (too_deep) return Json(Json::value_t::discarded);
  return parsed;
}

}  // namespace

absl::Status CheckFields(const Json& result) {
  for (const Field& field : kFields) {
    const absl::Status status = CheckField(result, "", field.path, field.type);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> ParseResult(std::string_view text,
                                 const std::string& name) {
  const auto no_result = [&](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" is no result of quorate bench: {}; give the result.json that "
        "it has saved",
        name, why));
  };
  if (text.find_first_not_of(" \t\r\n") == text.npos) {
    return no_result("it is empty");
  }
  Json result = ParseShallow(text);
  if (result.is_discarded()) return no_result("it is no JSON");
  if (!result.is_object()) return no_result("it is JSON, but no object");
  if (!result.contains("schema")) {
    return no_result("it has no field \"schema\"");
  }
  if (result["schema"] != 1) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" has schema {}, this binary knows 1; use a newer quorate", name,
        Excerpt(result["schema"])));
  }
  const absl::Status checked = CheckFields(result);
  if (checked.ok()) return result;
  return absl::InvalidArgumentError(
      fmt::format("\"{}\": {}", name, std::string(checked.message())));
}

absl::StatusOr<Json> ReadResult(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadUserFile(path, kMostBytes);
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        fmt::format("cannot read \"{}\": {}", path,
                                    std::string(text.status().message())));
  }
  return ParseResult(*text, path);
}

}  // namespace quorate::bench
