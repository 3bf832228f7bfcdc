#include "depsvc/interval_marks.h"

#include <iterator>
#include <utility>

namespace quorate {
namespace {

// Is `next` the first key behind `key`?
bool IsNextKey(std::string_view key, std::string_view next) {
  return next.size() == key.size() + 1 && next.back() == '\0' &&
         next.starts_with(key);
}

}  // namespace

IntervalMarks::Intervals::const_iterator IntervalMarks::Find(
    std::string_view key) const {
  return std::prev(intervals_.upper_bound(key));
}

IntervalMarks::Intervals::iterator IntervalMarks::Insert(
    Intervals::iterator before, std::string first, const Marks& from) {
  const auto inserted = intervals_.emplace_hint(before, std::move(first), from);
  inserted->second.weight = 1;
  return inserted;
}

IntervalMarks::Intervals::iterator IntervalMarks::CutAt(std::string_view key) {
  const auto after = intervals_.upper_bound(key);
  const auto whole = std::prev(after);
  if (whole->first == key) return whole;
  return Insert(after, std::string(key), whole->second);
}

// An interval of this key alone.
IntervalMarks::Intervals::iterator IntervalMarks::CutOut(std::string_view key) {
  const auto own = CutAt(key);
  const auto next = std::next(own);
  if (next == intervals_.end() || !IsNextKey(key, next->first)) {
    std::string behind(key);
    behind += '\0';
    Insert(next, std::move(behind), own->second);
  }
  return own;
}

void IntervalMarks::MarkKey(std::string_view key, AccessClass access,
                            InstanceId instance, const DependencySet& floor) {
  MakeRoom(floor);
  CutOut(key)->second.keys.Raise(access, instance);
}

void IntervalMarks::MarkRange(const KeyRange& range, AccessClass access,
                              InstanceId instance, const DependencySet& floor) {
  MakeRoom(floor);
  auto at = CutAt(range.first);
  const auto end = range.end.empty() ? intervals_.end() : CutAt(range.end);
  for (; at != end; ++at) at->second.ranges.Raise(access, instance);
}

void IntervalMarks::CollectKey(std::string_view key, AccessClass access,
                               DependencySet& deps) const {
  Find(key)->second.ranges.CollectInto(access, deps, columns_);
}

void IntervalMarks::CollectRange(const KeyRange& range, AccessClass access,
                                 DependencySet& deps) const {
  for (auto at = Find(range.first); at != intervals_.end(); ++at) {
    if (!range.end.empty() && at->first >= range.end) return;
    at->second.keys.CollectInto(access, deps, columns_);
    at->second.ranges.CollectInto(access, deps, columns_);
  }
}

void IntervalMarks::MakeRoom(const DependencySet& floor) {
  if (intervals_.size() < kMostIntervals) return;
  for (auto& [first, marks] : intervals_) {
    marks.keys.Forget(floor, columns_);
    marks.ranges.Forget(floor, columns_);
  }
  JoinEqualNeighbours();
  if (intervals_.size() > kMostIntervals / 2) JoinLightNeighbours();
}

void IntervalMarks::JoinEqualNeighbours() {
  auto before = intervals_.begin();
  for (auto at = std::next(before); at != intervals_.end();) {
    if (at->second.keys == before->second.keys &&
        at->second.ranges == before->second.ranges) {
      at = intervals_.erase(at);
    } else {
      before = at++;
    }
  }
}

// Any two neighbours that are left weigh more than `most` together, so that not
// many more than half of the intervals are left.
void IntervalMarks::JoinLightNeighbours() {
  std::size_t total = 0;
  for (const auto& [first, marks] : intervals_) total += marks.weight;
  const std::size_t most = 4 * total / kMostIntervals;
  auto at = intervals_.begin();
  for (auto next = std::next(at); next != intervals_.end();) {
    if (at->second.weight + next->second.weight > most) {
      at = next++;
      continue;
    }
    at->second.keys.UnionWith(next->second.keys);
    at->second.ranges.UnionWith(next->second.ranges);
    at->second.weight += next->second.weight;
    next = intervals_.erase(next);
  }
}

}  // namespace quorate
