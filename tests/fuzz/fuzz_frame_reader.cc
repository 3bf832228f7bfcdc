// Any bytes as a stream, arriving in any pieces: what comes out does not depend
// on the pieces, and memory stays near what has arrived.
#include <algorithm>
#include <cstring>
#include <span>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"
#include "wire/check.h"
#include "wire/frame.h"

namespace quorate::fuzz {
namespace {

constexpr std::size_t kMaxBody = 64 * 1024;

struct Outcome {
  std::vector<std::string> bodies;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

// Takes every frame that is whole; false after an error.
bool TakeFrames(FrameReader& reader, Outcome& outcome) {
  for (;;) {
    const auto frame = reader.Next();
    if (!frame.ok()) {
      outcome.error = std::string(frame.status().message());
      return false;
    }
    if (!frame->has_value()) return true;
    const auto body = (*frame)->body;
    QUORATE_CHECK(reinterpret_cast<std::uintptr_t>(body.data()) % 8 == 0,
                  "a body is aligned");
    outcome.bodies.emplace_back(reinterpret_cast<const char*>(body.data()),
                                body.size());
  }
}

template <typename NextSize>
Outcome ReadAll(std::string_view stream, const NextSize& next_size) {
  FrameReader reader(kMaxBody);
  Outcome outcome;
  std::size_t read = 0;
  while (read < stream.size()) {
    const std::span<char> space = reader.Space();
    QUORATE_CHECK(!space.empty(), "there is always room");
    const std::size_t count =
        std::min({next_size(), space.size(), stream.size() - read});
    std::memcpy(space.data(), stream.data() + read, count);
    reader.Filled(count);
    read += count;
    QUORATE_CHECK(reader.allocated_bytes() <= 4 * read + 256 * 1024,
                  "memory grows with what has arrived");
    if (!TakeFrames(reader, outcome)) break;
  }
  return outcome;
}

}  // namespace

std::vector<std::string> Seeds() {
  Random random(4);
  std::vector<std::string> seeds;
  for (int i = 0; i < 20; ++i) {
    std::string stream;
    for (int j = 0; j < i; ++j) {
      std::string body = random.Bytes(i == 19 ? 5000 : 60);
      body.resize(body.size() / 8 * 8);
      AppendFrame(static_cast<FrameType>(1 + random.Below(8)),
                  std::as_bytes(std::span(body)), stream);
    }
    seeds.push_back(stream);
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using quorate::fuzz::Outcome;
  using quorate::fuzz::ReadAll;
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const Outcome at_once = ReadAll(stream, [] { return SIZE_MAX; });
  quorate::Random sizes(size);
  const Outcome in_pieces =
      ReadAll(stream, [&] { return std::size_t{1} + sizes.Number() % 5000; });
  QUORATE_CHECK(at_once == in_pieces,
                "frames do not depend on how the stream was cut");
  return 0;
}
