// quorate-explore: every way through a small world of real replicas
// (README.md).
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "replica/system/standard_streams.h"
#include "replica/system/strict_numbers.h"
#include "replica/system/user_file.h"
#include "tests/model/completion.h"
#include "tests/model/explorer.h"
#include "tests/model/mutants.h"
#include "tests/model/scenario.h"
#include "tests/model/walker.h"

namespace quorate::model {
namespace {

constexpr int kViolation = 1;
constexpr int kWrongUsage = 2;
constexpr std::size_t kMostScenarioBytes = std::size_t{64} << 20;

struct Options {
  std::vector<std::string> scopes;
  std::string replay;
  std::string save;
  std::string mutation;
  std::uint64_t states = ~std::uint64_t{0};
  int depth = 1 << 20;
  double seconds = 1e9;
  double megabytes = 1e9;
  std::uint64_t walks = 0;
  int walk_steps = 60;
  std::uint64_t seed = 1;
  std::uint64_t endings = 2048;
  bool soak = false;
  bool list = false;
  bool json = false;
};

// How a run ended.
struct Outcome {
  Scope scope;
  std::uint64_t states = 0;
  std::uint64_t transitions = 0;
  std::uint64_t terminal = 0;
  std::uint64_t endings = 0;
  std::uint64_t walks = 0;
  int depth = 0;
  bool complete = false;
  double seconds = 0;
  std::string violation;
  std::vector<std::string> schedule;
};

// Says on a terminal, each second, how far the run is.
class Ticker {
 public:
  void Say(const std::string& text) {
    if (!terminal_ || Seconds() - said_ < 1) return;
    said_ = Seconds();
    std::fprintf(stderr, "\r\033[K%s, %.0f s", text.c_str(), said_);
  }
  void Clear() const {
    if (terminal_) std::fputs("\r\033[K", stderr);
  }
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start_)
        .count();
  }

 private:
  bool terminal_ = isatty(STDERR_FILENO) == 1;
  double said_ = 0;
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

// Of this process, in memory; 0 where that cannot be told.
double MegabytesInUse() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

std::string ScheduleText(const Outcome& outcome, const Options& options) {
  return ScenarioText({.scope = outcome.scope,
                       .mutation = options.mutation,
                       .expects_violation = !outcome.violation.empty(),
                       .actions = outcome.schedule});
}

void Print(const Outcome& outcome, const Options& options) {
  if (options.json) {
    const nlohmann::json line = {{"scope", ScopeText(outcome.scope)},
                                 {"states", outcome.states},
                                 {"transitions", outcome.transitions},
                                 {"terminal", outcome.terminal},
                                 {"endings", outcome.endings},
                                 {"walks", outcome.walks},
                                 {"depth", outcome.depth},
                                 {"complete", outcome.complete},
                                 {"seconds", outcome.seconds},
                                 {"violation", outcome.violation},
                                 {"schedule", outcome.schedule}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf(
      "%s: %s\n  %llu states, %llu transitions, depth %d, "
      "%llu terminal, %llu endings run out, %llu walks; %.1f s\n",
      ScopeText(outcome.scope).c_str(), outcome.scope.about.c_str(),
      static_cast<unsigned long long>(outcome.states),
      static_cast<unsigned long long>(outcome.transitions), outcome.depth,
      static_cast<unsigned long long>(outcome.terminal),
      static_cast<unsigned long long>(outcome.endings),
      static_cast<unsigned long long>(outcome.walks), outcome.seconds);
  if (outcome.violation.empty()) {
    std::printf("  no promise broken%s\n",
                outcome.complete ? ", complete" : "");
    return;
  }
  std::printf("  BROKEN after %zu steps: %s\n\n%s\n", outcome.schedule.size(),
              outcome.violation.c_str(),
              ScheduleText(outcome, options).c_str());
}

// A check inside a machine aborts; the schedule is told all the same.
std::function<std::vector<std::string>()> current_schedule;
const Options* current_options = nullptr;
Scope current_scope;

// abort() was called by the only thread, in no signal-sensitive place.
void HandleAbort(int) {
  std::signal(SIGABRT, SIG_DFL);
  Print({.scope = current_scope,
         .violation = "a check inside the machine, named above, or the step "
                      "after the last",
         .schedule = current_schedule ? current_schedule()
                                      : std::vector<std::string>()},
        *current_options);
  std::fflush(stdout);
  std::_Exit(kViolation);
}

// Which of the living die at the n-th ending: nobody, each alone, and with five
// replicas each with its neighbour; not in BPaxos, whose parts may lose one.
Ending EndingOf(const Scope& scope, std::uint64_t number) {
  Ending ending{.lost = number % 2 == 1};
  number /= 2;
  const auto n = static_cast<std::uint64_t>(scope.replicas);
  const bool pairs = scope.replicas >= 5 && scope.protocol != Protocol::kBpaxos;
  const std::uint64_t choice = number % (pairs ? 2 * n + 1 : n + 1);
  if (choice == 0) return ending;
  ending.dead.Insert(ReplicaAt(static_cast<int>((choice - 1) % n)));
  if (choice > n) ending.dead.Insert(ReplicaAt(static_cast<int>(choice % n)));
  return ending;
}

Outcome Exhaust(const Scope& scope, const Options& options) {
  World world(scope);
  const WorldState start = Open(world);
  Explorer explorer(world, start);
  Ticker ticker;
  current_schedule = [&] { return Lines(world, explorer.PathToCurrent()); };
  Outcome outcome{.scope = scope};
  std::uint64_t inspected = 0;
  std::uint64_t terminal = 0;
  const auto inspect = [&](const WorldState& state,
                           bool is_terminal) -> std::string {
    const std::uint64_t often = is_terminal ? 16 : options.endings;
    const std::uint64_t at = is_terminal ? terminal++ : inspected++;
    if (options.endings == 0 || at % often != 0) return {};
    return FindUnfinished(world, state, EndingOf(scope, outcome.endings++));
  };
  const Exploration found = explorer.Run(
      {.states = options.states, .depth = options.depth}, inspect,
      [&](const Exploration& so_far) {
        ticker.Say(scope.name + ": " + std::to_string(so_far.states) +
                   " states, depth " + std::to_string(so_far.depth));
        return ticker.Seconds() < options.seconds &&
               MegabytesInUse() < options.megabytes;
      });
  outcome.states = found.states;
  outcome.transitions = found.transitions;
  outcome.terminal = found.terminal;
  outcome.depth = found.depth;
  outcome.complete = found.complete;
  outcome.violation = found.violation;
  // Breadth first gives the shortest, but steps of others may lie between. What
  // did not come to an end is no property of a schedule alone.
  const ScheduleRun run{.taken = found.path, .violation = found.violation};
  const bool shrinks = !Take(world, start, found.path).violation.empty();
  outcome.schedule =
      Lines(world, shrinks ? Shrink(world, start, run).taken : found.path);
  outcome.seconds = ticker.Seconds();
  ticker.Clear();
  current_schedule = nullptr;
  return outcome;
}

Outcome WalkAbout(const Scope& scope, const Options& options) {
  Walker walker(scope);
  Ticker ticker;
  current_schedule = [&] { return walker.CurrentSchedule(); };
  const WalkResult found = walker.Run(
      {.walks = options.walks,
       .steps = options.walk_steps,
       .seed = options.seed},
      [&](const WalkResult& so_far) {
        ticker.Say(scope.name + ": " + std::to_string(so_far.walks) + " walks");
      });
  ticker.Clear();
  current_schedule = nullptr;
  return {.scope = scope,
          .transitions = found.steps,
          .walks = found.walks,
          .seconds = ticker.Seconds(),
          .violation = found.violation,
          .schedule = found.schedule};
}

int Wrong(const std::string& message) {
  std::fprintf(stderr, "quorate-explore: %s\n", message.c_str());
  return kWrongUsage;
}

int ReplayFile(Options options) {
  const absl::StatusOr<std::string> text =
      ReadUserFile(options.replay, kMostScenarioBytes);
  if (!text.ok()) {
    return Wrong("cannot read \"" + options.replay +
                 "\": " + std::string(text.status().message()));
  }
  const absl::StatusOr<Scenario> scenario = ParseScenario(*text);
  if (!scenario.ok()) {
    return Wrong(std::string(scenario.status().message()));
  }
  if (options.mutation.empty()) options.mutation = scenario->mutation;
  const bool shipped = options.mutation == "none";
  if (shipped) options.mutation.clear();
  if (!options.mutation.empty() && !PlantMutation(options.mutation)) {
    return Wrong("this program has no mutation \"" + options.mutation +
                 "\"; use quorate-explore-mutants, or --mutation none");
  }
  World world(scenario->scope);
  current_scope = scenario->scope;
  current_schedule = [&] { return scenario->actions; };
  const absl::StatusOr<ScheduleRun> run =
      Replay(world, Open(world), scenario->actions,
             shipped ? WhenImpossible::kSkip : WhenImpossible::kFail);
  current_schedule = nullptr;
  if (!run.ok()) return Wrong(std::string(run.status().message()));
  Print({.scope = scenario->scope,
         .transitions = run->taken.size(),
         .violation = run->violation,
         .schedule = Lines(world, run->taken)},
        options);
  return run->violation.empty() ? 0 : kViolation;
}

int ListScopes() {
  for (const Scope& scope : Scopes()) {
    std::printf(
        "%-4s %d replicas, %zu commands, %d recoveries, %d restarts, "
        "%d retries: %s\n",
        scope.name.c_str(), scope.replicas, scope.commands.size(),
        scope.recoveries, scope.restarts, scope.retries, scope.about.c_str());
  }
  return 0;
}

int RunScopes(const Options& options) {
  int code = 0;
  for (const std::string& text : options.scopes) {
    const absl::StatusOr<Scope> parsed = ParseScope(text);
    if (!parsed.ok()) return Wrong(std::string(parsed.status().message()));
    const Scope scope = options.soak ? Soaked(*parsed) : *parsed;
    current_scope = scope;
    const Outcome outcome =
        options.walks > 0 ? WalkAbout(scope, options) : Exhaust(scope, options);
    Print(outcome, options);
    std::fflush(stdout);
    if (outcome.violation.empty()) continue;
    code = kViolation;
    if (!options.save.empty()) {
      std::ofstream file(options.save);
      file << ScheduleText(outcome, options);
      file.close();
      // The violation is the news all the same.
      if (!file) Wrong("cannot write \"" + options.save + "\"");
    }
  }
  return code;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Explores every way through a small world of real replicas.\n"
      "  quorate-explore --scope X1 --scope X2\n"
      "  quorate-explore --scope 'X1 recoveries=1 restarts=1'\n"
      "  quorate-explore --scope X4 --walks 100000 --seed 7\n"
      "  quorate-explore --replay tests/model/scenarios/no_r3.txt --mutation "
      "none");
  app.add_option("--scope", options.scopes,
                 "the world, with budgets that differ from its own");
  app.add_flag("--list", options.list, "name the scopes");
  app.add_flag("--soak", options.soak, "with budgets for hours, not minutes");
  app.add_option("--states", options.states, "stop after so many states");
  app.add_option("--depth", options.depth, "go no deeper");
  app.add_option("--seconds", options.seconds, "stop after so long");
  app.add_option("--megabytes", options.megabytes, "stop with so much memory");
  app.add_option("--endings", options.endings,
                 "from one of so many states on, run all out; 0: none");
  app.add_option("--walks", options.walks,
                 "walk so often at random instead of going everywhere");
  app.add_option("--walk-steps", options.walk_steps, "length of a walk");
  app.add_option("--seed", options.seed, "of the walks");
  app.add_option("--replay", options.replay, "run a scenario again");
  app.add_option("--save", options.save, "write a schedule that was found");
  app.add_option("--mutation", options.mutation,
                 "plant a bug (quorate-explore-mutants)");
  app.add_flag("--json", options.json, "print a line of JSON a run");
  UseStrictArguments(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  current_options = &options;
  std::signal(SIGABRT, HandleAbort);
  if (options.list) return ListScopes();
  if (!options.replay.empty()) return ReplayFile(options);
  if (!options.mutation.empty() && !PlantMutation(options.mutation)) {
    return Wrong("this program has no mutation \"" + options.mutation + "\"");
  }
  if (options.scopes.empty()) {
    return Wrong("say which --scope, or see --list and --help");
  }
  return RunScopes(options);
}

}  // namespace
}  // namespace quorate::model

int main(int argc, char** argv) {
  quorate::PrepareStandardStreams();
  return quorate::FinishStandardStreams("quorate-explore",
                                        quorate::model::Main(argc, argv));
}
