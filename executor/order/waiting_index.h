// Answers: which of very many waiting batches touch one of these keys?
//
// From key to the waiting vertices that touch it. Comparing batches pair by
// pair is cheaper while few wait, so entries are made only when many do, and
// then for each waiting batch at most once; they go when it executes. Answers
// by marking: Mark, then ask Marked for each candidate. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "executor/footprint.h"
#include "graph/component_graph.h"

namespace quorate {

class WaitingIndex {
 public:
  void Insert(Vertex vertex, const Footprint& footprint);
  void Erase(Vertex vertex, const Footprint& footprint);

  // Marks every indexed vertex that conflicts with `footprint` on some key, and
  // only those. Conflicts of scans are not looked for.
  void Mark(const Footprint& footprint);
  bool Marked(Vertex vertex) const {
    return vertex < marks_.size() && marks_[vertex] == round_;
  }

  // Keys that some indexed vertex touches.
  std::size_t keys() const { return by_key_.size(); }

 private:
  struct Posting {
    Vertex vertex;
    AccessMask classes;
  };
  // Keyed by hashes that are uniform already.
  struct Identity {
    std::size_t operator()(std::uint64_t hash) const {
      return static_cast<std::size_t>(hash);
    }
  };
  absl::flat_hash_map<std::uint64_t, absl::InlinedVector<Posting, 2>, Identity>
      by_key_;
  // By vertex: the last round in which it was marked.
  std::vector<std::uint64_t> marks_;
  std::uint64_t round_ = 0;
};

}  // namespace quorate
