// quorate-sim: runs seeds of the deterministic simulation (README.md).
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "replica/base/quorum.h"
#include "replica/system/standard_streams.h"
#include "replica/system/strict_numbers.h"
#include "tests/model/mutants.h"
#include "tests/sim/bugs.h"
#include "tests/sim/runner.h"
#include "tests/sim/toy_machine.h"

namespace quorate::sim {
namespace {

constexpr int kViolation = 1;
constexpr int kWrongUsage = 2;

using SeedRange = std::pair<std::uint64_t, std::uint64_t>;

// "5..20", both ends included.
std::optional<SeedRange> ParseRange(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  SeedRange range;
  const auto parse = [](std::string_view number, std::uint64_t& value) {
    const char* end = number.data() + number.size();
    const auto [stop, error] = std::from_chars(number.data(), end, value);
    return error == std::errc() && stop == end;
  };
  if (!parse(text.substr(0, dots), range.first) ||
      !parse(text.substr(dots + 2), range.second) ||
      range.first > range.second) {
    return std::nullopt;
  }
  return range;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Null for an empty path, and, with a word on stderr, when it cannot be opened.
File Open(const std::string& path) {
  File file(path.empty() ? nullptr : std::fopen(path.c_str(), "w"),
            &std::fclose);
  if (file == nullptr && !path.empty()) {
    std::fprintf(stderr, "quorate-sim: cannot write \"%s\"\n", path.c_str());
  }
  return file;
}

// False, with a word on stderr, when not all of it could be written.
bool Close(File file, const std::string& path) {
  if (file == nullptr) return true;
  const bool complete = std::ferror(file.get()) == 0;
  if (std::fclose(file.release()) == 0 && complete) return true;
  std::fprintf(stderr, "quorate-sim: \"%s\" is incomplete\n", path.c_str());
  return false;
}

int RunRange(const SeedRange& range, const RunOptions& options, bool hashes) {
  SimulationStatistics total;
  std::uint64_t failures = 0;
  std::uint64_t hash = 0;
  for (std::uint64_t seed = range.first;; ++seed) {
    const SeedResult result = RunSeed(seed, options);
    total.Add(result.statistics);
    hash = hash * 31 + result.trace_hash;
    if (hashes) {
      std::printf("seed %llu: trace %016llx\n",
                  static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(result.trace_hash));
    }
    if (!result.ok) {
      ++failures;
      std::fputs(result.failure.c_str(), stdout);
    }
    if (seed == range.second) break;
  }
  std::printf("trace %016llx\n%llu seeds, %llu failed: %s\n",
              static_cast<unsigned long long>(hash),
              static_cast<unsigned long long>(range.second - range.first + 1),
              static_cast<unsigned long long>(failures),
              Describe(total).c_str());
  if (range.first != range.second) {
    std::printf("marks reached:\n%s", total.marks.Table().c_str());
  }
  return failures == 0 ? 0 : kViolation;
}

bool Names(const std::vector<std::string>& arguments, std::string_view option) {
  return std::ranges::any_of(arguments, [&](const std::string& each) {
    return each == option || each.starts_with(std::string(option) + "=");
  });
}

bool NamesSeed(const std::vector<std::string>& arguments) {
  return Names(arguments, "--seed") || Names(arguments, "--seeds");
}

// A bug without a seed is looked for where it is known to be found. Whoever
// names a seed names the whole world.
std::vector<std::string> WithKnownSeed(std::vector<std::string> arguments,
                                       const std::optional<Bug>& bug) {
  if (!bug.has_value() || NamesSeed(arguments)) return arguments;
  std::vector<std::string> all = CLI::detail::split(bug->found_by, ' ');
  std::erase(all, "");
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

int Main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::string name = BugAmong(arguments);
  if (!name.empty() && name != "none" && !ParseToyBug(name).has_value()) {
    HandOver(argv);
  }
  if (name == "list") {
    std::fputs(BugList().c_str(), stdout);
    return 0;
  }
  const std::optional<Bug> bug = FindBug(name);
  if (bug.has_value() && !bug->has_seed() && !NamesSeed(arguments)) {
    FindElsewhere(*bug);
    std::fprintf(stderr,
                 "quorate-sim: what finds %s (%s) is not built; \"bash "
                 "tests/mutants.sh %s\" builds and runs it\n",
                 name.c_str(), bug->found_by.c_str(), name.c_str());
    return kWrongUsage;
  }
  arguments = WithKnownSeed(std::move(arguments), bug);
  RunOptions options;
  options.program = argv[0];
  std::uint64_t seed = 1;
  std::string seeds;
  std::string faults = "all";
  std::string trace;
  bool hashes = false;
  std::string history;
  std::string fast_path;
  std::string roles;
  CLI::App app(
      "Simulates a faulty cluster in virtual time; one seed decides all.\n"
      "  quorate-sim --seed 7 --trace seven.txt\n"
      "  quorate-sim --seeds 1..100 --replicas 3 --faults crash,loss");
  app.option_defaults()->take_last();
  app.add_option("--seed", seed, "run this seed and print its trace's hash");
  app.add_option("--seeds", seeds, "run seeds A..B and print the figures");
  app.add_option("--protocol", options.protocol, ProtocolNames() + ", or toy");
  app.add_option("--replicas", options.replicas, "nodes, 3 to 9");
  app.add_option("--faults", faults,
                 "kinds that may occur: all, none, or some of " +
                     FaultSet::All().ToString());
  app.add_option("--operations", options.operations,
                 "commands a seed; drawn when left out");
  app.add_flag("--real-store", options.real_store,
               "the real store in every world, not in a few of a hundred");
  app.add_flag("--contended", options.contended,
               "everybody writes one key, and faults strike all the time");
  app.add_flag("--impatient", options.impatient,
               "clients give up soon, withdraw what they asked for and go on");
  app.add_flag("--measured", options.measured,
               "nodes measure how far their peers are, right or wrong");
  app.add_option("--fast-path", fast_path,
                 "epaxos, atlas or unanimous; drawn when left out")
      ->check(CLI::IsMember({"epaxos", "atlas", "unanimous"}));
  app.add_option("--roles", roles,
                 "bpaxos: every node has all roles (together), one (separate)\n"
                 "or any (mixed); drawn when left out")
      ->check(CLI::IsMember({"together", "separate", "mixed"}));
  app.add_option(
      "--bug", options.bug,
      "plant a bug, and run the seed that is known to find it unless\n"
      "a seed is given; \"list\" names the bugs of the toy and, where\n"
      "quorate-sim-mutants is built, those of the real machine");
  app.add_option("--trace", trace, "write every event as a line");
  app.add_flag("--hashes", hashes, "print the hash of each seed's trace");
  app.add_option("--history", history, "write what the clients saw as JSON");
  UseStrictArguments(app);
  try {
    std::vector<std::string> backwards(arguments.rbegin(), arguments.rend());
    app.parse(backwards);  // CLI11 takes them from the back.
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }

  options.planted = ParseProtocol(options.protocol).has_value() &&
                    model::PlantMutation(options.bug);
  const absl::StatusOr<FaultSet> allowed = FaultSet::Parse(faults);
  absl::Status status = allowed.ok() ? CheckOptions(options) : allowed.status();
  const std::optional<SeedRange> range =
      seeds.empty() ? SeedRange{seed, seed} : ParseRange(seeds);
  if (status.ok() && !range.has_value()) {
    status = absl::InvalidArgumentError("--seeds wants A..B, as in 1..100");
  }
  if (!status.ok()) {
    std::fprintf(stderr, "quorate-sim: %s\n",
                 std::string(status.message()).c_str());
    return kWrongUsage;
  }
  options.faults = *allowed;
  options.fast_path = ParseFastPathRule(fast_path);
  options.roles = ParseRoleLayout(roles);

  File trace_file = Open(trace);
  File history_file = Open(history);
  if ((trace_file == nullptr && !trace.empty()) ||
      (history_file == nullptr && !history.empty())) {
    return kWrongUsage;
  }
  options.trace = trace_file.get();
  options.history = history_file.get();
  ReportOnAbort();
  const int verdict = RunRange(*range, options, hashes);
  const bool traced = Close(std::move(trace_file), trace);
  const bool recorded = Close(std::move(history_file), history);
  return verdict == 0 && !(traced && recorded) ? kWrongUsage : verdict;
}

}  // namespace
}  // namespace quorate::sim

int main(int argc, char** argv) {
  quorate::PrepareStandardStreams();
  return quorate::FinishStandardStreams("quorate-sim",
                                        quorate::sim::Main(argc, argv));
}
