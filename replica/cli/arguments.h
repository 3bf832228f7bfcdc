// Answers: what did the user mean?
//
// Parsing by CLI11, with this program's answers to what cannot be parsed: exit
// code 2, what was wrong, the nearest thing that exists, where help is. Also
// the way to the cluster's configuration, which most sub-commands need.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/client/options.h"
#include "replica/config/config.h"

namespace CLI {
class App;
}

namespace quorate::cli {

// The exit code when the program is done already: help was asked for and
// printed, or the arguments were wrong and that was explained.
std::optional<int> ParseArguments(CLI::App& app, int argc,
                                  const char* const* argv);

// The one of `known` that `word` was probably meant to be; empty when none is
// near.
std::string_view Nearest(std::string_view word,
                         std::span<const std::string> known);

// Adds `--config FILE`.
void AddConfigOption(CLI::App& app, std::string& path);
// Loads `path`, or when it is empty $QUORATE_CONFIG, or ./cluster.toml.
absl::StatusOr<ClusterConfig> ChooseConfig(const std::string& path);

// "quorate <command>: <problem>" on stderr.
void PrintError(std::string_view command, std::string_view problem);

// What the setting of that name may be: an option that stands for it allows the
// same.
std::vector<std::string> NamesOf(std::string_view setting);
std::pair<std::int64_t, std::int64_t> LimitsOf(std::string_view setting);

// `word` as a shell takes it, in quotes if it needs them.
std::string ShellWord(std::string_view word);

// Why something is not OK.
inline std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

}  // namespace quorate::cli
