#include "tests/lincheck/value.h"

#include <algorithm>
#include <charconv>

namespace quorate::lincheck {
namespace {

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;
// Any number between 256 and the prime; fixed so that runs can be compared.
constexpr std::uint64_t kBase = 1'043'527'081'903'245'711u % kPrime;

std::uint64_t Reduce(std::uint64_t number) {
  number = (number & kPrime) + (number >> 61);
  return number >= kPrime ? number - kPrime : number;
}

std::uint64_t Multiply(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return Reduce((static_cast<std::uint64_t>(product) & kPrime) +
                static_cast<std::uint64_t>(product >> 61));
}

}  // namespace

std::uint64_t HashByte(std::uint64_t prefix_hash, char next) {
  // + 1: a zero byte must count as well.
  return Reduce(Multiply(prefix_hash, kBase) +
                static_cast<unsigned char>(next) + 1u);
}

Value::Value(std::string_view text) : length_(text.size()) {
  for (const char c : text) {
    hash_ = HashByte(hash_, c);
    power_ = Multiply(power_, kBase);
  }
  std::copy_n(text.begin(), std::min(kShort, text.size()), text_.begin());
}

void Value::Append(const Value& suffix) {
  if (length_ + suffix.length_ <= kShort) {
    std::copy_n(suffix.text_.begin(), suffix.length_,
                text_.begin() + static_cast<std::ptrdiff_t>(length_));
  }
  hash_ = Reduce(Multiply(hash_, suffix.power_) + suffix.hash_);
  power_ = Multiply(power_, suffix.power_);
  length_ += suffix.length_;
}

bool Value::Add(std::int64_t step) {
  std::int64_t number = 0;
  if (length_ > kShort) return false;
  const char* end = text_.data() + length_;
  if (length_ > 0) {
    const auto [stop, error] = std::from_chars(text_.data(), end, number);
    if (error != std::errc() || stop != end) return false;
  }
  const auto sum = static_cast<std::int64_t>(
      static_cast<std::uint64_t>(number) + static_cast<std::uint64_t>(step));
  char digits[kShort];
  const char* digits_end = std::to_chars(digits, digits + kShort, sum).ptr;
  *this = Value(
      std::string_view(digits, static_cast<std::size_t>(digits_end - digits)));
  return true;
}

}  // namespace quorate::lincheck
