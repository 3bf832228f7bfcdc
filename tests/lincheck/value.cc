#include "tests/lincheck/value.h"

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

Value::Value(std::string_view text)
    : missing_(false), length_(text.size()), decimal_(text) {
  for (const char c : text) {
    hash_ = HashByte(hash_, c);
    power_ = Multiply(power_, kBase);
  }
}

void Value::Append(const Value& suffix) {
  missing_ = false;
  hash_ = Reduce(Multiply(hash_, suffix.power_) + suffix.hash_);
  power_ = Multiply(power_, suffix.power_);
  length_ += suffix.length_;
  decimal_.Append(suffix.decimal_);
}

}  // namespace quorate::lincheck
