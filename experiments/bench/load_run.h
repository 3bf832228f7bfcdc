// Answers: which commands are under way, and what does an answer set off?
//
// The heart of the load generator: slots for commands under way, completions
// in, submissions out. A slot's number travels as the command's tag, so that an
// answer finds its slot without a look-up. Knows connections but neither phases
// nor waiting: load_generator.cc has those.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/bench/arrivals.h"
#include "experiments/bench/histogram.h"
#include "experiments/bench/history.h"
#include "experiments/bench/load_generator.h"
#include "experiments/bench/recorder.h"
#include "experiments/bench/workload.h"
#include "replica/client/client.h"

struct uv_loop_s;

namespace quorate::bench {

// What the progress line shows; cleared each time it is printed.
struct ProgressInterval {
  Histogram latency;
  std::uint64_t errors = 0;
};

class LoadRun {
 public:
  LoadRun(uv_loop_s* loop, const LoadOptions& options);

  absl::Status OpenHistory() {
    if (options_.history_path.empty()) return absl::OkStatus();
    return history_.Open(options_.history_path, options_.force);
  }
  absl::Status CloseHistory() {
    return history_.is_open() ? history_.Close() : absl::OkStatus();
  }

  // How many connections are there, and why the first that is not, is not.
  std::size_t connections_up() const;
  absl::Status ConnectionProblem() const;

  // Puts every key once, many a command, over all connections. Answered when
  // outstanding() is back to 0; stops at the first put that is not done.
  void StartPreload();
  absl::Status preload_status() const { return preload_status_; }
  std::uint64_t preloaded() const { return preloaded_; }
  std::uint64_t preload_count() const { return source_.preload_count(); }

  // From here on commands count. `window` and times are of uv_hrtime.
  void Start(const Window& window, std::int64_t now_ns);
  // Submits what an open loop is due; the time of the next arrival, or the
  // largest time if there is none.
  std::int64_t SubmitDue(std::int64_t now_ns);
  void StopSubmitting(std::int64_t now_ns);
  // Did the run submit all the operations it was limited to?
  bool exhausted() const {
    return options_.operations > 0 && submitted_ >= options_.operations;
  }
  std::size_t outstanding() const { return outstanding_; }
  // Unanswered commands complete as unknown.
  void CloseConnections();

  Recorder& recorder() { return *recorder_; }
  Punctuality& punctuality() { return *punctuality_; }
  ProgressInterval& progress() { return progress_; }
  // Moves everything it knows into `outcome`.
  LoadOutcome TakeOutcome();

 private:
  enum class Phase : std::uint8_t { kPreload, kRun, kStopping };
  // Refusals by reason, then these.
  static constexpr std::size_t kUnknownOutcome = 16;
  static constexpr std::size_t kNotANumber = 17;
  static constexpr std::size_t kTooLarge = 18;
  static constexpr std::size_t kErrorKinds = 19;

  struct Connection {
    std::unique_ptr<Client> client;
    std::size_t site = 0;  // of the node it began with
  };
  struct Slot {
    std::int64_t intended_ns = 0;
    std::uint32_t client = 0;
    OperationKind kind{};        // of the first operation; a second is a put
    bool inserts = false;        // a key that `latest` waits for
    std::uint32_t inserted = 0;  // that key
  };
  // Where a client's session lives.
  struct Route {
    std::uint32_t connection = 0;
    std::uint32_t session = 0;
  };

  void OpenConnections(uv_loop_s* loop);
  void HandleCompletions(std::size_t connection,
                         std::span<const Completion> completions);
  void HandlePreload(std::size_t connection,
                     std::span<const Completion> completions);
  // True if the command succeeded.
  bool HandleCompletion(const Completion& completion);
  void NotePreloadFailure(const Completion& completion);
  void CountOperations(const Slot& slot, const CommandResult& results);
  void NoteError(std::size_t kind);
  void NoteHistory(const Completion& completion);
  void NoteRead(const Completion& completion);
  std::size_t PreloadOperations() const;
  void SubmitNextPreload(std::size_t connection);
  void Submit(std::uint32_t slot, std::int64_t intended_ns);
  std::uint32_t TakeSlot();

  LoadOptions options_;
  CommandSource source_;
  HistoryFile history_;
  std::shared_ptr<Lateness> lateness_ = std::make_shared<Lateness>();
  std::vector<Connection> connections_;
  std::vector<Route> routes_;  // by client
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;  // open loop
  std::vector<HistoryCall> calls_;         // by slot; only with a history
  struct ReadKey {
    OperationKind kind{};
    std::string key;
  };
  std::vector<ReadKey> reads_;  // by slot; only for compare-and-set

  Phase phase_ = Phase::kPreload;
  std::uint64_t next_preload_ = 0;
  std::uint64_t preloaded_ = 0;
  absl::Status preload_status_;
  std::uint32_t next_client_ = 0;  // open loop: clients in turn
  std::optional<Arrivals> arrivals_;
  bool held_back_ = false;  // open loop: by the bound on what is outstanding
  std::optional<Recorder> recorder_;
  std::optional<Punctuality> punctuality_;
  ProgressInterval progress_;
  std::int64_t now_ns_ = 0;  // of this frame or turn
  std::size_t outstanding_ = 0;
  std::uint64_t submitted_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t offered_ = 0;
  std::uint64_t unsent_ = 0;
  std::array<std::uint64_t, kErrorKinds> errors_{};
};

}  // namespace quorate::bench
