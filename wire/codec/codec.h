// Answers: how do values become bytes and back?
//
// The only place that sees Cap'n Proto. Encoding appends whole frames (or, for
// records, length-delimited entries with their checksum) to a string. Decoding
// is eager, into plain values, in one function a type that catches
// kj::Exception: garbage gives InvalidArgument with a reason, never a crash and
// never an allocation beyond a small multiple of the input. What a decoded
// value is certain to satisfy is said in wire/README.md. Batches are stored by
// column (struct of arrays), which costs a few nanoseconds a command.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/client_message.h"
#include "wire/frame.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate {

// ---- between replicas -----------------------------------------------------

// Appends one frame of type kPeerMessage.
void EncodeMessage(const Message& message, std::string& out);
// `columns`: the cluster's size; a dependency set of another size, a replica
// outside the cluster or slot 0 is refused. Unimplemented for a message type of
// a newer minor version (skip and count it), InvalidArgument for garbage.
absl::StatusOr<Message> DecodeMessage(std::span<const std::byte> body,
                                      int columns);

// ---- clients and handshake ------------------------------------------------

// Appends one frame of the matching type. The caller keeps it within the limit
// of the receiver's reader.
void EncodeClientMessage(const ClientMessage& message, std::string& out);
// Limits: a request may hold kMaxBatchCommands and kMaxRequestOperations. An
// oversized key, value or command inside a well-formed request does not fail
// the whole request: it is left in place, and CheckLimits below names the
// refusal, so that only that command is refused. A Hello of another major
// version comes back with its version and nothing else. Unimplemented for a
// frame type that this version does not know.
absl::StatusOr<ClientMessage> DecodeClientMessage(
    FrameType type, std::span<const std::byte> body);

// Why this command cannot be taken, or kNone. Every way in for commands asks it
// before it proposes them: what it refuses, replicas refuse from each other,
// but for their own commands (OperationKind::kEndEra).
RefusalReason CheckLimits(const CommandBatch& batch, const Command& command);

// ---- journal --------------------------------------------------------------

// Appends one self-delimiting entry {length u32, check u32, message}.
void EncodeRecord(const Record& record, std::string& out);
// Calls `record` for every entry of a group in order. DataLoss at the first
// entry whose checksum is wrong, naming its offset.
absl::Status DecodeRecords(std::string_view group, int columns,
                           const std::function<void(Record&&)>& record);

}  // namespace quorate
