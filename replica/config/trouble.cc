#include "replica/config/trouble.h"

#include <optional>
#include <vector>

#include "wire/text.h"
#include "wire/words.h"

namespace quorate {
namespace {

constexpr std::uint64_t kNsInMs = 1'000'000;
constexpr std::uint64_t kAnHour = 3'600'000;  // in milliseconds

absl::Status Wrong(int line, std::string_view problem) {
  return absl::InvalidArgumentError(
      Concat("line ", line, ": ", problem,
             "; write \"FROM TO cut\", \"FROM TO slow MS\" or \"FROM TO flap "
             "OPEN_MS CUT_MS\""));
}

std::optional<std::uint64_t> Milliseconds(std::string_view word) {
  const auto ms = ReadNumber<std::uint64_t>(word);
  if (!ms || *ms == 0 || *ms > kAnHour) return std::nullopt;
  return *ms * kNsInMs;
}

// What a line says of its way; nullopt where it is not one of the three.
std::optional<WayTrouble> Read(const std::vector<std::string_view>& words,
                               WayTrouble trouble) {
  if (words.size() == 3 && words[2] == "cut") {
    trouble.cut = true;
    return trouble;
  }
  if (words.size() == 4 && words[2] == "slow") {
    const auto ms = Milliseconds(words[3]);
    if (!ms) return std::nullopt;
    trouble.extra_ns = *ms;
    return trouble;
  }
  if (words.size() == 5 && words[2] == "flap") {
    const auto open = Milliseconds(words[3]);
    const auto closed = Milliseconds(words[4]);
    if (!open || !closed) return std::nullopt;
    trouble.open_ns = *open;
    trouble.closed_ns = *closed;
    return trouble;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<TroubleTable> ParseTrouble(std::string_view text,
                                          const ClusterConfig& config) {
  TroubleTable table;
  int number = 0;
  for (const std::string_view raw : Lines(text)) {
    ++number;
    const std::string_view line = raw.substr(0, raw.find('#'));
    const std::vector<std::string_view> words = Words(line);
    if (words.empty()) continue;
    if (words.size() < 3)
      return Wrong(number, Concat("\"", line, "\" is short"));
    std::size_t ends[2] = {};
    for (std::size_t i = 0; i < 2; ++i) {
      const std::optional<std::size_t> node = config.FindNode(words[i]);
      if (!node) {
        return Wrong(number, Concat("there is no node \"", words[i], "\""));
      }
      ends[i] = *node;
    }
    if (ends[0] == ends[1]) {
      return Wrong(number,
                   Concat("there is no way from ", words[0], " to itself"));
    }
    WayTrouble& trouble = table[{ends[0], ends[1]}];
    const std::optional<WayTrouble> read = Read(words, trouble);
    if (!read) return Wrong(number, Concat("\"", line, "\" is none of these"));
    trouble = *read;
  }
  return table;
}

std::string FormatTrouble(const TroubleTable& table,
                          const ClusterConfig& config) {
  std::string text;
  for (const auto& [ends, trouble] : table) {
    const std::string way = Concat(config.nodes[ends.first].name, " ",
                                   config.nodes[ends.second].name, " ");
    if (trouble.cut) text += Concat(way, "cut\n");
    if (trouble.extra_ns > 0) {
      text += Concat(way, "slow ", trouble.extra_ns / kNsInMs, "\n");
    }
    if (trouble.flaps()) {
      text += Concat(way, "flap ", trouble.open_ns / kNsInMs, " ",
                     trouble.closed_ns / kNsInMs, "\n");
    }
  }
  return text;
}

}  // namespace quorate
