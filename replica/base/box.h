// Answers: how does a copyable value own a part that most of its kind lack?
//
// A pointer to an owned value that copies the value when it is copied, so that
// machines stay copyable (Machine::Clone).
#pragma once

#include <memory>
#include <variant>

namespace quorate {

template <typename T>
class Box {
 public:
  Box() = default;
  Box(const Box& other)
      : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(Box other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }

  T& Emplace() {
    value_ = std::make_unique<T>();
    return *value_;
  }
  void Clear() { value_.reset(); }
  T* get() { return value_.get(); }
  const T* get() const { return value_.get(); }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  std::unique_ptr<T> value_;
};

// Of a variant of boxes: what it has in one of that type; null where it has
// another.
template <typename T, typename Variant>
auto* BoxedIn(Variant& variant) {
  auto* box = std::get_if<Box<T>>(&variant);
  return box == nullptr ? nullptr : box->get();
}

}  // namespace quorate
