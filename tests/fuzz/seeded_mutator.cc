// Gives libFuzzer the target's seeds without a corpus on disk: now and then a
// mutation starts from a seed instead of the input at hand.
#include <algorithm>
#include <cstring>

#include "tests/fuzz/fuzz.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data,
                                               std::size_t size,
                                               std::size_t max_size,
                                               unsigned int seed) {
  static const std::vector<std::string> seeds = quorate::fuzz::Seeds();
  if (size < 8 || seed % 64 == 0) {
    const std::string& start = seeds[(seed / 64) % seeds.size()];
    size = std::min(start.size(), max_size);
    std::memcpy(data, start.data(), size);
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
