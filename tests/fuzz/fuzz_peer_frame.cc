// Any bytes as the body of a frame between replicas: DecodeMessage refuses them
// or gives a message that survives being encoded and decoded again.
#include <span>
#include <variant>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"

namespace quorate::fuzz {
namespace {

constexpr int kColumns = 3;

std::string BodyOf(const Message& message) {
  std::string out;
  EncodeMessage(message, out);
  return out.substr(kFrameHeaderBytes);
}

}  // namespace

std::vector<std::string> Seeds() {
  Random random(1);
  std::vector<std::string> seeds;
  for (int i = 0; i < 10; ++i) {
    for (std::size_t type = 0; type < std::variant_size_v<Message::variant>; ++type) {
      seeds.push_back(BodyOf(RandomMessage(random, type, kColumns)));
    }
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using quorate::fuzz::kColumns;
  const auto body = std::as_bytes(std::span(data, size));
  const auto message = quorate::DecodeMessage(body, kColumns);
  if (!message.ok()) return 0;
  const std::string again = quorate::fuzz::BodyOf(*message);
  const auto decoded =
      quorate::DecodeMessage(std::as_bytes(std::span(again)), kColumns);
  QUORATE_CHECK(decoded.ok() && quorate::Same(*message, *decoded),
                "a decoded message survives a round trip");
  return 0;
}
