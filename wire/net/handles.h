// Answers: who owns a libuv handle, and when is the loop done with it?
//
// libuv hands memory back only in a callback that runs after uv_close.
// Handle<T> owns one handle on the heap: destroying it closes it at once, no
// callback of it runs afterwards, and the memory goes when the loop lets go.
// HandleCount says when that has happened to all handles of one owner.
#pragma once

#include <uv.h>

#include <functional>
#include <utility>

#include "wire/check.h"

namespace quorate {

// How many of somebody's handles the loop still knows. Must outlive them.
class HandleCount {
 public:
  void Opened() { ++open_; }
  void Closed() {
    if (--open_ > 0 || !when_none_) return;
    // The callback may destroy this object.
    std::exchange(when_none_, nullptr)();
  }
  // Calls `callback` as soon as none is open, which may be at once.
  void WhenNone(std::function<void()> callback) {
    when_none_ = std::move(callback);
    if (open_ == 0) std::exchange(when_none_, nullptr)();
  }
  int open() const { return open_; }

 private:
  int open_ = 0;
  std::function<void()> when_none_;
};

// T is uv_timer_t, uv_check_t, uv_tcp_t, ...
template <typename T>
class Handle {
 public:
  // `initialize` is uv_timer_init, uv_check_init, ...; `owner` is what the
  // handle's callbacks get from Owner<>.
  template <typename Initialize, typename Owner>
  Handle(uv_loop_t* loop, HandleCount& count, Initialize initialize,
         Owner* owner)
      : box_(new Box{{}, &count}) {
    const int error = initialize(loop, &box_->handle);
    QUORATE_CHECK(error == 0, "SH1: libuv initializes a handle of a live loop");
    box_->handle.data = owner;
    count.Opened();
  }
  ~Handle() {
    uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle),
             [](uv_handle_t* handle) {
               Box* box = reinterpret_cast<Box*>(handle);
               HandleCount* count = box->count;
               delete box;
               count->Closed();
             });
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  T* get() const { return &box_->handle; }

 private:
  struct Box {
    T handle;  // First: libuv's callbacks point to it.
    HandleCount* count;
  };
  Box* box_;
};

// The object that was given to a handle as its owner.
template <typename Owner, typename T>
Owner& OwnerOf(T* handle) {
  return *static_cast<Owner*>(handle->data);
}

}  // namespace quorate
