// Answers: what can be asked of `quorate bench`?
//
// The command line as a value, checked: flags override the workload file or
// preset, which overrides the defaults. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "experiments/bench/load_generator.h"
#include "experiments/bench/workload.h"
#include "replica/config/config.h"
#include "wire/operations.h"

namespace quorate::bench {

struct BenchOptions {
  std::string config_path;
  std::string node;  // begin at this one only
  std::string site;  // where the clients are; empty: beside their nodes
  // Workload.
  std::string workload;  // a..f or a file
  std::optional<double> conflict;
  std::optional<double> zipf;
  std::array<std::optional<double>, kAllOperationKinds> mix;  // by kind
  std::optional<std::uint64_t> value_size;
  std::optional<std::uint64_t> keys;
  std::string key_prefix;
  std::optional<bool> preload;
  std::optional<std::uint64_t> seed;
  // Load.
  std::optional<std::size_t> clients;
  std::size_t pipeline = 1;
  std::optional<double> rate;
  std::string arrivals = "poisson";
  std::optional<std::size_t> connections;
  int give_up_ms = 10000;
  std::optional<double> duration_s;
  std::optional<double> warmup_s;
  std::uint64_t operations = 0;
  // Results.
  int timeline_ms = 1000;
  std::string history_path;
  std::string out;
  bool force = false;
  bool json = false;
  bool quiet = false;
};

// The exit code of wrong usage.
inline constexpr int kWrongUsage = 2;

// `argv[0]` is "bench". On --help and on wrong usage the text has been printed
// and the exit code is returned instead of options.
struct ParsedCommandLine {
  std::optional<BenchOptions> options;
  int exit_code = 0;
};
ParsedCommandLine ParseCommandLine(int argc, const char* const* argv);

// The workload that the options describe. Reads the workload file.
absl::StatusOr<WorkloadSpec> ChooseWorkload(const BenchOptions& options);

// Names of the sites of a cluster, in order of their first node: the nodes'
// sites, or the nodes' names where they have none.
std::vector<std::string> SiteNames(const ClusterConfig& config);

// `seed`: if the options have none.
absl::StatusOr<LoadOptions> MakeLoadOptions(const BenchOptions& options,
                                            const WorkloadSpec& workload,
                                            const ClusterConfig& config,
                                            std::uint64_t seed = 1);

}  // namespace quorate::bench
