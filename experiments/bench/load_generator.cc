// The phases of a run: are the nodes there, preload, warm-up, the measured
// window, drain, and the wait until all nodes agree.
#include "experiments/bench/load_generator.h"

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/cord.h"
#include "experiments/bench/descriptors.h"
#include "experiments/bench/load_run.h"
#include "experiments/bench/status_poller.h"
#include "experiments/bench/stop_signals.h"
#include "experiments/bench/text.h"
#include "fmt/format.h"
#include "wire/net/wake_timer.h"

namespace quorate::bench {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr int kStatusTimeoutMs = 3000;
constexpr std::int64_t kRestDeadline = 10 * kSecond;
constexpr std::int64_t kRestPollInterval = kSecond / 20;
// For what is under way when somebody wants to see the end.
constexpr double kInterruptedDrain = 1;
// Waking more often than this buys no precision worth the CPU.
constexpr std::int64_t kShortestSleep = kSecond / 20'000;
// Never sleeping longer than this while measuring: from a late wake-up it is
// seen that the generator itself stood still.
constexpr std::int64_t kHeartbeat = kSecond / 100;

std::int64_t Now() { return static_cast<std::int64_t>(uv_hrtime()); }

std::int64_t Nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

std::vector<NodeStatus> UpNodes(const StatusPoller::Answers& answers) {
  std::vector<NodeStatus> up;
  for (const auto& answer : answers) {
    if (answer) up.push_back(*answer);
  }
  return up;
}

absl::Status EndedEarly(int signal) {
  absl::Status status = absl::CancelledError(fmt::format(
      "ended by {} before anything was measured", SignalName(signal)));
  status.SetPayload(kSignalPayload, absl::Cord(std::to_string(signal)));
  return status;
}

class LoadPhases {
 public:
  LoadPhases(uv_loop_t* loop, WakeTimer& wake, const StopSignals& stop,
             const LoadOptions& options)
      : loop_(loop),
        wake_(wake),
        stop_(stop),
        options_(options),
        poller_(loop, options.client) {}

  absl::StatusOr<LoadOutcome> Run() {
    const absl::Status reachable = FindNodes();
    if (!reachable.ok()) return Close(reachable);
    LoadRun run(loop_, options_);
    absl::Status status = run.OpenHistory();
    if (status.ok()) status = Connect(run);
    if (status.ok()) status = Preload(run);
    if (status.ok() && stopped()) status = EndedEarly(stop_.number());
    if (status.ok()) status = Measure(run);
    if (status.ok()) Drain(run);
    run.CloseConnections();
    if (!status.ok()) {
      const absl::Status closed = Close(status);
      Turn();
      return closed;
    }
    const absl::Status history = run.CloseHistory();
    const Agreement agreement = WaitForRest();
    LoadOutcome outcome = run.TakeOutcome();
    outcome.client_cpu_s = client_cpu_s_;
    outcome.machine_cpu = machine_cpu_;
    outcome.before = before_;
    outcome.after = after_;
    outcome.agreement = agreement;
    outcome.interrupted_by = interrupted_by_;
    outcome.history = history;
    for (const auto& answer : last_) outcome.up.push_back(answer.has_value());
    poller_.Close();
    return outcome;
  }

 private:
  absl::Status Close(const absl::Status& why) {
    TurnUntil(Now() + kRestDeadline, [&] { return !poller_.busy(); });
    poller_.Close();
    return why;
  }

  void Turn() { uv_run(loop_, UV_RUN_NOWAIT); }

  // Turns the loop until `done` or the deadline.
  template <typename Done>
  bool TurnUntil(std::int64_t deadline_ns, Done done) {
    while (!done()) {
      if (Now() >= deadline_ns) return false;
      wake_.Arm(static_cast<std::uint64_t>(deadline_ns));
      uv_run(loop_, UV_RUN_ONCE);
    }
    return true;
  }

  bool stopped() const { return stop_.number() != 0; }

  // Asks all nodes and waits.
  StatusPoller::Answers PollNow() {
    bool answered = false;
    StatusPoller::Answers result;
    TurnUntil(Now() + kRestDeadline, [&] { return !poller_.busy(); });
    poller_.Poll(kStatusTimeoutMs, [&](const StatusPoller::Answers& answers) {
      result = answers;
      answered = true;
    });
    TurnUntil(kNever, [&] { return answered; });
    return result;
  }

  absl::Status FindNodes() {
    before_ = PollNow();
    if (!UpNodes(before_).empty()) return absl::OkStatus();
    std::string reasons;
    for (std::size_t i = 0; i < options_.client.nodes.size(); ++i) {
      reasons += fmt::format("\n  {}: {}", ToString(options_.client.nodes[i]),
                             std::string(poller_.reason(i).message()));
    }
    return absl::UnavailableError("no node answers; is the cluster up?" +
                                  reasons);
  }

  // A run without some of its connections would measure something else.
  absl::Status Connect(LoadRun& run) {
    const std::size_t wanted = std::min(options_.connections, options_.clients);
    const bool all = TurnUntil(Now() + Nanoseconds(options_.connect_s), [&] {
      return run.connections_up() == wanted || stopped();
    });
    if (all) return absl::OkStatus();
    return absl::UnavailableError(fmt::format(
        "only {} of {} connections came up within {} s: {}",
        run.connections_up(), wanted, FormatTrimmed(options_.connect_s),
        std::string(run.ConnectionProblem().message())));
  }

  absl::Status Preload(LoadRun& run) {
    const std::uint64_t count = run.preload_count();
    if (count > 0 && options_.progress) {
      fmt::print(stderr, "preload   {} keys\n", FormatCount(count));
    }
    run.StartPreload();
    // Every put is answered or given up; there is no need for a deadline.
    const auto done = [&] { return run.outstanding() == 0 || stopped(); };
    while (!TurnUntil(Now() + kSecond, done)) {
      if (!options_.progress) continue;
      fmt::print(stderr, "preload   {} of {} keys\n",
                 FormatCount(run.preloaded()), FormatCount(count));
    }
    return stopped() ? absl::OkStatus() : run.preload_status();
  }

  absl::Status Measure(LoadRun& run) {
    const std::int64_t begin = Now();
    const std::int64_t start = begin + Nanoseconds(options_.warmup_s);
    run.Start({.start_ns = start,
               .end_ns = start + Nanoseconds(options_.duration_s),
               .interval_ns = options_.timeline_ms * (kSecond / 1000)},
              begin);
    bool measuring = false;
    std::int64_t next_progress = begin + kSecond;
    wake_at_ = Now();
    for (;;) {
      const std::int64_t now = Now();
      run.recorder().Advance(now);
      run.punctuality().Turn(wake_at_, now);
      if (!measuring && now >= start) {
        measuring = true;
        StartWindow();
      }
      if (now >= next_progress) {
        PrintProgress(run, now - begin, measuring);
        next_progress += kSecond;
      }
      // Before the end is looked at: what was due before it still leaves,
      // however late the loop woke.
      const std::int64_t end = run.recorder().window().end_ns;
      const std::int64_t due = run.SubmitDue(std::min(now, end - 1));
      const bool out_of_commands = run.exhausted() && run.outstanding() == 0;
      if (now >= end || out_of_commands || stopped()) {
        const bool early = now < end && !out_of_commands;
        const bool unanswered = run.recorder().answers() == 0 &&
                                now - start < Nanoseconds(kShortestWindowS);
        if (early && (!measuring || unanswered)) {
          return EndedEarly(stop_.number());
        }
        if (!measuring) return NothingLeft(now - begin);
        if (early) interrupted_by_ = stop_.number();
        EndWindow();
        run.StopSubmitting(now);
        return absl::OkStatus();
      }
      // A step of the heartbeat at a time, not a change of the timer a turn.
      const std::int64_t beat = (now / kHeartbeat + 1) * kHeartbeat;
      wake_at_ = std::min(
          {std::max(due, now + kShortestSleep), beat, measuring ? end : start});
      wake_.Arm(static_cast<std::uint64_t>(wake_at_));
      uv_run(loop_, UV_RUN_ONCE);
    }
  }

  absl::Status NothingLeft(std::int64_t after_ns) const {
    return absl::FailedPreconditionError(fmt::format(
        "all {} operations were done {} s into a warm-up of {} s, and nothing "
        "was left to measure; take more --operations or a shorter --warmup",
        FormatCount(options_.operations),
        FormatTrimmed(static_cast<double>(after_ns) * 1e-9),
        FormatTrimmed(options_.warmup_s)));
  }

  void StartWindow() {
    cpu_at_start_ = ProcessCpuSeconds();
    machine_at_start_ = ReadMachineCpu();
    poller_.Poll(kStatusTimeoutMs,
                 [this](const StatusPoller::Answers& now) { before_ = now; });
  }

  void EndWindow() {
    client_cpu_s_ = ProcessCpuSeconds() - cpu_at_start_;
    const MachineCpu now = ReadMachineCpu();
    machine_cpu_ = {now.busy_s - machine_at_start_.busy_s,
                    now.total_s - machine_at_start_.total_s};
    // Refused only while the first poll is still waiting for a dead node.
    poller_.Poll(kStatusTimeoutMs, [this](const StatusPoller::Answers& at_end) {
      after_ = at_end;
    });
  }

  void Drain(LoadRun& run) {
    const std::int64_t begin = Now();
    const auto deadline = [&] {
      return begin + Nanoseconds(stopped() ? std::min(options_.drain_s,
                                                      kInterruptedDrain)
                                           : options_.drain_s);
    };
    // A generator that stands still here sees answers late as well.
    while (run.outstanding() > 0 && Now() < deadline()) {
      wake_at_ = std::min(deadline(), Now() + kHeartbeat);
      wake_.Arm(static_cast<std::uint64_t>(wake_at_));
      uv_run(loop_, UV_RUN_ONCE);
      run.punctuality().Turn(wake_at_, Now());
    }
    TurnUntil(Now() + kRestDeadline, [&] { return !poller_.busy(); });
    if (after_.empty()) after_ = PollNow();
  }

  // Nodes may still be executing, and one may be catching up.
  Agreement WaitForRest() {
    const std::int64_t deadline = Now() + kRestDeadline;
    for (;;) {
      last_ = PollNow();
      const Agreement agreement = CompareStates(UpNodes(last_));
      if (agreement != Agreement::kNotAtRest || Now() >= deadline ||
          stopped()) {
        return agreement;
      }
      TurnUntil(Now() + kRestPollInterval, [this] { return stopped(); });
    }
  }

  void PrintProgress(LoadRun& run, std::int64_t elapsed_ns, bool measuring) {
    ProgressInterval& progress = run.progress();
    if (options_.progress) {
      const auto ms = [&](double quantile) {
        return FormatSignificant(
            static_cast<double>(progress.latency.Quantile(quantile)) * 1e-6);
      };
      fmt::print(stderr,
                 "{:>4} s  {:>10}/s   p50 {:>6} ms   p99 {:>6} ms   "
                 "under way {}   errors {}{}\n",
                 elapsed_ns / kSecond, FormatCount(progress.latency.count()),
                 ms(0.50), ms(0.99), FormatCount(run.outstanding()),
                 FormatCount(progress.errors), measuring ? "" : "   (warm-up)");
    }
    progress.latency.Clear();
    progress.errors = 0;
  }

  uv_loop_t* loop_;
  WakeTimer& wake_;
  const StopSignals& stop_;
  const LoadOptions& options_;
  int interrupted_by_ = 0;
  std::int64_t wake_at_ = 0;  // when the loop turns again at the latest
  StatusPoller poller_;
  StatusPoller::Answers before_;
  StatusPoller::Answers after_;
  StatusPoller::Answers last_;
  double cpu_at_start_ = 0;
  MachineCpu machine_at_start_;
  double client_cpu_s_ = 0;
  MachineCpu machine_cpu_;
};

}  // namespace

absl::StatusOr<LoadOutcome> RunLoad(const LoadOptions& options) {
  // A client may call a second node beside a silent one; and there is one
  // connection a node that asks for its status.
  const absl::Status room =
      EnsureDescriptors(2 * options.connections + options.client.nodes.size());
  if (!room.ok()) return room;
  uv_loop_t loop;
  if (const int error = uv_loop_init(&loop); error != 0) {
    return absl::UnavailableError(
        fmt::format("cannot start an event loop: {}", uv_strerror(error)));
  }
  absl::StatusOr<LoadOutcome> outcome = absl::UnavailableError("not run");
  HandleCount handles;
  {
    // Waking is all it does.
    absl::StatusOr<std::unique_ptr<WakeTimer>> wake =
        WakeTimer::Open(&loop, handles, nullptr);
    if (!wake.ok()) {
      uv_loop_close(&loop);
      return wake.status();
    }
    const StopSignals stop(&loop);
    outcome = LoadPhases(&loop, **wake, stop, options).Run();
  }
  // Every owner has asked for its handles to be closed; let them.
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return outcome;
}

}  // namespace quorate::bench
