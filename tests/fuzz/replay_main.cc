// Replays seeded mutations of a fuzz target's seeds: the same inputs on every
// machine. Usage: program [MUTATIONS [SEED]].
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"

namespace quorate::fuzz {
namespace {

constexpr std::uint64_t kDefaultMutations = 100'000;
constexpr std::uint64_t kDefaultSeed = 20'260'101;

// Numbers that are pointers, lengths or counts of consequence somewhere.
constexpr std::uint64_t kSpiteful[] = {0,
                                       1,
                                       2,
                                       6,
                                       0x7fff'ffff,
                                       0xffff'ffff,
                                       0xffff'ffff'ffff'ffff,
                                       0x8000'0000'0000'0000,
                                       0x0000'0001'0000'0000,
                                       0xffff'fffd'ffff'fffd};

void Mutate(Random& random, const std::vector<std::string>& seeds,
            std::string& input) {
  if (input.empty()) {
    input = random.Bytes(64);
    return;
  }
  // Half of the places lie near the front, where headers and pointers are.
  const std::size_t at = random.Coin() ? random.Below(input.size())
                                       : random.Number() % input.size();
  switch (random.Below(7)) {
    case 0:
      input[at] = static_cast<char>(input[at] ^ (1 << random.Below(8)));
      return;
    case 1: input[at] = static_cast<char>(random.Next()); return;
    case 2: input.resize(at); return;
    case 3: input.insert(at, random.Bytes(16)); return;
    case 4: input.erase(at, 1 + random.Below(16)); return;
    case 5: {
      const std::uint64_t word = kSpiteful[random.Below(std::size(kSpiteful))];
      const std::string_view bytes(reinterpret_cast<const char*>(&word),
                                   sizeof(word));
      input.replace(at / 8 * 8, 8, bytes.substr(0, random.Coin() ? 8 : 4));
      return;
    }
    default: {
      const std::string& other = seeds[random.Below(seeds.size())];
      input.resize(at / 8 * 8);
      if (other.size() > at) input += other.substr(at / 8 * 8);
    }
  }
}

void Replay(std::uint64_t mutations, std::uint64_t seed) {
  const std::vector<std::string> seeds = Seeds();
  const auto run = [](const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()),
                           input.size());
  };
  for (const std::string& each : seeds) run(each);
  Random random(seed);
  std::string input;
  for (std::uint64_t i = 0; i < mutations; ++i) {
    // Mutations pile up on one seed for a while.
    if (i % 8 == 0) input = seeds[random.Below(seeds.size())];
    Mutate(random, seeds, input);
    run(input);
  }
  std::printf("%zu seeds, %llu mutations\n", seeds.size(),
              static_cast<unsigned long long>(mutations));
}

}  // namespace
}  // namespace quorate::fuzz

int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint64_t otherwise) {
    return argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  quorate::fuzz::Replay(number(1, quorate::fuzz::kDefaultMutations),
                        number(2, quorate::fuzz::kDefaultSeed));
}
