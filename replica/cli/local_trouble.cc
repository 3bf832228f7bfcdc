#include "replica/cli/local_trouble.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "replica/cli/arguments.h"
#include "replica/cli/ask_nodes.h"
#include "replica/node/trouble_watch.h"
#include "replica/system/user_file.h"
#include "wire/timers.h"
#include "wire/words.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kMostTroubleBytes = std::size_t{1} << 16;
constexpr auto kAskAgain =
    std::chrono::milliseconds(MillisecondsOf<"local.trouble_again">);

// Nodes of that name, that number or that site.
absl::StatusOr<std::set<std::size_t>> FindNodes(const LocalCluster& cluster,
                                                const std::string& words) {
  std::set<std::size_t> found;
  for (const std::string_view word : Words(words, ",")) {
    const std::vector<NodeConfig>& nodes = cluster.config().nodes;
    bool is_site = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (word.empty() || nodes[i].site != word) continue;
      found.insert(i);
      is_site = true;
    }
    if (is_site) continue;
    const absl::StatusOr<std::size_t> node =
        cluster.FindNode(std::string(word));
    if (!node.ok()) return node.status();
    found.insert(*node);
  }
  return found;
}

// Of nodes that run: those that have not taken up the text of that digest.
std::vector<std::string> NotYet(const LocalCluster& cluster,
                                const std::string& digest, int timeout_ms) {
  std::vector<std::string> names;
  const std::vector<NodeAnswer> answers =
      AskNodes(cluster.config(), timeout_ms);
  const std::vector<LocalNode> nodes = cluster.Nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    // One that is paused, or starts later, looks at the file then.
    if (nodes[i].state != ProcessState::kRunning) continue;
    const auto status =
        answers[i].status.ok()
            ? nlohmann::json::parse(*answers[i].status, nullptr, false)
            : nlohmann::json();
    const auto wan = status.is_object() ? status.find("wan") : status.end();
    if (wan == status.end() || wan->value("trouble_digest", "") != digest) {
      names.push_back(nodes[i].config.name);
    }
  }
  return names;
}

}  // namespace

TroubleTable ReadTrouble(const ClusterConfig& config) {
  const absl::StatusOr<std::string> text =
      ReadUserFile(config.wan.trouble, kMostTroubleBytes);
  if (!text.ok()) return {};
  absl::StatusOr<TroubleTable> table = ParseTrouble(*text, config);
  return table.ok() ? *std::move(table) : TroubleTable();
}

absl::StatusOr<WayList> FindWays(const LocalCluster& cluster,
                                 const std::string& some,
                                 const std::string& others, bool one_way) {
  const auto from = FindNodes(cluster, some);
  if (!from.ok()) return from.status();
  std::set<std::size_t> to;
  if (others.empty()) {
    for (std::size_t i = 0; i < cluster.config().nodes.size(); ++i) {
      if (!from->contains(i)) to.insert(i);
    }
  } else {
    const auto named = FindNodes(cluster, others);
    if (!named.ok()) return named.status();
    to = *named;
  }
  WayList ways;
  for (const std::size_t a : *from) {
    for (const std::size_t b : to) {
      if (a == b) continue;
      ways.emplace_back(a, b);
      if (!one_way) ways.emplace_back(b, a);
    }
  }
  if (ways.empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "there is no way between \"{}\" and {}; name two different nodes", some,
        others.empty() ? "the others" : fmt::format("\"{}\"", others)));
  }
  return ways;
}

WayList AllWays(const ClusterConfig& config) {
  WayList ways;
  for (std::size_t a = 0; a < config.nodes.size(); ++a) {
    for (std::size_t b = 0; b < config.nodes.size(); ++b) {
      if (a != b) ways.emplace_back(a, b);
    }
  }
  return ways;
}

absl::StatusOr<std::string> ChangeTrouble(
    const LocalCluster& cluster, const WayList& ways,
    const std::function<void(WayTrouble&)>& change, int timeout_ms) {
  const ClusterConfig& config = cluster.config();
  if (config.wan.trouble.empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "the nodes of this cluster look at no file of troubles; add "
        "trouble = \"trouble\" to [wan] in \"{}\" and start them again",
        cluster.config_path()));
  }
  TroubleTable table = ReadTrouble(config);
  for (const auto& way : ways) change(table[way]);
  std::erase_if(table,
                [](const auto& entry) { return entry.second == WayTrouble(); });
  const std::string text = FormatTrouble(table, config);
  if (absl::Status written = WriteFile(config.wan.trouble, text);
      !written.ok()) {
    return written;
  }
  const std::string digest = absl::StrCat(
      "0x", absl::Hex(TroubleWatch::DigestOf(text), absl::kZeroPad16));
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    const std::vector<std::string> missing =
        NotYet(cluster, digest, timeout_ms);
    if (missing.empty()) return text;
    if (std::chrono::steady_clock::now() >= until) {
      return absl::DeadlineExceededError(fmt::format(
          "{} did not take up \"{}\" within {} ms; look into {}.log",
          fmt::join(missing, ", "), config.wan.trouble, timeout_ms,
          missing.front()));
    }
    // Another process's turn; it tells nobody when it is done.
    std::this_thread::sleep_for(kAskAgain);
  }
}

absl::StatusOr<std::uint64_t> ParseDurationNs(const std::string& text) {
  const std::size_t unit_at = text.find_first_not_of("0123456789.");
  const std::string unit =
      unit_at == std::string::npos ? "" : text.substr(unit_at);
  const double scale = unit == "us"   ? 1e3
                       : unit == "ms" ? 1e6
                       : unit == "s"  ? 1e9
                                      : 0;
  const auto number =
      ReadNumber<double>(std::string_view(text).substr(0, unit_at));
  // An hour at most.
  if (scale == 0 || !number || *number <= 0 || *number * scale > 3.6e12) {
    return absl::InvalidArgumentError(fmt::format(
        "\"{}\" is no time; write a number with us, ms or s: 50ms", text));
  }
  return static_cast<std::uint64_t>(*number * scale);
}

}  // namespace quorate::cli
