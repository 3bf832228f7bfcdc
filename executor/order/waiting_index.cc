#include "executor/order/waiting_index.h"

#include <algorithm>

#include "wire/check.h"

namespace quorate {

void WaitingIndex::Insert(Vertex vertex, const Footprint& footprint) {
  if (marks_.size() <= vertex) marks_.resize(vertex + std::size_t{1}, 0);
  for (const Footprint::Entry& entry : footprint.entries()) {
    by_key_[entry.key_hash].push_back({vertex, entry.classes});
  }
}

void WaitingIndex::Erase(Vertex vertex, const Footprint& footprint) {
  for (const Footprint::Entry& entry : footprint.entries()) {
    const auto key = by_key_.find(entry.key_hash);
    QUORATE_CHECK(key != by_key_.end(), "EX2: an indexed key has its entry");
    auto& postings = key->second;
    // Vertices execute roughly in the order in which they came.
    const auto posting = std::ranges::find(postings, vertex, &Posting::vertex);
    QUORATE_CHECK(posting != postings.end(),
                  "EX2: an indexed vertex is posted under its keys");
    *posting = postings.back();
    postings.pop_back();
    if (postings.empty()) by_key_.erase(key);
  }
}

void WaitingIndex::Mark(const Footprint& footprint) {
  ++round_;
  for (const Footprint::Entry& entry : footprint.entries()) {
    const auto key = by_key_.find(entry.key_hash);
    if (key == by_key_.end()) continue;
    for (const Posting& posting : key->second) {
      if (Conflict(entry.classes, posting.classes)) {
        marks_[posting.vertex] = round_;
      }
    }
  }
}

}  // namespace quorate
