// `quorate kv`: one command, executed once, and its answer. A scan is as many
// of them as it has pages.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/batch_text.h"
#include "replica/cli/cli.h"
#include "replica/client/sync_client.h"
#include "replica/config/node_names.h"
#include "replica/system/standard_streams.h"
#include "replica/system/user_file.h"
#include "wire/limits.h"
#include "wire/timers.h"

namespace quorate::cli {
namespace {

using Json = nlohmann::json;

constexpr const char* kExamples =
    "Examples:\n"
    "  quorate kv put greeting hello\n"
    "  quorate kv get greeting --config out/cluster.toml\n"
    "  quorate kv cas greeting hello bye     (a missing key is \"\")\n"
    "  quorate kv add counter 5\n"
    "  quorate kv scan user: \"user;\" --limit 10\n"
    "  quorate kv scan a z          (page by page, each as of its own moment)\n"
    "  printf 'add a -5\\nadd b 5\\n' | quorate kv batch -\n"
    "A value that begins with \"-\" goes behind \"--\": kv put k -- -v\n"
    "Exit codes: 0 done, 1 the operation failed (key not found, value not the "
    "expected one,\nrefused), 2 wrong usage, 3 no quorum, timeout or a result "
    "that is no longer kept.\nOutput that cannot be written (>/dev/full) "
    "changes nothing but that a get or scan\nhas then failed.";

// Much more than the operations of one command, escaped.
constexpr std::size_t kMostBatchTextBytes = std::size_t{16} << 20;

constexpr std::size_t kMostArguments = [] {
  std::size_t most = 0;
  for (const OperationRow& row : kOperations) {
    most = std::max(most, row.arguments.size());
  }
  return most;
}();

struct KvArguments {
  std::string config;
  std::string node;
  bool json = false;
  int timeout_ms = MillisecondsOf<"kv.timeout">;
  // In the order of the operation's arguments; but for a limit.
  std::array<std::string, kMostArguments> words;
  std::string file;
  int limit = 0;
};

// Why the operation did nothing; empty for kMismatch, whose answer is a value.
std::string_view Explain(OperationStatus status) {
  switch (status) {
    case OperationStatus::kNotFound: return "not found";
    case OperationStatus::kNotANumber:
      return "the value there is no 64-bit number; nothing changed";
    case OperationStatus::kTooLarge:
      return "the value would be larger than 524288 bytes; nothing changed";
    default: return "";
  }
}

void PrintLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void PrintRows(const OperationResult& scan) {
  for (const auto& [key, value] : scan.rows) {
    PrintLine(fmt::format("{}\t{}", key, value));
  }
}

void SayWhereItGoesOn(const Operation& scan, const std::string& next) {
  PrintError("kv",
             fmt::format("scan {}: there are more rows, from key \"{}\" on",
                         scan.key, next));
}

void PrintResult(const Operation& operation, const OperationResult& result) {
  const Gives gives = RowOf(operation.kind).gives;
  if (gives == Gives::kRows) {
    PrintRows(result);
    if (!result.value.empty()) SayWhereItGoesOn(operation, result.value);
    return;
  }
  const bool done = result.status == OperationStatus::kOk;
  if (done ? gives == Gives::kValue : gives == Gives::kWhetherOrValue) {
    PrintLine(result.value);
    return;
  }
  if (done) PrintLine("OK");
}

Json ResultAsJson(const Operation& operation, const OperationResult& result) {
  Json json = {{"operation", Name(operation.kind)},
               {"key", operation.key},
               {"status", Name(result.status)}};
  const Gives gives = RowOf(operation.kind).gives;
  if (gives == Gives::kRows) {
    json["rows"] = Json::array();
    for (const auto& [key, value] : result.rows) {
      json["rows"].push_back({{"key", key}, {"value", value}});
    }
    json["more"] = !result.value.empty();
    if (!result.value.empty()) json["next"] = result.value;
  } else if (gives == Gives::kValue ||
             (gives == Gives::kWhetherOrValue &&
              result.status != OperationStatus::kOk)) {
    json["value"] = result.value;
  }
  return json;
}

std::string_view OutcomeName(ReplyStatus status) {
  switch (status) {
    case ReplyStatus::kDone: return "done";
    case ReplyStatus::kRefused: return "refused";
    case ReplyStatus::kUnknown: return "unknown";
    case ReplyStatus::kResultGone: return "done, result no longer kept";
  }
  return "unknown";
}

// `pages`: commands that a scan took; 0: it is no scan.
void PrintJson(const Completion& completion,
               std::span<const Operation> operations, int pages = 0) {
  Json json = {{"outcome", OutcomeName(completion.status)},
               {"results", Json::array()}};
  if (pages > 0) json["pages"] = pages;
  if (completion.status == ReplyStatus::kDone) {
    json["instance"] = ToString(completion.instance);
    json["commit_latency_us"] = completion.commit_latency_us;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      json["results"].push_back(
          ResultAsJson(operations[i], completion.results[i]));
    }
  } else if (completion.reason != RefusalReason::kNone) {
    json["reason"] = quorate::Explain(completion.reason);
  }
  // Bytes that are no UTF-8 cannot stand in JSON; they become U+FFFD.
  PrintLine(json.dump(2, ' ', false, Json::error_handler_t::replace));
}

int ExplainNotDone(const Completion& completion, const SyncClient& client,
                   int timeout_ms, const ResultLimits& limits) {
  const std::string_view connection = Text(client.connection_status());
  if (completion.status == ReplyStatus::kResultGone) {
    PrintError(
        "kv",
        "executed, once, but its first answer was lost and its result is "
        "no longer kept: read what you need to know");
    return kNoQuorum;
  }
  if (completion.reason == RefusalReason::kResultTooLarge) {
    PrintError("kv",
               fmt::format("refused, nothing of it was executed: its result "
                           "is larger than {} bytes, the cluster's limit "
                           "for one command ([results] command_bytes); ask "
                           "for less at once",
                           limits.command_bytes));
    return kFailed;
  }
  if (completion.status == ReplyStatus::kUnknown) {
    PrintError("kv",
               fmt::format("no answer within {} ms{}{}; the command may have "
                           "been executed or not: is a majority of the nodes "
                           "up? see \"quorate status\"",
                           timeout_ms, connection.empty() ? "" : " from ",
                           connection));
    return kNoQuorum;
  }
  if (completion.reason == RefusalReason::kNone) {
    PrintError("kv", fmt::format("no node could be reached within {} ms: {}; "
                                 "the command was not executed",
                                 timeout_ms, connection));
    return kNoQuorum;
  }
  PrintError("kv", fmt::format("refused, not executed: {}",
                               quorate::Explain(completion.reason)));
  return kFailed;
}

int PrintDone(const Completion& completion,
              std::span<const Operation> operations, bool json) {
  int exit_code = kDone;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const OperationResult& result = completion.results[i];
    if (!json) PrintResult(operations[i], result);
    if (result.status == OperationStatus::kOk) continue;
    exit_code = kFailed;
    const std::string_view why = Explain(result.status);
    if (why.empty()) continue;
    PrintError("kv", fmt::format("{} {}: {}", Name(operations[i].kind),
                                 operations[i].key, why));
  }
  return exit_code;
}

// How a command reaches the cluster, or the exit code of what is wrong.
struct Way {
  std::optional<int> exit_code;
  ClientOptions options;
  ResultLimits limits;
};

Way WrongWay(std::string_view problem) {
  PrintError("kv", problem);
  return {.exit_code = kWrongUsage};
}

Way FindWay(const KvArguments& arguments) {
  const absl::StatusOr<ClusterConfig> config = ChooseConfig(arguments.config);
  if (!config.ok()) return WrongWay(Text(config.status()));
  ClientOptions options = OptionsFor(*config);
  options.give_up_timeout_ms = arguments.timeout_ms;
  if (!arguments.node.empty()) {
    const std::optional<std::size_t> node = config->FindNode(arguments.node);
    if (!node) {
      return WrongWay(NoSuchNode(*config, arguments.node));
    }
    if (!config->TakesCommands(*node)) {
      return WrongWay(
          fmt::format("node \"{}\" takes no commands: it lacks the "
                      "role \"leader\"",
                      arguments.node));
    }
    if (RowOf(config->settings.protocol).has_leader) {
      options.first_node = *node;  // Which may name another one.
    } else {
      options.nodes = {config->nodes[*node].client};
    }
  }
  return {.options = std::move(options), .limits = config->settings.results};
}

// A node that answers with too few results is broken; nobody reads past them.
bool Fits(const Completion& completion, std::size_t operations) {
  if (completion.status != ReplyStatus::kDone ||
      completion.results.size() == operations) {
    return true;
  }
  PrintError("kv", "the node's answer does not fit the command");
  return false;
}

int Execute(const KvArguments& arguments,
            std::span<const Operation> operations) {
  Way way = FindWay(arguments);
  if (way.exit_code) return *way.exit_code;
  SyncClient client(std::move(way.options));
  const Completion completion = client.Execute(operations);
  if (!Fits(completion, operations.size())) return kFailed;
  if (arguments.json) PrintJson(completion, operations);
  // What was only read and could not be told might as well not have been; what
  // was written is.
  const bool only_reads = std::ranges::all_of(
      operations, [](const Operation& o) { return IsReadOnly(o.kind); });
  DeclareOutput(only_reads ? OutputIs::kTheAnswer : OutputIs::kAReport);
  if (completion.status == ReplyStatus::kDone) {
    return PrintDone(completion, operations, arguments.json);
  }
  return ExplainNotDone(completion, client, arguments.timeout_ms, way.limits);
}

// A page a command, up to --limit rows or the end of the range. Text is printed
// as it comes, JSON is one object at the end.
int ExecuteScan(const KvArguments& arguments) {
  DeclareOutput(OutputIs::kTheAnswer);
  Way way = FindWay(arguments);
  if (way.exit_code) return *way.exit_code;
  SyncClient client(std::move(way.options));
  const Operation whole{.kind = OperationKind::kScan,
                        .key = arguments.words[0],
                        .value = arguments.words[1]};
  const auto wanted = static_cast<std::size_t>(arguments.limit);  // 0: all
  std::size_t rows = 0;
  std::string from = arguments.words[0];
  Completion all;
  for (int pages = 1;; ++pages) {
    const std::size_t left = wanted == 0 ? kMaxScanRows : wanted - rows;
    Operation page = whole;
    page.key = from;
    page.number =
        static_cast<std::int64_t>(std::min<std::size_t>(left, kMaxScanRows));
    Completion completion = client.Execute(page);
    if (!Fits(completion, 1)) return kFailed;
    if (completion.status != ReplyStatus::kDone) {
      if (arguments.json) PrintJson(completion, {&whole, 1}, pages);
      if (pages > 1) SayWhereItGoesOn(whole, from);
      return ExplainNotDone(completion, client, arguments.timeout_ms,
                            way.limits);
    }
    OperationResult& result = completion.results[0];
    rows += result.rows.size();
    from = result.value;
    const bool ends = from.empty() || rows == wanted || result.rows.empty();
    if (!arguments.json) {
      PrintRows(result);
      if (ends && !from.empty()) SayWhereItGoesOn(whole, from);
    } else if (pages == 1) {
      all = std::move(completion);
    } else {
      all.results[0].value = from;
      std::ranges::move(result.rows, std::back_inserter(all.results[0].rows));
    }
    if (ends && arguments.json) PrintJson(all, {&whole, 1}, pages);
    // No further page for nobody.
    if (ends || FlushStandardOutput() != 0) return kDone;
  }
}

int ExecuteRow(const KvArguments& arguments, const OperationRow& row) {
  if (row.gives == Gives::kRows) return ExecuteScan(arguments);
  std::vector<std::string_view> words = {row.word};
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    words.push_back(arguments.words[i]);
  }
  const absl::StatusOr<Operation> operation = ParseOperation(words);
  if (!operation.ok()) {
    PrintError("kv", Text(operation.status()));
    return kWrongUsage;
  }
  return Execute(arguments, {&*operation, 1});
}

int ExecuteBatch(const KvArguments& arguments) {
  const std::string name = arguments.file == "-"
                               ? "standard input"
                               : fmt::format("\"{}\"", arguments.file);
  const absl::StatusOr<std::string> text =
      ReadUserFile(arguments.file, kMostBatchTextBytes);
  if (!text.ok()) {
    PrintError("kv",
               fmt::format("cannot read {}: {}", name, Text(text.status())));
    return kWrongUsage;
  }
  const absl::StatusOr<BatchText> batch = ParseBatchText(*text);
  if (!batch.ok()) {
    PrintError("kv", fmt::format("{}: {}", name, Text(batch.status())));
    return kWrongUsage;
  }
  return Execute(arguments, batch->operations);
}

CLI::App* AddSubcommand(CLI::App& app, std::string_view name,
                        std::string_view about) {
  CLI::App* sub = app.add_subcommand(std::string(name), std::string(about));
  sub->fallthrough();  // --config and the like may come last.
  return sub;
}

// A sub-command of kv with its positional arguments.
CLI::App* AddOperation(CLI::App& app, const OperationRow& row,
                       KvArguments& arguments) {
  CLI::App* sub = AddSubcommand(app, row.word, row.about);
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    const Argument& argument = row.arguments[i];
    if (argument.form == Argument::Form::kRows) {
      sub->add_option("--limit", arguments.limit,
                      "most rows; without it all of the range, page by page")
          ->check(CLI::Range(1, 1000000000));
      continue;
    }
    sub->add_option(std::string(argument.word), arguments.words[i])
        ->required(!argument.may_be_left_out);
  }
  return sub;
}

}  // namespace

int KvMain(int argc, const char* const* argv) {
  KvArguments arguments;
  CLI::App app("Executes one command on a cluster.", "quorate kv");
  app.footer(kExamples);
  app.require_subcommand(1);
  AddConfigOption(app, arguments.config);
  app.add_option("--node", arguments.node,
                 "only through this node, as named in the file")
      ->type_name("NAME");
  app.add_flag("--json", arguments.json, "print the whole answer as JSON");
  app.add_option("--timeout-ms", arguments.timeout_ms, "give up after so long")
      ->check(CLI::Range(1, 3600000))
      ->capture_default_str();

  std::array<const CLI::App*, kClientOperations.size()> operations{};
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operations[i] = AddOperation(app, RowOf(kClientOperations[i]), arguments);
  }
  CLI::App* batch = AddSubcommand(
      app, "batch", "execute the operations of a file as one atomic command");
  batch->add_option("FILE", arguments.file)->required();
  batch->footer(
      "FILE (\"-\" is stdin) has one operation a line, as after \"quorate "
      "kv\":\n"
      "  add alice -5\n  add bob 5\n  get \"a key with spaces\\n\"\n"
      "  scan user: user; 10          (FIRST END LIMIT)\n"
      "Quoted words may hold \\\" \\\\ \\n \\t \\r \\xHH; lines that begin "
      "with # are skipped.\nAll operations take effect at one moment, in "
      "this order; one that fails (a cas that\ndoes not match, say) changes "
      "nothing and does not stop the others.");

  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i]->parsed()) continue;
    return ExecuteRow(arguments, RowOf(kClientOperations[i]));
  }
  return ExecuteBatch(arguments);
}

}  // namespace quorate::cli
