#include "tests/lincheck/check.h"

#include <algorithm>
#include <chrono>

#include "tests/lincheck/component.h"
#include "tests/lincheck/search.h"
#include "tests/lincheck/shrink.h"
#include "tests/lincheck/zones.h"

namespace quorate::lincheck {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point In(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(seconds));
}

SearchLimits MakeLimits(const CheckOptions& options, const Group& group) {
  SearchLimits limits{.configurations = options.max_configurations};
  if (!options.progress) return limits;
  limits.progress = [&options, &group](std::size_t in_order,
                                       std::uint64_t configurations) {
    options.progress(
        "key \"" + group.keys.front() + "\"" +
        (group.keys.size() > 1
             ? " and " + std::to_string(group.keys.size() - 1) + " more"
             : "") +
        ": at best " + std::to_string(in_order) + " of " +
        std::to_string(group.operations.size()) + " operations in order, " +
        std::to_string(configurations) + " configurations");
  };
  return limits;
}

// The search's verdict, checked against (or, where the time was up, replaced
// by) that of the zones.
Outcome Judge(const Component& component, const SearchLimits& limits,
              CheckReport& report) {
  const SearchResult found = SearchOrder(component, limits);
  report.configurations += found.configurations;
  if (!ZonesApply(component)) {
    switch (found.verdict) {
      case Verdict::kLinearizable: return Outcome::kLinearizable;
      case Verdict::kViolation: return Outcome::kViolation;
      case Verdict::kUndecided: return Outcome::kUndecided;
    }
  }
  const bool linearizable = ZonesAreLinearizable(component);
  if (found.verdict != Verdict::kUndecided) {
    ++report.checked_twice;
    if (linearizable != (found.verdict == Verdict::kLinearizable)) {
      return Outcome::kDisagreement;
    }
  }
  return linearizable ? Outcome::kLinearizable : Outcome::kViolation;
}

// From bad to worse, so that a violation is not hidden by one of the others.
int Weight(Outcome outcome) {
  switch (outcome) {
    case Outcome::kLinearizable: return 0;
    case Outcome::kUndecided: return 1;
    case Outcome::kViolation: return 2;
    case Outcome::kDisagreement: return 3;
    case Outcome::kNoSuchKey: return 4;
  }
  return 4;
}

}  // namespace

CheckReport CheckHistory(const History& history, const CheckOptions& options) {
  CheckReport report;
  std::optional<Clock::time_point> deadline;
  if (options.max_seconds > 0) deadline = In(options.max_seconds);
  bool key_found = false;
  for (const Group& group : SplitIntoGroups(history)) {
    if (options.key.has_value()) {
      if (!std::ranges::binary_search(group.keys, *options.key)) continue;
      key_found = true;
    }
    ++report.components;
    report.operations += group.operations.size();
    SearchLimits limits = MakeLimits(options, group);
    limits.deadline = deadline;
    const Outcome outcome =
        Judge(MakeComponent(history, group), limits, report);
    if (Weight(outcome) > Weight(report.outcome)) {
      report.outcome = outcome;
      report.keys = group.keys;
    }
    if (outcome == Outcome::kDisagreement) return report;
    if (outcome == Outcome::kViolation) {
      report.smallest =
          ShrinkViolation(history, group, In(options.shrink_seconds));
      return report;
    }
  }
  if (options.key.has_value() && !key_found) {
    report.outcome = Outcome::kNoSuchKey;
  }
  return report;
}

}  // namespace quorate::lincheck
