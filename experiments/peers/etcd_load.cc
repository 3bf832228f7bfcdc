// Answers: what does etcd do under the same load?
//
// The closed loop of `quorate bench` against etcd's v3 interface: N clients
// with one put or get outstanding each, over gRPC's asynchronous interface and
// a few channels, from one thread. The same workloads, the same histograms and
// the same result.json, so that the two systems differ in the system alone.
// Puts go to the leader unless --all-members is given: that saves etcd a hop.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "etcd_kv.grpc.pb.h"
#include "experiments/bench/machine_info.h"
#include "experiments/bench/output_file.h"
#include "experiments/bench/recorder.h"
#include "experiments/bench/result.h"
#include "experiments/bench/workload.h"
#include "experiments/plot/result_text.h"
#include "fmt/format.h"
#include "replica/system/strict_numbers.h"

namespace quorate::bench {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;
constexpr int kNoAnswer = 3;

struct EtcdOptions {
  std::vector<std::string> endpoints;
  std::vector<int> pids;
  std::size_t clients = 1;
  std::size_t channels = 4;
  double duration_s = 10;
  double warmup_s = 2;
  std::uint64_t seed = 1;
  double reads = 0;
  std::uint64_t value_size = 16;
  std::uint64_t keys = 100'000;
  bool all_members = false;
  std::string durability = "fsync";
  std::string out = "result.json";
  bool force = false;
  bool json = false;
};

std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::chrono::system_clock::time_point InSeconds(double seconds) {
  return std::chrono::system_clock::now() +
         std::chrono::microseconds(static_cast<std::int64_t>(seconds * 1e6));
}

// One client: at most one call under way.
struct Call {
  std::size_t client = 0;
  std::int64_t start_ns = 0;
  // A context serves one call only.
  std::unique_ptr<grpc::ClientContext> context;
  grpc::Status status;
  etcdserverpb::PutResponse put_response;
  etcdserverpb::RangeResponse range_response;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::PutResponse>>
      put;
  std::unique_ptr<grpc::ClientAsyncResponseReader<etcdserverpb::RangeResponse>>
      range;
};

class EtcdLoad {
 public:
  EtcdLoad(const EtcdOptions& options, const WorkloadSpec& spec,
           const std::vector<std::string>& endpoints)
      : options_(options),
        source_(spec, options.seed, options.clients, 1, false),
        recorder_(MakeWindow(options), 1),
        calls_(options.clients) {
    for (std::size_t i = 0; i < options.channels; ++i) {
      grpc::ChannelArguments arguments;
      // Else gRPC would share one connection between equal channels.
      arguments.SetInt("quorate.channel", static_cast<int>(i));
      stubs_.push_back(etcdserverpb::KV::NewStub(grpc::CreateCustomChannel(
          endpoints[i % endpoints.size()], grpc::InsecureChannelCredentials(),
          arguments)));
    }
  }

  // Runs to the end of the window and waits for what is under way.
  void Run(RunFacts& facts) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      calls_[i].client = i;
      Start(calls_[i], Now());
    }
    std::vector<double> pids_before;
    MachineCpu machine_before;
    double cpu_before = 0;
    bool measuring = false;
    bool finished = false;
    while (under_way_ > 0) {
      void* tag = nullptr;
      bool ok = false;
      const auto next = completions_.AsyncNext(&tag, &ok, InSeconds(0.05));
      const std::int64_t now = Now();
      recorder_.Advance(now);
      if (!measuring && now >= recorder_.window().start_ns) {
        measuring = true;
        cpu_before = ProcessCpuSeconds();
        machine_before = ReadMachineCpu();
        pids_before = ReadPids();
      }
      if (!finished && now >= recorder_.window().end_ns) {
        finished = true;
        stopping_ = true;
        NoteCosts(cpu_before, machine_before, pids_before, facts);
        recorder_.Finish(now);
      }
      if (next == grpc::CompletionQueue::GOT_EVENT) {
        Finish(*static_cast<Call*>(tag), now, facts);
      }
    }
    facts.submitted = submitted_;
  }

  const Recorder& recorder() const { return recorder_; }

 private:
  static Window MakeWindow(const EtcdOptions& options) {
    const auto ns = [](double seconds) {
      return static_cast<std::int64_t>(seconds * 1e9);
    };
    const std::int64_t start = Now() + ns(options.warmup_s);
    return {.start_ns = start, .end_ns = start + ns(options.duration_s)};
  }

  void Start(Call& call, std::int64_t now) {
    const Operation& operation = source_.Next(call.client)[0];
    etcdserverpb::KV::Stub& stub = *stubs_[call.client % stubs_.size()];
    call.start_ns = now;
    call.context = std::make_unique<grpc::ClientContext>();
    call.context->set_deadline(InSeconds(10));
    call.put.reset();
    call.range.reset();
    if (operation.kind == OperationKind::kGet) {
      etcdserverpb::RangeRequest request;
      request.set_key(std::string(operation.key));
      call.range = stub.AsyncRange(call.context.get(), request, &completions_);
      call.range->Finish(&call.range_response, &call.status, &call);
    } else {
      etcdserverpb::PutRequest request;
      request.set_key(std::string(operation.key));
      request.set_value(std::string(operation.value));
      call.put = stub.AsyncPut(call.context.get(), request, &completions_);
      call.put->Finish(&call.put_response, &call.status, &call);
    }
    ++under_way_;
    ++submitted_;
  }

  void Finish(Call& call, std::int64_t now, RunFacts& facts) {
    --under_way_;
    if (call.status.ok()) {
      ++facts.answered;
      if (call.range != nullptr) {
        recorder_.Operation(OperationKind::kGet,
                            call.range_response.count() == 0);
      } else {
        recorder_.Operation(OperationKind::kPut, false);
      }
      // etcd does not tell when it decided; the two are one.
      recorder_.Answer(0, call.start_ns, 0);
    } else {
      ++facts.errors[fmt::format("grpc_{}",
                                 static_cast<int>(call.status.error_code()))];
      recorder_.Error();
    }
    if (!stopping_) Start(call, now);
  }

  std::vector<double> ReadPids() const {
    std::vector<double> seconds;
    for (int pid : options_.pids) seconds.push_back(ProcessCpuSeconds(pid));
    return seconds;
  }

  void NoteCosts(double cpu_before, const MachineCpu& machine_before,
                 const std::vector<double>& pids_before,
                 RunFacts& facts) const {
    facts.client_cpu_s = ProcessCpuSeconds() - cpu_before;
    const MachineCpu machine = ReadMachineCpu();
    facts.machine_cpu = {machine.busy_s - machine_before.busy_s,
                         machine.total_s - machine_before.total_s};
    const std::vector<double> pids = ReadPids();
    for (std::size_t i = 0; i < pids.size() && i < facts.nodes.size(); ++i) {
      facts.nodes[i].cpu_s = pids[i] - pids_before[i];
    }
  }

  const EtcdOptions& options_;
  CommandSource source_;
  Recorder recorder_;
  std::vector<std::unique_ptr<etcdserverpb::KV::Stub>> stubs_;
  grpc::CompletionQueue completions_;
  std::vector<Call> calls_;
  std::size_t under_way_ = 0;
  std::uint64_t submitted_ = 0;
  bool stopping_ = false;
};

struct Member {
  bool up = false;
  bool leads = false;
  std::string version;
  std::string error;
};

Member AskMember(const std::string& endpoint) {
  auto stub = etcdserverpb::Maintenance::NewStub(
      grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(InSeconds(3));
  context.set_wait_for_ready(true);
  etcdserverpb::StatusResponse response;
  const grpc::Status status = stub->Status(&context, {}, &response);
  if (!status.ok()) return {.error = status.error_message()};
  return {.up = true,
          .leads = response.leader() == response.header().member_id(),
          .version = response.version()};
}

WorkloadSpec MakeSpec(const EtcdOptions& options) {
  WorkloadSpec spec;
  if (options.reads > 0) spec.mix[OperationKind::kGet] = options.reads;
  spec.value_size = options.value_size;
  spec.keys = options.keys;
  spec.preload = false;
  return spec;
}

int Report(const RunFacts& facts, const Recorder& recorder,
           const EtcdOptions& options, OutputFile& file) {
  Json result = MakeResult(facts, recorder);
  result["latency_ms"]["commit"]["count"] = 0;
  result["histogram_ns"]["commit"] = Json::array();
  const absl::Status written = WriteResult(result, file);
  if (!written.ok()) {
    fmt::print(stderr, "etcd_load: {}\n", std::string(written.message()));
    return kFailed;
  }
  if (options.json) {
    fmt::print("{}\n", result.dump(1));
  } else {
    fmt::print("{}saved     {}\n", FormatResult(result), file.path());
  }
  return recorder.answers() > 0 ? kDone : kNoAnswer;
}

int RunEtcdLoad(const EtcdOptions& options) {
  auto file = OutputFile::Open("result", options.out, options.force);
  if (!file.ok()) {
    fmt::print(stderr, "etcd_load: {}\n", std::string(file.status().message()));
    return kWrongUsage;
  }
  const WorkloadSpec spec = MakeSpec(options);
  RunFacts facts{.system = "etcd",
                 .protocol = "raft",
                 .durability = options.durability,
                 .sites = {"client"},
                 .workload = spec,
                 .seed = options.seed,
                 .clients = options.clients,
                 .pipeline = 1,
                 .connections = options.channels,
                 .warmup_s = options.warmup_s};
  std::vector<std::string> used;
  for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
    const std::string& endpoint = options.endpoints[i];
    const Member member = AskMember(endpoint);
    if (!member.up) {
      fmt::print(stderr, "etcd_load: {} does not answer: {}\n", endpoint,
                 member.error);
      return kNoAnswer;
    }
    facts.system = "etcd " + member.version;
    facts.nodes.push_back(
        {.name = fmt::format("m{}", i + 1), .address = endpoint, .up = true});
    if (options.all_members || member.leads) used.push_back(endpoint);
  }
  if (used.empty()) {
    fmt::print(stderr,
               "etcd_load: none of the members leads; wait for the "
               "election or give --all-members\n");
    return kNoAnswer;
  }
  EtcdLoad load(options, spec, used);
  load.Run(facts);
  return Report(facts, load.recorder(), options, *file);
}

}  // namespace

int EtcdMain(int argc, const char* const* argv) {
  CLI::App app("Loads etcd as quorate bench loads quorate", "etcd_load");
  EtcdOptions options;
  app.add_option("--endpoints", options.endpoints,
                 "client addresses of all members, host:port")
      ->delimiter(',')
      ->required();
  app.add_option("--clients", options.clients,
                 "clients with one command outstanding each")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--channels", options.channels, "connections")
      ->check(CLI::Range(1, 1'000));
  app.add_option("--duration", options.duration_s, "seconds that are measured")
      ->check(Between(0.01, 1e6));
  app.add_option("--warmup", options.warmup_s, "seconds before that")
      ->check(Between(0, 1e6));
  app.add_option("--reads", options.reads, "percent of commands that are gets");
  app.add_option("--value-size", options.value_size, "bytes");
  app.add_option("--keys", options.keys, "number of keys");
  app.add_option("--seed", options.seed, "of the workload");
  app.add_option("--pids", options.pids,
                 "process ids of the members, in order, to measure their CPU")
      ->delimiter(',');
  app.add_option("--durability", options.durability,
                 "how etcd was started; only named in the result");
  app.add_flag("--all-members", options.all_members,
               "spread the clients over all members, not the leader alone");
  app.add_option("--out", options.out, "the result file");
  app.add_flag("--force", options.force,
               "replace a result that is there already");
  app.add_flag("--json", options.json, "print the result as JSON");
  UseStrictArguments(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return RunEtcdLoad(options);
}

}  // namespace quorate::bench

int main(int argc, char** argv) { return quorate::bench::EtcdMain(argc, argv); }
