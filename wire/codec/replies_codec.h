// Answers: how do replies to a client become columns and back?
//
// One entry a reply, one a result, one a row, and one piece of bytes, in the
// way of batch_codec.h. Sizes are checked against each other before the first
// string is made. Included by the sources of wire/codec only.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "wire/client_message.h"
#include "wire/codec/schema/quorate.capnp.h"

namespace quorate::codec {

// Words a message with these replies needs, roughly.
std::size_t RepliesWords(std::span<const ClientReply> replies);

void SetReplies(std::span<const ClientReply> replies,
                schema::ClientReplies::Builder builder);

absl::StatusOr<ClientReplies> ReadReplies(
    const schema::ClientReplies::Reader& reader);

}  // namespace quorate::codec
