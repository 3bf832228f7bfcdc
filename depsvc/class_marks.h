// Answers: how far has each column touched something, by class of access?
//
// One watermark an access class and column: the highest slot. Pure value.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "wire/commutation.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/operations.h"

namespace quorate {

class ClassMarks {
 public:
  void Raise(AccessClass access, InstanceId instance) {
    std::uint64_t& mark =
        marks_[static_cast<std::size_t>(access)]
              [static_cast<std::size_t>(Index(instance.replica))];
    mark = std::max(mark, instance.slot);
  }
  // Adds those that conflict with `access`.
  void CollectInto(AccessClass access, DependencySet& deps, int columns) const {
    for (std::size_t other = 0; other < kAccessClasses; ++other) {
      if (!Conflict(access, static_cast<AccessClass>(other))) continue;
      for (int column = 0; column < columns; ++column) {
        deps.Raise(ReplicaAt(column),
                   marks_[other][static_cast<std::size_t>(column)]);
      }
    }
  }
  void UnionWith(const ClassMarks& other) {
    for (std::size_t access = 0; access < kAccessClasses; ++access) {
      for (std::size_t column = 0; column < kMaxReplicas; ++column) {
        marks_[access][column] =
            std::max(marks_[access][column], other.marks_[access][column]);
      }
    }
  }
  // What every answer covers anyway.
  void Forget(const DependencySet& floor, int columns) {
    for (auto& of_class : marks_) {
      for (int column = 0; column < columns; ++column) {
        std::uint64_t& mark = of_class[static_cast<std::size_t>(column)];
        if (mark <= floor[ReplicaAt(column)]) mark = 0;
      }
    }
  }
  friend bool operator==(const ClassMarks&, const ClassMarks&) = default;

 private:
  std::array<std::array<std::uint64_t, kMaxReplicas>, kAccessClasses> marks_{};
};

}  // namespace quorate
