// Answers: how do whole replicas do between regions, in virtual time?
//
//   quorate-far --wan epaxos5 --fast-path atlas --faults 1 --conflicts 2
//   quorate-far --wan epaxos5 --seconds 3600 --rate 20
//     --jitter "lognormal 2 0.5" --stalls-per-minute 1
//   quorate-far --wan epaxos5 --unmeasured     as if nothing were measured
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "replica/base/protocols.h"
#include "replica/base/quorum.h"
#include "tests/plan/far_cluster.h"
#include "wire/wan/load.h"

namespace quorate::plan {
namespace {

void Print(const FarOptions& options, const FarResult& result) {
  for (const FarSite& site : result.sites) {
    fmt::print(
        "{:12} commit p50 {:7.1f}  p99 {:7.1f}  p99.9 {:7.1f}  "
        "execute p50 {:7.1f}  p99.9 {:7.1f} ms\n",
        site.name, QuantileMs(site.commit_us, 0.5),
        QuantileMs(site.commit_us, 0.99), QuantileMs(site.commit_us, 0.999),
        QuantileMs(site.execute_us, 0.5), QuantileMs(site.execute_us, 0.999));
  }
  fmt::print("{:12} commit p50 {:7.1f}  p99 {:7.1f}  p99.9 {:7.1f} ms\n", "all",
             result.CommitMs(0.5), result.CommitMs(0.99),
             result.CommitMs(0.999));
  fmt::print(
      "{} {} f {}, {} commands, {:.1f} % fast, {:.1f} messages a "
      "command, {} recoveries, {} sent again, {} suspicions\n",
      Name(options.settings.protocol), Name(options.settings.fast_path),
      options.settings.faults, result.commands, result.FastPercent(),
      result.MessagesPerCommand(), result.recoveries, result.retransmissions,
      result.suspicions);
  for (const auto& [kind, unused] : result.messages) {
    fmt::print(" {} {:.2f}", kind, result.MessagesPerCommand(kind));
  }
  fmt::print("\n");
}

int Main(int argc, char** argv) {
  CLI::App app{"Whole replicas between regions, in virtual time."};
  FarOptions options;
  std::string wan = "epaxos5";
  std::string rule = "epaxos";
  std::string protocol = "epaxos";
  std::string jitter = "none";
  bool unmeasured = false;
  app.add_option("--wan", wan, "a built-in matrix or a CSV file");
  app.add_option("--protocol", protocol, "epaxos or bpaxos");
  app.add_option("--fast-path", rule, "epaxos, atlas or unanimous");
  app.add_option("--faults", options.settings.faults);
  app.add_flag("--thrifty", options.settings.thrifty);
  app.add_option("--rate", options.commands_per_s, "commands a second");
  app.add_option("--conflicts", options.conflict_percent, "percent");
  app.add_option("--seconds", options.seconds);
  app.add_option("--jitter", jitter, "as in [wan]");
  app.add_option("--stalls-per-minute", options.stalls_per_minute,
                 "of each node");
  app.add_option("--stall-ms", options.stall_ms);
  app.add_option("--sync-us", options.sync_us);
  app.add_option("--retransmit-ticks", options.settings.retransmit_ticks);
  app.add_option("--seed", options.seed);
  app.add_flag("--unmeasured", unmeasured, "nobody learns distances");
  CLI11_PARSE(app, argc, argv);
  const auto matrix = wan::Load(wan);
  const auto parsed_jitter = ParseJitter(jitter);
  const auto parsed_rule = ParseFastPathRule(rule);
  const auto parsed_protocol = ParseProtocol(protocol);
  if (!matrix.ok() || !parsed_jitter.ok() || !parsed_rule || !parsed_protocol) {
    fmt::print(stderr, "{} {}\n", std::string(matrix.status().message()),
               std::string(parsed_jitter.status().message()));
    return 2;
  }
  options.settings.replicas = static_cast<int>(matrix->size());
  options.settings.fast_path = *parsed_rule;
  options.settings.protocol = *parsed_protocol;
  options.jitter = *parsed_jitter;
  options.measures = !unmeasured;
  if (const absl::Status valid = ValidateSettings(options.settings);
      !valid.ok()) {
    fmt::print(stderr, "{}\n", std::string(valid.message()));
    return 2;
  }
  Print(options, RunFar(*matrix, options));
  return 0;
}

}  // namespace
}  // namespace quorate::plan

int main(int argc, char** argv) { return quorate::plan::Main(argc, argv); }
