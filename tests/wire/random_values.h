// Answers: what can a value of each wire type look like?
//
// Values drawn from a seeded generator of our own, so that a seed gives the
// same values with every compiler: all alternatives, all optional fields, and
// the extremes that a limit allows. Shared by the tests and the fuzz targets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/client_message.h"
#include "wire/command.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate {

// SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  // In [0, bound).
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool Coin() { return (Next() & 1) != 0; }
  // Few or many bits, each length equally likely.
  std::uint64_t Number() { return Next() >> Below(64); }
  // 0 to `most` bytes of any value.
  std::string Bytes(std::size_t most);

 private:
  std::uint64_t state_;
};

CommandBatchPtr RandomBatch(Random& random);
DependencySet RandomDeps(Random& random, int columns);
Value RandomValue(Random& random);

// One value of the given alternative of the variant.
Message RandomMessage(Random& random, std::size_t alternative, int columns);
ClientMessage RandomClientMessage(Random& random, std::size_t alternative);
Record RandomRecord(Random& random, std::size_t alternative, int columns);

// Do both carry the same in everything that travels?
bool Same(const Message& a, const Message& b);
bool Same(const ClientMessage& a, const ClientMessage& b);
bool Same(const Record& a, const Record& b);

}  // namespace quorate
