// Answers: is what was written on a command line a number, or a word at all?
//
// CLI11 (2.1.2) reads integers as C does: "010" is 8, "0x10" 16, " 5" 5, "" is
// 0 where it may be unsigned, and so is "-1" a very large number; fractions may
// be nan. Here a number is decimal digits and nothing else, and what does not
// fit is refused. An option whose word is empty (--node "$UNSET") is not taken
// for one that was left out: it would be a way to ask for something else. For
// every option of every program, so that none is forgotten.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

namespace quorate {
namespace internal {

// Fractions are rates, shares and seconds; more would overflow when counted in
// nanoseconds.
inline constexpr double kLargestFraction = 1e9;

template <typename Number>
bool IsWhole(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

inline bool IsFraction(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && std::isfinite(number) &&
         std::abs(number) <= kLargestFraction;
}

// Digits as people write them: "1000000" and "0.01", not "1000000.000000".
inline std::string Written(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.10g", number);
  return text;
}

// For CLI11, which would take zeros in front for base 8.
inline void DropLeadingZeros(std::string& text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  const std::size_t digit =
      std::min(text.find_first_not_of('0', first), text.size() - 1);
  text.erase(first, digit - first);
}

inline void MakeStrict(CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto is = [&](std::string_view name) {
    return std::string_view(type).substr(0, type.find(':')) == name;
  };
  const bool is_signed = is("INT");
  if (is_signed || is("UINT")) {
    option.transform(CLI::Validator(
        [is_signed](std::string& text) -> std::string {
          if (is_signed ? !IsWhole<std::int64_t>(text)
                        : !IsWhole<std::uint64_t>(text)) {
            return "\"" + text + "\" is not a whole number" +
                   (is_signed ? "" : " from 0 on") + ", in decimal digits";
          }
          DropLeadingZeros(text);
          return {};
        },
        ""));
  } else if (is("FLOAT")) {
    option.transform(CLI::Validator(
        [](std::string& text) -> std::string {
          if (IsFraction(text)) return {};
          return "\"" + text + "\" is not a number up to a billion";
        },
        ""));
  } else if (!option.get_lnames().empty() && option.get_type_size() != 0) {
    // A positional word is a key or a value, which may be empty.
    option.check(CLI::Validator(
        [](std::string& text) -> std::string {
          if (!text.empty()) return {};
          return "the word is empty; give one, or leave the option out";
        },
        ""));
  }
}

}  // namespace internal

// For check(): a number of this range. CLI11's own words for it,
// PositiveNumber, name the largest double there is, in 300 digits; and a bound
// that is none lets through what nobody can mean.
inline CLI::Validator Between(double least, double most) {
  const std::string range =
      "from " + internal::Written(least) + " to " + internal::Written(most);
  return CLI::Validator(
      [least, most, range](std::string& text) -> std::string {
        double number = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (error == std::errc() && stop == end && number >= least &&
            number <= most) {
          return {};
        }
        return "\"" + text + "\" is not a number " + range;
      },
      range);
}

// After all options have been added, before parsing.
inline void UseStrictArguments(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) internal::MakeStrict(*option);
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
    UseStrictArguments(*sub);
  }
}

}  // namespace quorate
