// Answers: what happens next?
//
// A queue of things to do at points of virtual time, in microseconds. Things
// due at the same time happen in the order in which they were scheduled, so a
// run never depends on how a heap breaks ties.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace quorate::sim {

using Micros = std::uint64_t;

class EventQueue {
 public:
  Micros now() const { return now_; }
  bool empty() const { return heap_.empty(); }

  void After(Micros delay, std::function<void()> action) {
    heap_.push_back({now_ + delay, next_order_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }

  // Takes the earliest thing and does it. The queue must not be empty.
  void RunNext() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    Item item = std::move(heap_.back());
    heap_.pop_back();
    now_ = item.time;
    item.action();
  }

 private:
  struct Item {
    Micros time = 0;
    std::uint64_t order = 0;
    std::function<void()> action;
  };
  struct Later {
    bool operator()(const Item& a, const Item& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };

  std::vector<Item> heap_;
  Micros now_ = 0;
  std::uint64_t next_order_ = 0;
};

}  // namespace quorate::sim
