// Any bytes as the body of any frame of a client connection. The first byte of
// an input is the frame's type, seven more keep the body aligned.
#include <span>
#include <variant>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"

namespace quorate::fuzz {
namespace {

constexpr std::size_t kPrefix = 8;

// A frame's header has its type in bytes 4 and 5.
std::string InputOf(const ClientMessage& message) {
  std::string out;
  EncodeClientMessage(message, out);
  return out.substr(4, kPrefix) + out.substr(kFrameHeaderBytes);
}

std::span<const std::byte> BodyOf(std::span<const std::byte> input) {
  return input.subspan(kPrefix);
}

void CheckEveryLimit(const ClientRequest& request) {
  for (const Command& command : request.batch->commands()) {
    const RefusalReason reason = CheckLimits(*request.batch, command);
    QUORATE_CHECK((reason == RefusalReason::kNone) == Explain(reason).empty(),
                  "a refusal has a text");
  }
}

void Run(std::span<const std::byte> input) {
  if (input.size() < kPrefix) return;
  const auto type = static_cast<FrameType>(input[0]);
  const auto message = DecodeClientMessage(type, BodyOf(input));
  if (!message.ok()) return;
  if (const auto* request = std::get_if<ClientRequest>(&*message)) {
    CheckEveryLimit(*request);
  }
  const std::string again = InputOf(*message);
  const auto decoded =
      DecodeClientMessage(type, BodyOf(std::as_bytes(std::span(again))));
  QUORATE_CHECK(decoded.ok() && Same(*message, *decoded),
                "a decoded message survives a round trip");
}

}  // namespace

std::vector<std::string> Seeds() {
  Random random(2);
  std::vector<std::string> seeds;
  for (int i = 0; i < 20; ++i) {
    for (std::size_t type = 0; type < std::variant_size_v<ClientMessage::variant>;
         ++type) {
      seeds.push_back(InputOf(RandomClientMessage(random, type)));
    }
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  quorate::fuzz::Run(std::as_bytes(std::span(data, size)));
  return 0;
}
