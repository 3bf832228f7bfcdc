// Answers: what happens next?
//
// A queue of things to do at points of virtual time, in microseconds. Things
// due at the same time happen in the order in which they were scheduled, so a
// run never depends on how a heap breaks ties. The heap moves small items; the
// things themselves stay where they are.
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
    std::uint32_t place = static_cast<std::uint32_t>(actions_.size());
    if (free_.empty()) {
      actions_.push_back(std::move(action));
    } else {
      place = free_.back();
      free_.pop_back();
      actions_[place] = std::move(action);
    }
    heap_.push_back({now_ + delay, next_order_++, place});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }

  // Takes the earliest thing and does it. The queue must not be empty.
  void RunNext() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const Item item = heap_.back();
    heap_.pop_back();
    now_ = item.time;
    const std::function<void()> action =
        std::exchange(actions_[item.place], nullptr);
    free_.push_back(item.place);
    action();
  }

 private:
  struct Item {
    Micros time = 0;
    std::uint64_t order = 0;
    std::uint32_t place = 0;  // in actions_
  };
  struct Later {
    bool operator()(const Item& a, const Item& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };

  std::vector<Item> heap_;
  std::vector<std::function<void()>> actions_;
  std::vector<std::uint32_t> free_;
  Micros now_ = 0;
  std::uint64_t next_order_ = 0;
};

}  // namespace quorate::sim
