// Answers: where do the edges of millions of vertices lie?
//
// In one array, each vertex's in a run whose length is a power of two. Runs
// that are given back are linked, those of one length in one list, through
// their first edge, and given out again: after the first moments nothing is
// asked of the allocator, and what is in use together lies together. A run is
// named by its first index. Pure, copyable.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "graph/plain_array.h"
#include "wire/check.h"

namespace quorate {

// A target and the life of its index that was meant: when the index's
// generation has moved on, the target has run.
struct Edge {
  std::uint32_t target = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t generation = 0;
};

class EdgeRuns {
 public:
  // Room for `size` edges, at least one.
  std::uint32_t Take(std::size_t size) {
    std::uint32_t& free = free_[Length(size)];
    if (free != kNone) {
      const std::uint32_t run = free;
      free = edges_[run].target;
      return run;
    }
    const std::size_t run = edges_.size();
    edges_.Append(std::size_t{1} << Length(size), Edge{});
    QUORATE_CHECK(edges_.size() < kNone, "a graph has at most 2^32 - 2 edges");
    return static_cast<std::uint32_t>(run);
  }

  // Gives back what Take(size) gave.
  void Give(std::uint32_t run, std::size_t size) {
    std::uint32_t& free = free_[Length(size)];
    edges_[run].target = free;
    free = run;
  }

  Edge* At(std::uint32_t run) { return &edges_[run]; }
  const Edge* At(std::uint32_t run) const { return &edges_[run]; }

 private:
  static constexpr std::uint32_t kNone =
      std::numeric_limits<std::uint32_t>::max();

  // The logarithm of the run's length.
  static std::size_t Length(std::size_t size) {
    return static_cast<std::size_t>(std::bit_width(size - 1));
  }

  static constexpr std::array<std::uint32_t, 32> NoRuns() {
    std::array<std::uint32_t, 32> none{};
    none.fill(kNone);
    return none;
  }

  PlainArray<Edge> edges_;
  // By the logarithm of the length.
  std::array<std::uint32_t, 32> free_ = NoRuns();
};

}  // namespace quorate
