#include "experiments/bench/load_run.h"

#include <uv.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "experiments/bench/text.h"
#include "fmt/format.h"
#include "wire/result.h"

namespace quorate::bench {
namespace {

constexpr std::size_t kPreloadOperations = 64;  // a command, at most
constexpr std::size_t kPreloadCommands = 32;    // under way, a connection
// A command as large as this is cheap for a node, and far from the limits of a
// request, a frame and a batch.
constexpr std::size_t kPreloadCommandBytes = 64 * 1024;
constexpr std::size_t kPreloadBytes = 1024 * 1024;  // under way, a connection

std::int64_t NowNs() { return static_cast<std::int64_t>(uv_hrtime()); }

std::string_view ErrorName(RefusalReason reason) {
  switch (reason) {
    // Never sent at all: no node could be reached in time.
    case RefusalReason::kNone: return "unreachable";
    case RefusalReason::kBusy: return "busy";
    case RefusalReason::kKeyTooLarge: return "key_too_large";
    case RefusalReason::kValueTooLarge: return "value_too_large";
    case RefusalReason::kTooManyOperations: return "too_many_operations";
    case RefusalReason::kPipelineFull: return "pipeline_full";
    case RefusalReason::kStaleSequence: return "stale_sequence";
    case RefusalReason::kShuttingDown: return "shutting_down";
    case RefusalReason::kMalformed: return "malformed";
    case RefusalReason::kNotLeader: return "not_leader";
    case RefusalReason::kNoLeader: return "no_leader";
    case RefusalReason::kSessionExpired: return "session_expired";
    case RefusalReason::kResultTooLarge: return "result_too_large";
  }
  return "refused";
}

}  // namespace

LoadRun::LoadRun(uv_loop_s* loop, const LoadOptions& options)
    : options_(options),
      source_(options.workload, options.seed, options.clients,
              KeysInTurn(options.rate, options.pipeline),
              /*unique_values=*/!options.history_path.empty()) {
  OpenConnections(loop);
}

void LoadRun::OpenConnections(uv_loop_s* loop) {
  const std::size_t count = std::min(options_.connections, options_.clients);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t turn =
        options_.leaders.empty()
            ? i % options_.client.nodes.size()
            : options_.leaders[i % options_.leaders.size()];
    const std::size_t node = options_.only_node.value_or(turn);
    ClientOptions client = options_.client;
    client.first_node = node;
    if (options_.ways != nullptr) {
      const std::size_t here =
          options_.site.value_or(options_.ways->SiteOf(node));
      client.ways = WaysFromSite(*options_.ways, here, i, lateness_);
    }
    connections_.push_back(
        {.client = std::make_unique<Client>(
             loop, std::move(client),
             [this, i](std::span<const Completion> completions) {
               HandleCompletions(i, completions);
             }),
         .site = options_.site_of_node[node]});
  }
  for (std::size_t client = 0; client < options_.clients; ++client) {
    const std::size_t connection = client % count;
    routes_.push_back({static_cast<std::uint32_t>(connection),
                       static_cast<std::uint32_t>(
                           connections_[connection].client->OpenSession())});
  }
}

// ---- submitting -------------------------------------------------------------

std::size_t LoadRun::connections_up() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(connections_, [](const Connection& connection) {
        return connection.client->connection_status().ok();
      }));
}

absl::Status LoadRun::ConnectionProblem() const {
  for (const Connection& connection : connections_) {
    const absl::Status& status = connection.client->connection_status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// As many as fit, whatever the size of a value; one always does.
std::size_t LoadRun::PreloadOperations() const {
  return std::clamp<std::size_t>(
      kPreloadCommandBytes / source_.preload_put_bytes(), 1,
      kPreloadOperations);
}

void LoadRun::StartPreload() {
  const std::size_t command_bytes =
      PreloadOperations() * source_.preload_put_bytes();
  const std::size_t commands = std::clamp<std::size_t>(
      kPreloadBytes / command_bytes, 1, kPreloadCommands);
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    for (std::size_t n = 0; n < commands; ++n) SubmitNextPreload(i);
  }
}

void LoadRun::SubmitNextPreload(std::size_t connection) {
  // A put's views last until the next one: keep the bytes here.
  std::array<std::string, 2 * kPreloadOperations> bytes;
  std::array<Operation, kPreloadOperations> operations;
  const std::size_t most = PreloadOperations();
  const std::uint64_t first = next_preload_;
  std::size_t count = 0;
  for (; count < most; ++count) {
    const Operation* put = source_.Preload(next_preload_);
    if (put == nullptr) break;
    ++next_preload_;
    operations[count] = *put;
    bytes[2 * count] = put->key;
    bytes[2 * count + 1] = put->value;
    operations[count].key = bytes[2 * count];
    operations[count].value = bytes[2 * count + 1];
  }
  if (count == 0) return;
  ++outstanding_;
  // The tag says which puts these are: the first of them and their number.
  connections_[connection].client->Submit(
      0, std::span<const Operation>(operations.data(), count),
      first * (kPreloadOperations + 1) + count);
}

void LoadRun::Start(const Window& window, std::int64_t now_ns) {
  phase_ = Phase::kRun;
  now_ns_ = now_ns;
  recorder_.emplace(window, options_.sites);
  punctuality_.emplace(window.start_ns);
  if (options_.rate) {
    arrivals_.emplace(*options_.rate, options_.arrivals, options_.seed, now_ns);
    return;
  }
  slots_.resize(options_.clients * options_.pipeline);
  if (history_.is_open()) calls_.resize(slots_.size());
  if (source_.wants_observations()) reads_.resize(slots_.size());
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (exhausted()) break;
    slots_[slot].client = static_cast<std::uint32_t>(slot / options_.pipeline);
    Submit(slot, now_ns);
  }
}

std::int64_t LoadRun::SubmitDue(std::int64_t now_ns) {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  if (!arrivals_ || phase_ != Phase::kRun || exhausted()) return kNever;
  now_ns_ = now_ns;
  std::int64_t intended_ns = 0;
  while (outstanding_ < options_.max_outstanding && !exhausted()) {
    if (!arrivals_->PopDue(now_ns, intended_ns)) {
      held_back_ = false;
      return arrivals_->next_ns();
    }
    if (recorder_->window().Contains(intended_ns)) ++offered_;
    // What waited for the cluster to answer something is not the generator's
    // lateness.
    if (!held_back_) punctuality_->Leave(intended_ns, now_ns);
    const std::uint32_t slot = TakeSlot();
    slots_[slot].client = next_client_;
    if (++next_client_ == options_.clients) next_client_ = 0;
    Submit(slot, intended_ns);
  }
  held_back_ = true;
  return kNever;  // An answer makes room first.
}

std::uint32_t LoadRun::TakeSlot() {
  if (!free_slots_.empty()) {
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }
  slots_.emplace_back();
  if (history_.is_open()) calls_.emplace_back();
  if (source_.wants_observations()) reads_.emplace_back();
  return static_cast<std::uint32_t>(slots_.size() - 1);
}

void LoadRun::Submit(std::uint32_t slot, std::int64_t intended_ns) {
  slots_[slot].intended_ns = intended_ns;
  const std::uint32_t client = slots_[slot].client;
  const std::span<const Operation> operations = source_.Next(client);
  slots_[slot].kind = operations[0].kind;
  slots_[slot].inserts = source_.inserted().has_value();
  slots_[slot].inserted = source_.inserted().value_or(0);
  if (history_.is_open()) {
    BeginCall(slot, now_ns_, operations, calls_[slot]);
  }
  if (source_.wants_observations()) {
    reads_[slot].kind = operations[0].kind;
    reads_[slot].key = operations[0].key;
  }
  ++submitted_;
  ++outstanding_;
  const Route route = routes_[client];
  connections_[route.connection].client->Submit(route.session, operations,
                                                slot);
}

void LoadRun::StopSubmitting(std::int64_t now_ns) {
  if (phase_ == Phase::kStopping) return;
  phase_ = Phase::kStopping;
  recorder_->Finish(now_ns);
  // What was due and never left was offered all the same.
  std::int64_t intended_ns = 0;
  while (arrivals_ && !exhausted() && arrivals_->PopDue(now_ns, intended_ns)) {
    if (!recorder_->window().Contains(intended_ns)) continue;
    ++offered_;
    ++unsent_;
  }
}

void LoadRun::CloseConnections() {
  phase_ = Phase::kStopping;
  for (Connection& connection : connections_) {
    connection.client->Close(nullptr);
  }
}

// ---- completions ------------------------------------------------------------

void LoadRun::HandleCompletions(std::size_t connection,
                                std::span<const Completion> completions) {
  if (!recorder_) {
    HandlePreload(connection, completions);
    return;
  }
  now_ns_ = NowNs();
  recorder_->Advance(now_ns_);
  // Where there are distances, the client's; else that of the node it is at.
  const Connection& at = connections_[connection];
  const std::size_t site =
      options_.ways != nullptr
          ? at.site
          : options_.site_of_node[at.client->current_node()];
  for (const Completion& completion : completions) {
    --outstanding_;
    const auto slot = static_cast<std::uint32_t>(completion.tag);
    const std::int64_t intended_ns = slots_[slot].intended_ns;
    if (HandleCompletion(completion)) {
      ++answered_;
      recorder_->Answer(site, intended_ns, completion.commit_latency_us);
      progress_.latency.Record(
          static_cast<std::uint64_t>(now_ns_ - intended_ns));
      CountOperations(slots_[slot], completion.results);
      if (slots_[slot].inserts) source_.NoteInserted(slots_[slot].inserted);
    }
    if (history_.is_open()) NoteHistory(completion);
    if (source_.wants_observations()) NoteRead(completion);
    if (arrivals_) {
      free_slots_.push_back(slot);
    } else if (phase_ == Phase::kRun && !exhausted()) {
      Submit(slot, now_ns_);
    }
  }
  history_.FlushIfLarge();
}

void LoadRun::HandlePreload(std::size_t connection,
                            std::span<const Completion> completions) {
  for (const Completion& completion : completions) {
    --outstanding_;
    if (completion.status == ReplyStatus::kDone ||
        completion.status == ReplyStatus::kResultGone) {
      preloaded_ += completion.tag % (kPreloadOperations + 1);
    } else if (preload_status_.ok() && phase_ == Phase::kPreload) {
      NotePreloadFailure(completion);
    }
    if (phase_ == Phase::kPreload && preload_status_.ok()) {
      SubmitNextPreload(connection);
    }
  }
}

void LoadRun::NotePreloadFailure(const Completion& completion) {
  const std::uint64_t first = completion.tag / (kPreloadOperations + 1);
  const std::uint64_t count = completion.tag % (kPreloadOperations + 1);
  const std::string puts = fmt::format(
      "preload: puts {} to {} of {} ({}-byte values)", FormatCount(first + 1),
      FormatCount(first + count), FormatCount(source_.preload_count()),
      options_.workload.value_size);
  if (completion.status == ReplyStatus::kUnknown ||
      completion.reason == RefusalReason::kNone) {
    preload_status_ = absl::DeadlineExceededError(
        puts + " were not answered in time; look at quorate status");
    return;
  }
  const std::string_view why = Explain(completion.reason);
  preload_status_ = absl::FailedPreconditionError(
      fmt::format("{} were refused: {}", puts,
                  why.empty() ? ErrorName(completion.reason) : why));
}

void LoadRun::CountOperations(const Slot& slot, const CommandResult& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const OperationResult& result = results[i];
    const OperationKind kind = i == 0 ? slot.kind : OperationKind::kPut;
    const bool missed =
        result.status == OperationStatus::kNotFound ||
        result.status == OperationStatus::kMismatch ||
        (RowOf(kind).gives == Gives::kRows && result.rows.empty());
    recorder_->Operation(kind, missed);
  }
}

bool LoadRun::HandleCompletion(const Completion& completion) {
  if (completion.status == ReplyStatus::kUnknown ||
      completion.status == ReplyStatus::kResultGone) {
    NoteError(kUnknownOutcome);
    return false;
  }
  if (completion.status == ReplyStatus::kRefused) {
    NoteError(static_cast<std::size_t>(completion.reason));
    return false;
  }
  for (const OperationResult& result : completion.results) {
    if (result.status == OperationStatus::kNotANumber) NoteError(kNotANumber);
    if (result.status == OperationStatus::kTooLarge) NoteError(kTooLarge);
  }
  return true;
}

void LoadRun::NoteError(std::size_t kind) {
  ++errors_[kind];
  ++progress_.errors;
  if (recorder_) recorder_->Error();
}

void LoadRun::NoteHistory(const Completion& completion) {
  const HistoryCall& call = calls_[completion.tag];
  switch (completion.status) {
    case ReplyStatus::kDone:
      AppendLine(call, now_ns_, completion.results, history_.buffer());
      break;
    case ReplyStatus::kUnknown:
    case ReplyStatus::kResultGone:  // Done, but nobody knows with what result.
      AppendUnknownLine(call, history_.buffer());
      break;
    case ReplyStatus::kRefused: break;  // It has no effect, ever.
  }
}

void LoadRun::NoteRead(const Completion& completion) {
  if (completion.status != ReplyStatus::kDone) return;
  if (completion.results.empty()) return;
  const ReadKey& read = reads_[completion.tag];
  const OperationResult& result = completion.results[0];
  const bool saw_value = RowOf(read.kind).gives == Gives::kValue ||
                         result.status == OperationStatus::kMismatch;
  if (!saw_value) return;
  source_.Observe(slots_[completion.tag].client, read.key, result.value);
}

LoadOutcome LoadRun::TakeOutcome() {
  LoadOutcome outcome{.recorder = *std::move(recorder_),
                      .punctuality = *std::move(punctuality_),
                      .history_path = history_.path(),
                      .submitted = submitted_,
                      .answered = answered_,
                      .offered = offered_,
                      .unsent = unsent_,
                      .lateness = *lateness_};
  for (const Connection& connection : connections_) {
    outcome.retried += connection.client->stats().retried;
    outcome.reconnects += connection.client->stats().reconnects;
  }
  for (std::size_t kind = 0; kind < kUnknownOutcome; ++kind) {
    if (errors_[kind] == 0) continue;
    outcome.errors[std::string(ErrorName(static_cast<RefusalReason>(kind)))] +=
        errors_[kind];
  }
  const std::pair<const char*, std::size_t> others[] = {
      {"unknown", kUnknownOutcome},
      {"not_a_number", kNotANumber},
      {"too_large", kTooLarge}};
  for (const auto& [name, kind] : others) {
    if (errors_[kind] > 0) outcome.errors[name] = errors_[kind];
  }
  return outcome;
}

}  // namespace quorate::bench
