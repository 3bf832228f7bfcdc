// Answers: how do replies to a client become columns and back?
//
// One entry a reply, one a result, one a row, and one piece of bytes, in the
// way of batch_codec.h. Sizes are checked against each other before the first
// string is made. Included by the sources of wire/codec only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "wire/client_message.h"
#include "wire/codec/schema/quorate.capnp.h"

namespace quorate::codec {

// Of a column of sizes, which so small a frame cannot make overflow.
template <typename T>
std::uint64_t Sum(std::span<const T> column) {
  std::uint64_t sum = 0;
  for (const T number : column) sum += number;
  return sum;
}

// Words a message with these replies needs, roughly.
std::size_t RepliesWords(std::span<const ClientReply> replies);

void SetReplies(std::span<const ClientReply> replies,
                schema::ClientReplies::Builder builder);

absl::StatusOr<ClientReplies> ReadReplies(
    const schema::ClientReplies::Reader& reader);

}  // namespace quorate::codec
