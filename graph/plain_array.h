// Answers: how does an array of millions grow without being copied?
//
// A vector of plain bytes that grows by realloc. A large block is moved by
// changing page tables instead of its bytes, so that memory is touched once and
// not twice, which is a tenth of what a million vertices cost. Never shrinks.
// Pure, copyable.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "wire/check.h"

namespace quorate {

template <typename T>
class PlainArray {
  static_assert(std::is_trivially_copyable_v<T> &&
                alignof(T) <= alignof(std::max_align_t));

 public:
  PlainArray() = default;
  PlainArray(const PlainArray& other) {
    if (other.size_ == 0) return;
    Reserve(other.size_);
    std::memcpy(elements_.get(), other.elements_.get(),
                other.size_ * sizeof(T));
    size_ = other.size_;
  }
  PlainArray(PlainArray&& other) noexcept
      : elements_(std::move(other.elements_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  PlainArray& operator=(PlainArray other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return elements_.get()[i]; }
  const T& operator[](std::size_t i) const { return elements_.get()[i]; }

  // Appends `count` copies of `element`.
  void Append(std::size_t count, const T& element) {
    if (size_ + count > capacity_) {
      Reserve(std::max({size_ + count, 2 * capacity_, kLeast}));
    }
    std::uninitialized_fill_n(elements_.get() + size_, count, element);
    size_ += count;
  }

 private:
  static constexpr std::size_t kLeast = 4;
  struct Free {
    void operator()(T* elements) const { std::free(elements); }
  };

  void Reserve(std::size_t capacity) {
    void* moved = std::realloc(elements_.get(), capacity * sizeof(T));
    QUORATE_CHECK(moved != nullptr, "memory is never short");
    static_cast<void>(elements_.release());  // realloc has freed or moved it.
    elements_.reset(static_cast<T*>(moved));
    capacity_ = capacity;
  }

  std::unique_ptr<T, Free> elements_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace quorate
