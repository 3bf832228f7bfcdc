// Answers: what does a run leave behind?
//
// result.json, schema 1: the whole setting of the run beside its figures, so
// that a report needs no other file and two results can be compared without
// trust in anybody's memory. More fields may follow under the same schema.
// Times are in milliseconds unless a name says otherwise; a figure that is not
// known is null. Used by `quorate bench` and by the load clients of peers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "experiments/bench/machine_info.h"
#include "experiments/bench/node_status.h"
#include "experiments/bench/output_file.h"
#include "experiments/bench/punctuality.h"
#include "experiments/bench/recorder.h"
#include "experiments/bench/workload.h"
#include "nlohmann/json.hpp"
#include "wire/wan/delay_line.h"

namespace quorate::bench {

using Json = nlohmann::ordered_json;

// One node over the measured window.
struct NodeReport {
  std::string name;
  std::string address;
  std::string site;
  bool up = false;  // at the end
  std::optional<NodeStatus> before;
  std::optional<NodeStatus> after;
  // CPU seconds in the window where no status tells (peers).
  std::optional<double> cpu_s;
};

// The emulated distances of a run.
struct WanReport {
  std::string matrix;  // as the configuration names it
  std::string csv;     // what it says
  std::string jitter;
  std::int64_t bandwidth_mbit = 0;
  std::int64_t seed = 0;
  std::string client_site;  // "": beside their nodes
  Lateness client_lateness;
};

// Everything about a run that the Recorder does not know.
struct RunFacts {
  std::string system = "quorate";
  std::string protocol;
  std::string durability;
  std::string configuration;  // text of the configuration file
  std::string command_line;
  std::string started_at;  // ISO 8601, UTC
  std::vector<NodeReport> nodes;
  std::vector<std::string> sites;  // names, as the Recorder numbers them

  WorkloadSpec workload;
  std::uint64_t seed = 0;
  std::size_t clients = 0;
  std::size_t pipeline = 0;
  std::size_t connections = 0;
  std::optional<double> rate;  // nullopt: closed loop
  std::string arrivals;
  double warmup_s = 0;
  // What was asked for; the Recorder knows how long it was.
  std::optional<double> planned_s;
  std::string interrupted_by;  // "SIGINT"; "" if it was not

  std::uint64_t submitted = 0;  // over the whole run
  std::uint64_t answered = 0;
  std::uint64_t retried = 0;
  std::uint64_t reconnects = 0;
  // Commands of the open loop that were due in the window.
  std::uint64_t offered = 0;
  std::uint64_t unsent = 0;  // of these, never submitted
  // By name of the kind: "busy", "unknown", "not_a_number", ...
  std::map<std::string, std::uint64_t> errors;

  std::optional<WanReport> wan;  // nullopt: all were where they are

  // Nullopt: the client does not watch itself (peers).
  std::optional<Punctuality> punctuality;

  double client_cpu_s = 0;  // in the window
  MachineCpu machine_cpu;   // in the window
  // "1 of 3 nodes up: no quorum (2 needed)", at the end; "" if there was one.
  std::string no_quorum;
  // Nullopt: it could not be told; `state_hash_note` says why.
  std::optional<bool> state_hash_equal;
  std::string state_hash_note;
};

Json MakeResult(const RunFacts& facts, const Recorder& recorder);
// And commits it.
absl::Status WriteResult(const Json& result, OutputFile& file);

// What held the run back.
struct LoadShares {
  bool answered = true;     // anybody, in the window
  double client_cores = 0;  // CPU seconds a second
  double busiest_node_cores = 0;
  double all_nodes_cores = 0;
  double machine_busy = 0;  // share of all cores, 0..1
  double machine_cores = 0;
  double busiest_fsync = 0;  // share of the time, 0..1
  bool overloaded = false;
  bool open_loop = false;
  bool generator_late = false;   // it stood still, or sent late
  double longest_silence_s = 0;  // in which nobody was answered
};
// "no answer" (to anybody, so that there is nothing to explain but that),
// "client" (no more CPU, or not on time), "nodes' CPU", "fsync", "other load"
// (somebody else uses the machine), "offered rate" (an open loop that was
// served in full) or "round trips" (a closed loop that mostly waits). "a stall"
// comes before all but these first, the client's own affairs and other
// programs: for half a second and longer nobody was answered, which no figure
// of the whole window explains.
std::string_view DecideBottleneck(const LoadShares& shares);

}  // namespace quorate::bench
