// Answers: which payloads does a message or a record carry?
//
// One list for all that must find them: codecs that make room, accounts of
// memory, copies that share nothing, replays that strip what one life knew. A
// new message or record is in it, or says that it carries none, or nothing
// compiles. Pointers may be null: a payload that is left out.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "wire/message.h"
#include "wire/record.h"

namespace quorate {

template <typename T, typename... Kinds>
inline constexpr bool kIsOneOf = (std::is_same_v<T, Kinds> || ...);

// What can be large in these is no batch of commands, or nothing is.
template <typename T>
inline constexpr bool kCarriesNoPayload =
    kIsOneOf<T, PreAcceptReply, AcceptReply, Nack, ValidateReply, Waiting,
             Inquire, InquireReply, Frontier, Truncated, SnapshotRequest,
             SnapshotChunk, DependencyReply, InstanceReplies, Prepare, Lead,
             LeadReply> ||
    kIsOneOf<T, FloorRecord, ReservedRecord, CheckpointBegunRecord,
             ExecutedRecord, EntriesRecord, SessionsRecord,
             CheckpointEndedRecord, DecidedRecord>;

// Calls `visit` with each CommandBatchPtr of one kind of message or record.
template <typename Kind, typename Visit>
void VisitPayloadsOf(Kind& kind, const Visit& visit) {
  using T = std::remove_const_t<Kind>;
  if constexpr (kIsOneOf<T, PreAccept, Recover, Validate, DependencyRequest,
                         PreAcceptedRecord, ValidatedRecord, PromisedRecord,
                         DependencyRecord>) {
    visit(kind.batch);
  } else if constexpr (kIsOneOf<T, Accept, Commit, RecoverReply, AcceptedRecord,
                                CommittedRecord>) {
    visit(kind.value.batch);
  } else if constexpr (kIsOneOf<T, InstanceRecord>) {
    visit(kind.value.batch);
    visit(kind.initial_batch);
  } else if constexpr (kIsOneOf<T, Promise>) {
    for (auto& vote : kind.votes) visit(vote.value.batch);
  } else {
    static_assert(kCarriesNoPayload<T>,
                  "a message or record says which payloads it carries");
    static_assert(!requires { kind.batch; } && !requires { kind.value.batch; });
  }
}

// Of a Message or a Record, const or not.
template <typename Variant, typename Visit>
void VisitPayloads(Variant& any, const Visit& visit) {
  std::visit([&](auto& kind) { VisitPayloadsOf(kind, visit); }, any);
}

}  // namespace quorate
