// Answers: who touched a key of this range, and whose range has this key?
//
// All keys in their order, cut into intervals. Each has the marks of those that
// touched a key in it and of those whose range reaches into it. Ends of ranges
// and single keys are cut out as they come, so that answers are exact as long
// as there are fewer than kMostIntervals. Then what lies below the floor is
// forgotten and equal neighbours are joined; where that is not enough, the
// lightest neighbours, whatever they are: answers become larger, never smaller.
// O(log intervals) a key, and a step an interval for a range. Pure, copyable;
// protocol.md 5.2.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "depsvc/class_marks.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/operations.h"

namespace quorate {

// From `first` up to, not including, `end`; "" for no end.
struct KeyRange {
  std::string_view first;
  std::string_view end;
  bool empty() const { return !end.empty() && end <= first; }
};

class IntervalMarks {
 public:
  static constexpr std::size_t kMostIntervals = 1024;

  explicit IntervalMarks(int columns) : columns_(columns) {}

  // What lies at or below `floor` may be forgotten: the caller's answers cover
  // it.
  void MarkKey(std::string_view key, AccessClass access, InstanceId instance,
               const DependencySet& floor);
  void MarkRange(const KeyRange& range, AccessClass access, InstanceId instance,
                 const DependencySet& floor);

  // Adds the ranges that have the key and conflict with `access`.
  void CollectKey(std::string_view key, AccessClass access,
                  DependencySet& deps) const;
  // Adds the keys of the range, and the ranges that overlap with it.
  void CollectRange(const KeyRange& range, AccessClass access,
                    DependencySet& deps) const;

  std::size_t intervals() const { return intervals_.size(); }

 private:
  struct Marks {
    ClassMarks keys;
    ClassMarks ranges;
    // Intervals that it was joined from.
    std::size_t weight = 1;
  };
  // By where it begins; it ends where the next one begins. The first one begins
  // with "", the least key.
  using Intervals = std::map<std::string, Marks, std::less<>>;

  Intervals::const_iterator Find(std::string_view key) const;
  // The interval that begins at `key`; it has the marks of the one it was cut
  // from.
  Intervals::iterator CutAt(std::string_view key);
  // With the marks of the interval that it is cut from.
  Intervals::iterator Insert(Intervals::iterator before, std::string first,
                             const Marks& from);
  Intervals::iterator CutOut(std::string_view key);
  void MakeRoom(const DependencySet& floor);
  void JoinEqualNeighbours();
  void JoinLightNeighbours();

  int columns_;
  Intervals intervals_ = {{std::string(), Marks()}};
};

}  // namespace quorate
