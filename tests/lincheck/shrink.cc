#include "tests/lincheck/shrink.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "tests/lincheck/search.h"
#include "tests/lincheck/seen.h"

namespace quorate::lincheck {
namespace {

// What one question may cost; a harder one counts as "no", so that the part is
// larger than it could be and the time is spent on easier questions.
std::uint64_t MostConfigurations(std::size_t operations) {
  return 10'000 + 10 * operations;
}

class Shrinker {
 public:
  using Candidate = std::function<bool(const Selected&)>;
  using Change = std::function<void(std::vector<Selected>&, std::size_t)>;

  Shrinker(const History& history, Group group,
           std::chrono::steady_clock::time_point deadline)
      : history_(history), group_(std::move(group)), deadline_(deadline) {}

  std::vector<std::size_t> Run() {
    // Loose operations multiply the orders there are.
    constexpr std::size_t kFew = 64;
    const Change leave_out = [](std::vector<Selected>& all, std::size_t at) {
      all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
    };
    CutEnd();
    Silence();
    DropUnheard();
    // Readers first: without them most writes have nobody to matter to.
    Reduce([&](const Selected& s) { return OnlyReads(s); }, leave_out);
    Reduce([&](const Selected& s) { return !seen_.Saw(At(s)); }, leave_out);
    if (group_.operations.size() <= kFew) {
      Reduce([&](const Selected& s) { return !s.loose && !OnlyReads(s); },
             [](std::vector<Selected>& all, std::size_t at) {
               all[at].loose = true;
             });
    }
    return Shown();
  }

 private:
  bool StillWrong(const std::vector<Selected>& operations) const {
    const Component component =
        MakeComponent(history_, {group_.keys, operations}, until_);
    const SearchLimits limits{
        .configurations = MostConfigurations(component.operations.size()),
        .deadline = deadline_};
    return SearchOrder(component, limits).verdict == Verdict::kViolation;
  }
  bool TimeIsUp() const { return std::chrono::steady_clock::now() > deadline_; }
  const Operation& At(const Selected& selected) const {
    return history_[selected.index];
  }
  bool Unheard(const Selected& selected) const {
    return At(selected).ret > until_ || At(selected).unknown();
  }
  bool OnlyReads(const Selected& selected) const {
    return std::ranges::all_of(At(selected).actions, [&](const Action& action) {
      return IsReadOnly(action.function) ||
             (action.has_ok && !action.ok &&
              (action.function == Function::kCompareAndSet ||
               !selected.silent));
    });
  }

  // A beginning of a linearizable history is linearizable, so the shortest
  // wrong beginning can be found by bisection. It ends with a return.
  void CutEnd() {
    std::vector<std::int64_t> returns;
    for (const Selected& selected : group_.operations) {
      if (!At(selected).unknown()) returns.push_back(At(selected).ret);
    }
    std::ranges::sort(returns);
    std::size_t low = 0;
    std::size_t high = returns.size() - 1;
    while (low < high && !TimeIsUp()) {
      const std::size_t middle = low + (high - low) / 2;
      until_ = returns[middle];
      if (StillWrong(group_.operations)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    until_ = returns[high];
  }

  // Whether a delete found something is seen by everybody who looks at
  // presence, so that hardly a write could be left out. Most violations do not
  // need it.
  void Silence() {
    std::vector<Selected> trial = group_.operations;
    for (Selected& selected : trial) selected.silent = true;
    if (StillWrong(trial)) group_.operations = std::move(trial);
  }

  // What was called after the cut or read without a reply by then.
  void DropUnheard() {
    std::erase_if(group_.operations, [&](const Selected& selected) {
      return At(selected).call > until_ ||
             (Unheard(selected) && OnlyReads(selected));
    });
  }

  void LookAround() {
    seen_ = SeenValues();
    for (const Selected& selected : group_.operations) {
      if (selected.loose) {
        seen_.AddWrites(At(selected));
      } else {
        seen_.Add(At(selected), !Unheard(selected), selected.silent);
      }
    }
  }

  // Applies `change` to as many candidates as possible: to half of them, a
  // quarter, ... one at a time.
  void Reduce(const Candidate& candidate, const Change& change) {
    for (std::size_t chunk =
             std::max<std::size_t>(1, group_.operations.size() / 2);
         ; chunk /= 2) {
      LookAround();
      // From the end, so that erasing moves nothing that is still to come.
      std::size_t end = group_.operations.size();
      while (end > 0 && !TimeIsUp()) {
        std::vector<Selected> trial = group_.operations;
        std::size_t changed = 0;
        while (end > 0 && changed < chunk) {
          --end;
          if (Unheard(trial[end]) || !candidate(trial[end])) continue;
          change(trial, end);
          ++changed;
        }
        if (changed > 0 && StillWrong(trial)) group_.operations = trial;
      }
      if (chunk <= 1) return;
    }
  }

  // Firm operations prove the violation by themselves. Of the others those are
  // shown whose value one of the firm ones has seen: the reader asks for them.
  std::vector<std::size_t> Shown() {
    LookAround();
    std::vector<std::size_t> shown;
    for (const Selected& selected : group_.operations) {
      const bool firm = !selected.loose && !Unheard(selected);
      if (firm || seen_.Saw(At(selected))) shown.push_back(selected.index);
    }
    std::ranges::sort(shown, {},
                      [&](std::size_t index) { return history_[index].call; });
    return shown;
  }

  const History& history_;
  Group group_;
  std::chrono::steady_clock::time_point deadline_;
  std::int64_t until_ = kNever;
  SeenValues seen_;
};

}  // namespace

std::vector<std::size_t> ShrinkViolation(
    const History& history, const Group& group,
    std::chrono::steady_clock::time_point deadline) {
  return Shrinker(history, group, deadline).Run();
}

}  // namespace quorate::lincheck
