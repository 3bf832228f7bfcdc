#include "tests/lincheck/search.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "tests/lincheck/demand.h"
#include "tests/lincheck/map_state.h"
#include "tests/lincheck/twins.h"

namespace quorate::lincheck {
namespace {

class Search {
 public:
  Search(const Component& component, const SearchLimits& limits)
      : component_(component),
        limits_(limits),
        demand_(component),
        twins_(FindTwins(component)),
        state_(component.keys) {
    for (std::size_t i = 0; i < component.operations.size(); ++i) {
      mixes_.push_back(Mix(i, 0));
    }
    BuildEvents();
  }

  SearchResult Run() {
    Verdict verdict = Verdict::kUndecided;
    while (open_ > 0) {
      if (OutOfLimits()) break;
      if (Advance()) continue;
      if (!GoBack()) {
        verdict = Verdict::kViolation;
        break;
      }
    }
    if (open_ == 0) verdict = Verdict::kLinearizable;
    return {verdict, configurations_};
  }

 private:
  // Calls and returns of known operations in the order of time, as a doubly
  // linked list from which operations are taken and to which they come back.
  // Event 0 is the head.
  struct Event {
    std::int64_t time = 0;
    int operation = -1;
    bool is_call = false;
    int previous = 0;
    int next = -1;
    int partner = -1;
  };

  // Candidates at one configuration are tried in four passes; of kHinted, only
  // the one whose turn it is.
  enum class Pass : std::uint8_t { kObservers, kHinted, kWrites, kUnknown };
  struct Cursor {
    Pass pass = Pass::kObservers;
    int event = -1;           // kObservers, kWrites: to be tried next
    std::size_t unknown = 0;  // kUnknown: to be tried next
    // kUnknown: only operations called by then may come next.
    std::int64_t limit = 0;
  };
  struct Taken {
    Cursor cursor;  // Where to go on after going back.
    int operation = -1;
    int call = -1;  // Its call event; -1 for an unknown operation.
    std::size_t mark = 0;
    std::size_t hinted_through = 0;  // Before it was taken.
    // Nothing else need be tried in its place.
    bool forced = false;
  };

  const ComponentOperation& Get(int operation) const {
    return component_.operations[static_cast<std::size_t>(operation)];
  }
  // What the operation adds to taken_hash_.
  const Hash128& MixOf(int operation) const {
    return mixes_[static_cast<std::size_t>(operation)];
  }
  bool IsTaken(int operation) const {
    return taken_[static_cast<std::size_t>(operation)];
  }
  Event& At(int event) { return events_[static_cast<std::size_t>(event)]; }
  const Event& At(int event) const {
    return events_[static_cast<std::size_t>(event)];
  }

  void BuildEvents();
  void SortHinted();
  bool OutOfLimits();

  // Takes the next candidate that can be taken; false at a dead end.
  bool Advance();
  bool AdvanceHinted();
  bool AdvanceKnown();
  bool AdvanceUnknown();
  // Is there a candidate that might as well come before this operation?
  bool TwinComesFirst(int operation, int event) const;
  bool EarlierTwinIsLeft(std::size_t unknown) const;
  bool TakeObserver(int event);
  bool TakeWrite(int operation, int event);
  void Take(const Taken& taken);
  void Untake(int operation);
  // Undoes the last choice that had an alternative; false if there is none.
  bool GoBack();

  void Unlink(int event);
  void Relink(int event);
  bool CanStillBeRead();

  const Component& component_;
  const SearchLimits& limits_;
  Demand demand_;
  std::vector<int> twins_;      // by operation
  std::vector<Hash128> mixes_;  // by operation
  MapState state_;
  std::vector<Event> events_;
  std::vector<int> unknown_;  // sorted by call
  // Parallel: the place in unknown_ of the twin before; -1: there is none.
  std::vector<int> unknown_twin_;
  // The earliest call of an unknown operation that replaces a value.
  std::int64_t first_unknown_replacement_ = kNever;
  std::vector<int> hinted_;      // No observers; in the order of the hints.
  std::vector<int> hinted_at_;   // by operation: where in hinted_; -1: nowhere
  std::size_t hinted_from_ = 0;  // All before it are taken.
  // The last one by its hint that is taken is before it.
  std::size_t hinted_through_ = 0;
  std::vector<bool> taken_;   // by operation
  std::vector<int> call_of_;  // by operation: its event; -1 if unknown
  std::size_t open_ = 0;      // Known operations not yet taken.
  std::size_t most_taken_ = 0;
  Hash128 taken_hash_;
  Cursor cursor_;
  std::vector<Taken> stack_;
  absl::flat_hash_set<Hash128> visited_;
  std::uint64_t configurations_ = 0;
};

void Search::BuildEvents() {
  events_.emplace_back();
  for (int i = 0; i < static_cast<int>(component_.operations.size()); ++i) {
    const ComponentOperation& operation = Get(i);
    if (operation.unknown()) {
      unknown_.push_back(i);
      if (operation.replaces) {
        first_unknown_replacement_ =
            std::min(first_unknown_replacement_, operation.call);
      }
      continue;
    }
    ++open_;
    events_.push_back(
        {.time = operation.call, .operation = i, .is_call = true});
    events_.push_back({.time = operation.ret, .operation = i});
  }
  absl::flat_hash_map<int, int> newest;
  for (const int operation : unknown_) {
    const int twins = twins_[static_cast<std::size_t>(operation)];
    const auto place = static_cast<int>(unknown_twin_.size());
    const auto [before, is_first] = newest.try_emplace(twins, -1);
    unknown_twin_.push_back(twins == kNoTwin ? -1 : before->second);
    before->second = place;
  }
  // At one time calls come first: such operations count as concurrent.
  std::stable_sort(events_.begin() + 1, events_.end(),
                   [](const Event& a, const Event& b) {
                     if (a.time != b.time) return a.time < b.time;
                     return a.is_call && !b.is_call;
                   });
  taken_.resize(component_.operations.size());
  call_of_.assign(component_.operations.size(), -1);
  for (int i = 0; i < static_cast<int>(events_.size()); ++i) {
    Event& event = At(i);
    event.previous = i - 1;
    event.next = i + 1 < static_cast<int>(events_.size()) ? i + 1 : -1;
    if (i == 0) continue;
    int& call = call_of_[static_cast<std::size_t>(event.operation)];
    if (event.is_call) {
      call = i;
    } else {
      event.partner = call;
      At(call).partner = i;
    }
  }
  cursor_.event = At(0).next;
  SortHinted();
}

void Search::SortHinted() {
  hinted_at_.assign(component_.operations.size(), -1);
  for (int i = 0; i < static_cast<int>(component_.operations.size()); ++i) {
    if (Get(i).hint != kNever && !Get(i).observer) hinted_.push_back(i);
  }
  std::ranges::stable_sort(hinted_, {}, [&](int i) { return Get(i).hint; });
  for (std::size_t i = 0; i < hinted_.size(); ++i) {
    hinted_at_[static_cast<std::size_t>(hinted_[i])] = static_cast<int>(i);
  }
}

bool Search::OutOfLimits() {
  constexpr std::uint64_t kLookAtClock = 4096;
  constexpr std::uint64_t kReport = 100'000;
  ++configurations_;
  if (limits_.configurations != 0 && configurations_ > limits_.configurations) {
    return true;
  }
  if (configurations_ % kReport == 0 && limits_.progress) {
    limits_.progress(most_taken_, configurations_);
  }
  return configurations_ % kLookAtClock == 0 && limits_.deadline.has_value() &&
         std::chrono::steady_clock::now() > *limits_.deadline;
}

bool Search::Advance() {
  if (cursor_.pass == Pass::kObservers && AdvanceKnown()) return true;
  if (cursor_.pass == Pass::kHinted && AdvanceHinted()) return true;
  if (cursor_.pass == Pass::kWrites && AdvanceKnown()) return true;
  return AdvanceUnknown();
}

// What is not yet in order and comes first by the hints. One without a reply is
// passed over where it would do nothing that anybody sees, and for good: later,
// when it would do something, it is not its turn.
bool Search::AdvanceHinted() {
  cursor_ = {.pass = Pass::kWrites, .event = At(0).next};
  while (hinted_from_ < hinted_.size() && IsTaken(hinted_[hinted_from_])) {
    ++hinted_from_;
  }
  int end = At(0).next;
  while (At(end).is_call) end = At(end).next;
  for (std::size_t i = hinted_from_; i < hinted_.size(); ++i) {
    const int operation = hinted_[i];
    if (IsTaken(operation)) continue;
    if (Get(operation).unknown()) {
      if (i < hinted_through_) continue;
      if (Get(operation).call > At(end).time) return false;
      if (TakeWrite(operation, -1)) return true;
      continue;
    }
    const int call = call_of_[static_cast<std::size_t>(operation)];
    return call < end && TakeWrite(operation, call);
  }
  return false;
}

bool Search::AdvanceKnown() {
  for (;;) {
    Event& event = At(cursor_.event);
    // While operations are open there is a return that ends the candidates.
    if (!event.is_call) {
      if (cursor_.pass == Pass::kWrites) {
        cursor_ = {.pass = Pass::kUnknown, .unknown = 0, .limit = event.time};
      } else {
        cursor_.pass = Pass::kHinted;
      }
      return false;
    }
    const int candidate = cursor_.event;
    cursor_.event = event.next;
    const bool observer = Get(event.operation).observer;
    if (cursor_.pass == Pass::kObservers
            ? observer && TakeObserver(candidate)
            : !observer && !TwinComesFirst(event.operation, candidate) &&
                  TakeWrite(event.operation, candidate)) {
      return true;
    }
  }
}

bool Search::AdvanceUnknown() {
  while (cursor_.unknown < unknown_.size()) {
    const std::size_t candidate = cursor_.unknown++;
    const int operation = unknown_[candidate];
    if (Get(operation).call > cursor_.limit) return false;
    if (IsTaken(operation) || EarlierTwinIsLeft(candidate) ||
        TwinComesFirst(operation, -1)) {
      continue;
    }
    if (TakeWrite(operation, -1)) return true;
  }
  return false;
}

// A known operation that returns earlier; for an unknown one (`event` -1) any
// known one. Twins can change places in every order in which this operation
// comes next: both have been called, and the one that returns later may be
// later.
bool Search::TwinComesFirst(int operation, int event) const {
  const int twins = twins_[static_cast<std::size_t>(operation)];
  if (twins == kNoTwin) return false;
  for (int i = At(0).next; At(i).is_call; i = At(i).next) {
    if (twins_[static_cast<std::size_t>(At(i).operation)] == twins &&
        (event < 0 || At(i).partner < At(event).partner)) {
      return true;
    }
  }
  return false;
}

// Neither has a return, and the other one was called earlier.
bool Search::EarlierTwinIsLeft(std::size_t unknown) const {
  const int before = unknown_twin_[unknown];
  return before >= 0 && !IsTaken(unknown_[static_cast<std::size_t>(before)]);
}

bool Search::TakeObserver(int event) {
  const int operation = At(event).operation;
  const std::size_t mark = state_.mark();
  if (!state_.Apply(Get(operation))) return false;
  Take({.cursor = cursor_,
        .operation = operation,
        .call = event,
        .mark = mark,
        .forced = true});
  return true;
}

bool Search::TakeWrite(int operation, int event) {
  const std::size_t mark = state_.mark();
  const Hash128 before = state_.hash();
  if (!state_.Apply(Get(operation))) return false;
  const Hash128 mix = MixOf(operation);
  const Hash128 configuration = {
      (taken_hash_.low ^ mix.low) + state_.hash().low,
      (taken_hash_.high ^ mix.high) + state_.hash().high};
  // Without effect that anybody could see, an operation that need not have
  // happened might as well not be there.
  const bool useless =
      event < 0 && (state_.hash() == before || demand_.IsUseless(state_, mark));
  if (useless || !visited_.insert(configuration).second) {
    state_.UndoTo(mark);
    return false;
  }
  Take({.cursor = cursor_,
        .operation = operation,
        .call = event,
        .mark = mark,
        .forced = false});
  if (demand_.CanBeMet(operation, state_, mark) && CanStillBeRead())
    return true;
  GoBack();
  return false;
}

void Search::Take(const Taken& taken) {
  const Hash128 mix = MixOf(taken.operation);
  taken_hash_.low ^= mix.low;
  taken_hash_.high ^= mix.high;
  demand_.Take(taken.operation);
  taken_[static_cast<std::size_t>(taken.operation)] = true;
  stack_.push_back(taken);
  stack_.back().hinted_through = hinted_through_;
  const int place = hinted_at_[static_cast<std::size_t>(taken.operation)];
  if (place >= 0) {
    hinted_through_ =
        std::max(hinted_through_, static_cast<std::size_t>(place) + 1);
  }
  if (taken.call >= 0) {
    Unlink(At(taken.call).partner);
    Unlink(taken.call);
    --open_;
  }
  most_taken_ = std::max(most_taken_, stack_.size());
  cursor_ = {.pass = Pass::kObservers, .event = At(0).next};
}

bool Search::GoBack() {
  while (!stack_.empty()) {
    const Taken taken = stack_.back();
    stack_.pop_back();
    const Hash128 mix = MixOf(taken.operation);
    taken_hash_.low ^= mix.low;
    taken_hash_.high ^= mix.high;
    demand_.GiveBack(taken.operation);
    Untake(taken.operation);
    hinted_through_ = taken.hinted_through;
    state_.UndoTo(taken.mark);
    cursor_ = taken.cursor;
    if (taken.call >= 0) {
      Relink(taken.call);
      Relink(At(taken.call).partner);
      ++open_;
    }
    if (!taken.forced) return true;
  }
  return false;
}

void Search::Untake(int operation) {
  taken_[static_cast<std::size_t>(operation)] = false;
  const int place = hinted_at_[static_cast<std::size_t>(operation)];
  if (place >= 0) {
    hinted_from_ = std::min(hinted_from_, static_cast<std::size_t>(place));
  }
}

void Search::Unlink(int event) {
  const Event& gone = At(event);
  At(gone.previous).next = gone.next;
  if (gone.next >= 0) At(gone.next).previous = gone.previous;
}

void Search::Relink(int event) {
  const Event& back = At(event);
  At(back.previous).next = event;
  if (back.next >= 0) At(back.next).previous = event;
}

// False when some get that must come before every further replacement of the
// value has read something that does not begin with the value.
bool Search::CanStillBeRead() {
  if (component_.prefixes.empty()) return true;
  for (int i = At(0).next; i >= 0; i = At(i).next) {
    const Event& event = At(i);
    if (event.time >= first_unknown_replacement_) return true;
    const ComponentOperation& operation = Get(event.operation);
    if (event.is_call) {
      if (operation.replaces) return true;
      continue;
    }
    if (operation.prefixes < 0) continue;
    const Value& now = state_.value(0);
    const PrefixHashes& prefixes =
        component_.prefixes[static_cast<std::size_t>(operation.prefixes)];
    return now.length() <= operation.steps.front().out.length() &&
           prefixes[now.length()] == now.hash();
  }
  return true;
}

}  // namespace

SearchResult SearchOrder(const Component& component,
                         const SearchLimits& limits) {
  return Search(component, limits).Run();
}

}  // namespace quorate::lincheck
