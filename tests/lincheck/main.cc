// quorate-lincheck: is a recorded history linearizable? See README.md.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "replica/system/standard_streams.h"
#include "replica/system/user_file.h"
#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"
#include "tests/lincheck/table.h"

namespace quorate::lincheck {
namespace {

constexpr int kExitLinearizable = 0;
constexpr int kExitViolation = 1;
constexpr int kExitUnusable = 2;
constexpr int kExitUndecided = 3;

constexpr char kHelp[] = R"(usage: quorate-lincheck [options] FILE

Says whether the operations in FILE (one JSON object a line; - reads standard
input) can be put in one order that agrees with time and with every reply.

  --key K          check only key K and what operations join to it
  --max-seconds S  give up after S seconds
  --json           print the verdict as one JSON object
  --help           print this

exit code: 0 linearizable, 1 not linearizable (the smallest part that shows it
is printed), 2 not a history (nor is one without an operation), wrong usage or a
fault of the checker itself, 3 undecided after --max-seconds

examples:
  quorate bench --config cluster.toml --history history.jsonl
  quorate-lincheck history.jsonl
  quorate-lincheck --key k0000001 --max-seconds 60 --json history.jsonl

a line: {"c":1,"f":"cas","k":"x","old":"a","v":"b","call":10,"ret":25,"ok":true}
)";

// Years; and more than a clock can count in.
constexpr double kMostSeconds = 1e9;

struct Arguments {
  std::string file;
  bool json = false;
  bool help = false;
  CheckOptions options;
};

std::optional<Arguments> Parse(int count, char** values, std::string& error) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = values[i];
    const char* next = i + 1 < count ? values[i + 1] : nullptr;
    if (argument == "--help") {
      arguments.help = true;
    } else if (argument == "--json") {
      arguments.json = true;
    } else if (argument == "--key" && next != nullptr) {
      arguments.options.key = values[++i];
    } else if (argument == "--max-seconds" && next != nullptr) {
      const std::string_view text = values[++i];
      const auto [stop, fault] =
          std::from_chars(text.data(), text.data() + text.size(),
                          arguments.options.max_seconds);
      if (fault != std::errc() || stop != text.data() + text.size() ||
          !(arguments.options.max_seconds > 0) ||
          arguments.options.max_seconds > kMostSeconds) {
        error = "--max-seconds: \"" + std::string(text) +
                "\" is not a number of seconds above 0 and up to 1e9";
        return std::nullopt;
      }
    } else if (arguments.file.empty() &&
               (argument == "-" || !argument.starts_with("-"))) {
      arguments.file = argument;
    } else {
      error = "cannot use \"" + std::string(argument) + "\"; see --help";
      return std::nullopt;
    }
  }
  if (arguments.file.empty() && !arguments.help) {
    error = "a history file is missing; see --help";
    return std::nullopt;
  }
  return arguments;
}

absl::StatusOr<History> Load(const std::string& file) {
  UserFileBuffer buffer(file);
  std::istream input(&buffer);
  absl::StatusOr<History> history = ParseHistory(input);
  // What was read before an error is not the history.
  if (!buffer.status().ok()) return buffer.status();
  if (history.ok() && history->empty()) {
    return absl::InvalidArgumentError(
        "it holds no operation; did what should write it do any?");
  }
  return history;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void PrintError(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

const char* Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kLinearizable: return "linearizable";
    case Outcome::kViolation: return "not linearizable";
    case Outcome::kUndecided: return "undecided";
    case Outcome::kDisagreement: return "the two algorithms disagree";
    case Outcome::kNoSuchKey: return "no such key";
  }
  return "";
}

int ExitCode(Outcome outcome) {
  switch (outcome) {
    case Outcome::kLinearizable: return kExitLinearizable;
    case Outcome::kViolation: return kExitViolation;
    case Outcome::kUndecided: return kExitUndecided;
    case Outcome::kDisagreement:
    case Outcome::kNoSuchKey: return kExitUnusable;
  }
  return kExitUnusable;
}

std::string Keys(const CheckReport& report) {
  constexpr std::size_t kShown = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, report.keys.size()); ++i) {
    text += (i == 0 ? "\"" : ", \"") + report.keys[i] + "\"";
  }
  if (report.keys.size() > kShown) {
    text += " and " + std::to_string(report.keys.size() - kShown) + " more";
  }
  return text;
}

void PrintText(const History& history, const CheckReport& report) {
  Print(std::string(Name(report.outcome)) + ": " +
        std::to_string(report.operations) + " operations, " +
        std::to_string(report.components) + " components, " +
        std::to_string(report.checked_twice) +
        " of them checked by both algorithms, " +
        std::to_string(report.configurations) + " configurations\n");
  if (!report.keys.empty()) Print("keys: " + Keys(report) + "\n");
  if (report.outcome == Outcome::kViolation) {
    Print("no order of these " + std::to_string(report.smallest.size()) +
          " operations explains their replies:\n" +
          DrawTable(history, report.smallest));
  }
  if (report.outcome == Outcome::kDisagreement) {
    Print("this is a bug of quorate-lincheck; please keep the history\n");
  }
}

void PrintJson(const History& history, const CheckReport& report) {
  nlohmann::json json = {{"verdict", Name(report.outcome)},
                         {"operations", report.operations},
                         {"components", report.components},
                         {"checked_twice", report.checked_twice},
                         {"configurations", report.configurations},
                         {"keys", report.keys}};
  json["lines"] = nlohmann::json::array();
  for (const std::size_t index : report.smallest) {
    json["lines"].push_back(history[index].line);
  }
  Print(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
        "\n");
}

int Run(int count, char** values) {
  std::string error;
  std::optional<Arguments> arguments = Parse(count, values, error);
  if (!arguments.has_value()) {
    PrintError("quorate-lincheck: " + error);
    return kExitUnusable;
  }
  if (arguments->help) {
    Print(kHelp);
    return kExitLinearizable;
  }
  const absl::StatusOr<History> history = Load(arguments->file);
  if (!history.ok()) {
    PrintError("not a history: \"" + arguments->file +
               "\": " + std::string(history.status().message()));
    return kExitUnusable;
  }
  arguments->options.progress = PrintError;
  const CheckReport report = CheckHistory(*history, arguments->options);
  if (arguments->json) {
    PrintJson(*history, report);
  } else {
    PrintText(*history, report);
  }
  return ExitCode(report.outcome);
}

}  // namespace
}  // namespace quorate::lincheck

int main(int count, char** values) {
  quorate::PrepareStandardStreams();
  return quorate::FinishStandardStreams("quorate-lincheck",
                                        quorate::lincheck::Run(count, values));
}
