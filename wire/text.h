// Answers: how are words and numbers put together to a message?
//
// absl::StrCat for std::string_view: Debian builds Abseil with a string_view of
// its own, which the standard's does not convert to.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace quorate {

inline absl::string_view ForAbseil(std::string_view text) {
  return {text.data(), text.size()};
}

namespace internal {
template <typename T>
auto Part(const T& part) {
  if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return ForAbseil(std::string_view(part));
  } else {
    return part;
  }
}
}  // namespace internal

// "config ", path, " line ", 12: one string.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  return absl::StrCat(internal::Part(parts)...);
}

}  // namespace quorate
