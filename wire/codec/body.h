// Answers: how is one single-segment message built and read?
//
// The body of a frame and of a journal entry is the bare segment of a Cap'n
// Proto message, without a segment table: a table could only announce what we
// refuse. Building reuses a scratch segment a thread and starts over with twice
// the room when the guess was too small, so that there is never a second
// segment. Reading bounds what a message may make us visit, and is the one
// place that catches kj::Exception. Included by the sources of wire/codec only.
#pragma once

#include <capnp/message.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate::codec {

// Scratch of this thread: `words` zeroed words or more, nullptr when that is
// too much to keep. Whoever builds in it leaves it zeroed, as
// MallocMessageBuilder does.
kj::ArrayPtr<capnp::word> ScratchSegment(std::size_t words);

// Calls fill(Root::Builder) and hands the finished segment to use(bytes).
// `words` is a guess of the size.
template <typename Root, typename Fill, typename Use>
void BuildBody(std::size_t words, const Fill& fill, const Use& use) {
  for (;;) {
    const kj::ArrayPtr<capnp::word> scratch = ScratchSegment(words);
    capnp::MallocMessageBuilder message =
        scratch == nullptr
            ? capnp::MallocMessageBuilder(static_cast<unsigned>(words))
            : capnp::MallocMessageBuilder(scratch);
    fill(message.initRoot<Root>());
    const auto segments = message.getSegmentsForOutput();
    if (segments.size() > 1) {
      words = 2 * message.sizeInWords();
      continue;
    }
    const auto bytes = segments[0].asBytes();
    use(std::span(reinterpret_cast<const std::byte*>(bytes.begin()),
                  bytes.size()));
    return;
  }
}

// The body as words, copied into `copy` if it is not aligned; InvalidArgument
// if it is not whole words.
absl::StatusOr<kj::ArrayPtr<const capnp::word>> BodyWords(
    std::span<const std::byte> body, std::vector<std::uint64_t>& copy);

absl::Status Unreadable(const char* what, const kj::Exception& exception);

// Calls read(Root::Reader) and returns what it returns (a StatusOr), or
// InvalidArgument when the body is no such message. `what` names it there.
template <typename Root, typename Read>
auto ReadBody(const char* what, std::span<const std::byte> body,
              const Read& read)
    -> decltype(read(std::declval<typename Root::Reader>())) {
  std::vector<std::uint64_t> copy;
  const auto words = BodyWords(body, copy);
  if (!words.ok()) return words.status();
  // Every list is visited once: twice the body is room for structs that are
  // visited again, and too little for a bomb of pointers to one list.
  const capnp::ReaderOptions options{
      .traversalLimitInWords = 2 * words->size() + 64, .nestingLimit = 8};
  const kj::ArrayPtr<const capnp::word> segments[] = {*words};
  try {
    capnp::SegmentArrayMessageReader message(segments, options);
    return read(message.getRoot<Root>());
  } catch (const kj::Exception& exception) {
    return Unreadable(what, exception);
  }
}

}  // namespace quorate::codec
