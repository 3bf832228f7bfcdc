// The program `quorate`: picks the sub-command that the first argument names.
// It is here, above all else, because the sub-commands come from several
// folders that may not see each other.
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/system/standard_streams.h"
#ifdef QUORATE_HAS_BENCH
#include "experiments/bench/bench_main.h"
#endif
#ifdef QUORATE_HAS_PLAN
#include "experiments/plan/plan_main.h"
#endif
#ifdef QUORATE_HAS_REPORT
#include "experiments/plot/report_main.h"
#endif

namespace {

struct SubCommand {
  const char* name;
  int (*main)(int argc, const char* const* argv);
  const char* about;
  // kv says what its operation makes of it.
  quorate::OutputIs output = quorate::OutputIs::kAReport;
};

constexpr quorate::OutputIs kAnswers = quorate::OutputIs::kTheAnswer;

constexpr SubCommand kSubCommands[] = {
    {"serve", quorate::cli::ServeMain, "run one node in the foreground"},
    {"local", quorate::cli::LocalMain,
     "start, look after and stop a cluster on this machine"},
    {"kv", quorate::cli::KvMain,
     "execute one command: a get, a put, a batch of several, ..."},
    {"status", quorate::cli::StatusMain, "ask all nodes how they are",
     kAnswers},
#ifdef QUORATE_HAS_BENCH
    {"bench", quorate::bench::BenchMain, "measure a running cluster"},
#endif
#ifdef QUORATE_HAS_REPORT
    {"report", quorate::bench::ReportMain,
     "show, draw and compare results of bench", kAnswers},
#endif
#ifdef QUORATE_HAS_PLAN
    {"plan", quorate::plan::PlanMain,
     "predict latencies from distances, find the best places", kAnswers},
#endif
    {"settings", quorate::cli::SettingsMain, "list what cluster.toml can say",
     kAnswers},
    {"conflicts", quorate::cli::ConflictsMain, "print which operations commute",
     kAnswers},
    {"matrices", quorate::cli::MatricesMain,
     "list or print matrices of distances between sites", kAnswers},
};

void PrintHelp() {
  fmt::print(
      "Quorate: a leaderless, strongly consistent, durable key-value store.\n\n"
      "Usage: quorate COMMAND ...\n\n");
  for (const SubCommand& command : kSubCommands) {
    fmt::print("  {:10} {}\n", command.name, command.about);
  }
  fmt::print(
      "\nExamples:\n"
      "  quorate local up --nodes 3 --dir out/c\n"
      "  quorate kv put greeting hello --config out/c/cluster.toml\n"
      "  quorate status --config out/c/cluster.toml\n"
      "  quorate local down --dir out/c\n"
      "\"quorate COMMAND --help\" tells more; \"quorate --version\" which "
      "version this is.\n");
}

int ExplainUnknown(std::string_view word) {
  fmt::print(stderr, "quorate: there is no command \"{}\"\n", word);
  std::vector<std::string> known = {"--help", "--version"};
  for (const SubCommand& command : kSubCommands) {
    known.emplace_back(command.name);
  }
  const std::string_view nearest = quorate::cli::Nearest(word, known);
  if (!nearest.empty()) fmt::print(stderr, "did you mean \"{}\"?\n", nearest);
  fmt::print(stderr, "see \"quorate --help\"\n");
  return quorate::cli::kWrongUsage;
}

int Run(int argc, const char* const* argv) {
  quorate::DeclareOutput(kAnswers);  // What help is.
  if (argc < 2) {
    fmt::print(stderr, "quorate: which command? see \"quorate --help\"\n");
    return quorate::cli::kWrongUsage;
  }
  const std::string_view word = argv[1];
  if (word == "--help" || word == "-h" || word == "help") {
    PrintHelp();
    return quorate::cli::kDone;
  }
  if (word == "--version") {
    fmt::print("quorate {}\n", QUORATE_VERSION);
    return quorate::cli::kDone;
  }
  for (const SubCommand& command : kSubCommands) {
    if (word != command.name) continue;
    quorate::DeclareOutput(command.output);
    return command.main(argc - 1, argv + 1);
  }
  return ExplainUnknown(word);
}

}  // namespace

int main(int argc, char** argv) {
  quorate::PrepareStandardStreams();
  const int exit_code = Run(argc, argv);
  return quorate::FinishStandardStreams("quorate", exit_code);
}
