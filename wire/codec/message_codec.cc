#include <cstring>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/codec/body.h"
#include "wire/codec/codec.h"
#include "wire/codec/fields.h"
#include "wire/codec/replies_codec.h"
#include "wire/overloaded.h"
#include "wire/payloads.h"

namespace quorate {
namespace codec {
namespace {

using schema::PeerMessage;

// ---- encoding -------------------------------------------------------------

void Set(const PreAccept& message, PeerMessage::Builder root) {
  auto to = root.initPreAccept();
  SetInstance(message.instance, to);
  to.setFastQuorum(message.fast_quorum.bits());
  SetBatch(message.batch, to.initBatch());
  SetDeps(message.initial_deps,
          [&](unsigned n) { return to.initInitialDeps(n); });
}

void Set(const PreAcceptReply& message, PeerMessage::Builder root) {
  auto to = root.initPreAcceptReply();
  SetInstance(message.instance, to);
  SetDeps(message.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const Accept& message, PeerMessage::Builder root) {
  auto to = root.initAccept();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
  SetValue(message.value, to.initValue());
  SetDeps(message.deps, [&](unsigned n) { return to.initDeps(n); });
  to.setCommitted(message.committed);
}

void Set(const AcceptReply& message, PeerMessage::Builder root) {
  auto to = root.initAcceptReply();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
}

void Set(const Nack& message, PeerMessage::Builder root) {
  auto to = root.initNack();
  SetInstance(message.instance, to);
  to.setPromisedBallot(message.promised_ballot.number());
}

void Set(const Commit& message, PeerMessage::Builder root) {
  auto to = root.initCommit();
  SetInstance(message.instance, to);
  SetValue(message.value, to.initValue());
  SetDeps(message.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const Recover& message, PeerMessage::Builder root) {
  auto to = root.initRecover();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
  if (message.batch != nullptr) SetBatch(message.batch, to.initBatch());
}

void Set(const RecoverReply& message, PeerMessage::Builder root) {
  auto to = root.initRecoverReply();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
  to.setStatus(static_cast<schema::InstanceStatus>(message.status));
  to.setAcceptedBallot(message.accepted_ballot.number());
  SetValue(message.value, to.initValue());
  SetDeps(message.deps, [&](unsigned n) { return to.initDeps(n); });
  to.setMatchesInitial(message.matches_initial);
  to.setRecused(message.recused);
  to.setFastQuorum(message.fast_quorum.bits());
}

void Set(const Validate& message, PeerMessage::Builder root) {
  auto to = root.initValidate();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
  SetBatch(message.batch, to.initBatch());
  SetDeps(message.initial_deps,
          [&](unsigned n) { return to.initInitialDeps(n); });
}

void Set(const ValidateReply& message, PeerMessage::Builder root) {
  auto to = root.initValidateReply();
  SetInstance(message.instance, to);
  to.setBallot(message.ballot.number());
  auto conflicts =
      to.initConflicts(static_cast<unsigned>(message.conflicts.size()));
  for (unsigned i = 0; i < conflicts.size(); ++i) {
    SetInstance(message.conflicts[i].instance, conflicts[i]);
    conflicts[i].setCommitted(message.conflicts[i].committed);
  }
}

void Set(const Waiting& message, PeerMessage::Builder root) {
  auto to = root.initWaiting();
  SetInstance(message.instance, to);
  to.setMatchingVotes(message.matching_votes);
}

void Set(const Inquire& message, PeerMessage::Builder root) {
  SetInstance(message.instance, root.initInquire());
}

void Set(const InquireReply& message, PeerMessage::Builder root) {
  auto to = root.initInquireReply();
  SetInstance(message.instance, to);
  to.setStatus(static_cast<schema::InstanceStatus>(message.status));
  to.setPromisedBallot(message.promised_ballot.number());
  to.setWorkingOnIt(message.working_on_it);
}

void Set(const Frontier& message, PeerMessage::Builder root) {
  auto to = root.initFrontier();
  SetDeps(message.committed, [&](unsigned n) { return to.initCommitted(n); });
  SetDeps(message.executed, [&](unsigned n) { return to.initExecuted(n); });
  SetDeps(message.base_floor, [&](unsigned n) { return to.initBaseFloor(n); });
  to.setForgottenThrough(message.forgotten_through);
  to.setEra(message.era);
}

void Set(const Truncated& message, PeerMessage::Builder root) {
  auto to = root.initTruncated();
  SetInstance(message.instance, to);
  SetDeps(message.drop_floor, [&](unsigned n) { return to.initDropFloor(n); });
}

void Set(const SnapshotRequest& message, PeerMessage::Builder root) {
  auto to = root.initSnapshotRequest();
  to.setThrough(message.through);
  to.setFirst(message.first);
  SetDeps(message.forgotten, [&](unsigned n) { return to.initForgotten(n); });
}

void Set(const SnapshotChunk& message, PeerMessage::Builder root) {
  auto to = root.initSnapshotChunk();
  to.setThrough(message.through);
  to.setIndex(message.index);
  to.setChunks(message.chunks);
  auto entries = to.initEntries(static_cast<unsigned>(message.entries.size()));
  if (message.entries.empty()) return;
  std::memcpy(entries.begin(), message.entries.data(), message.entries.size());
}

void Set(const DependencyRequest& message, PeerMessage::Builder root) {
  auto to = root.initDependencyRequest();
  SetInstance(message.instance, to);
  SetBatch(message.batch, to.initBatch());
}

void Set(const DependencyReply& message, PeerMessage::Builder root) {
  auto to = root.initDependencyReply();
  SetInstance(message.instance, to);
  SetDeps(message.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const InstanceReplies& message, PeerMessage::Builder root) {
  auto to = root.initInstanceReplies();
  SetInstance(message.instance, to);
  SetReplies(message.replies, to.initReplies());
}

void Set(const Prepare& message, PeerMessage::Builder root) {
  auto to = root.initPrepare();
  to.setBallot(message.ballot.number());
  to.setFirst(message.first);
}

void Set(const Promise& message, PeerMessage::Builder root) {
  auto to = root.initPromise();
  to.setBallot(message.ballot.number());
  to.setFirst(message.first);
  to.setThrough(message.through);
  auto votes = to.initVotes(static_cast<unsigned>(message.votes.size()));
  for (unsigned i = 0; i < votes.size(); ++i) {
    const Promise::Vote& vote = message.votes[i];
    votes[i].setSlot(vote.slot);
    votes[i].setBallot(vote.ballot.number());
    SetValue(vote.value, votes[i].initValue());
    votes[i].setDecided(vote.decided);
  }
}

void Set(const Lead& message, PeerMessage::Builder root) {
  auto to = root.initLead();
  to.setBallot(message.ballot.number());
  to.setCommitted(message.committed);
  to.setRound(message.round);
}

void Set(const LeadReply& message, PeerMessage::Builder root) {
  auto to = root.initLeadReply();
  to.setBallot(message.ballot.number());
  to.setRound(message.round);
}

std::size_t PromiseWords(const Promise& message) {
  constexpr std::size_t kAVoteWithoutItsBatch = 16;
  return message.votes.size() * kAVoteWithoutItsBatch;
}

std::size_t Words(const Message& message) {
  constexpr std::size_t kAllButTheBatch = 96;
  std::size_t words = kAllButTheBatch;
  VisitPayloads(message, [&](const CommandBatchPtr& batch) {
    words += BatchWords(batch);
  });
  const auto other_words = Overloaded{
      [](const SnapshotChunk& m) {
        return m.entries.size() / sizeof(capnp::word);
      },
      [](const InstanceReplies& m) { return RepliesWords(m.replies); },
      [](const Promise& m) { return PromiseWords(m); },
      [](const auto&) { return std::size_t{0}; }};
  return words + std::visit(other_words, message);
}

// ---- decoding -------------------------------------------------------------

PreAccept Get(const schema::PreAccept::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .batch = fields.Batch(from.getBatch()),
          .initial_deps = fields.Deps(from.getInitialDeps()),
          .fast_quorum = fields.Replicas(from.getFastQuorum())};
}

PreAcceptReply Get(const schema::PreAcceptReply::Reader& from,
                   FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .deps = fields.Deps(from.getDeps())};
}

Accept Get(const schema::Accept::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot()),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps()),
          .committed = from.getCommitted()};
}

AcceptReply Get(const schema::AcceptReply::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot())};
}

Nack Get(const schema::Nack::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .promised_ballot = fields.BallotOf(from.getPromisedBallot())};
}

Commit Get(const schema::Commit::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps())};
}

Recover Get(const schema::Recover::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot()),
          .batch = from.hasBatch() ? fields.Batch(from.getBatch()) : nullptr};
}

RecoverReply Get(const schema::RecoverReply::Reader& from,
                 FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot()),
          .status = fields.Status(from.getStatus()),
          .accepted_ballot = fields.BallotOf(from.getAcceptedBallot()),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps()),
          .matches_initial = from.getMatchesInitial(),
          .recused = from.getRecused(),
          .fast_quorum = fields.Replicas(from.getFastQuorum())};
}

Validate Get(const schema::Validate::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot()),
          .batch = fields.Batch(from.getBatch()),
          .initial_deps = fields.Deps(from.getInitialDeps())};
}

ValidateReply Get(const schema::ValidateReply::Reader& from,
                  FieldReader& fields) {
  ValidateReply message{.instance = fields.Instance(from),
                        .ballot = fields.BallotOf(from.getBallot())};
  const auto conflicts = from.getConflicts();
  // Not reserved: a list of empty structs has no bytes however long it says
  // it is, and fails at its first element.
  for (const auto conflict : conflicts) {
    message.conflicts.push_back({.instance = fields.Instance(conflict),
                                 .committed = conflict.getCommitted()});
    if (!fields.status().ok()) break;
  }
  return message;
}

Waiting Get(const schema::Waiting::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .matching_votes = fields.Count(from.getMatchingVotes())};
}

Inquire Get(const schema::Inquire::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from)};
}

InquireReply Get(const schema::InquireReply::Reader& from,
                 FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .status = fields.Status(from.getStatus()),
          .promised_ballot = fields.BallotOf(from.getPromisedBallot()),
          .working_on_it = from.getWorkingOnIt()};
}

Frontier Get(const schema::Frontier::Reader& from, FieldReader& fields) {
  return {.committed = fields.Deps(from.getCommitted()),
          .executed = fields.Deps(from.getExecuted()),
          .base_floor = fields.Deps(from.getBaseFloor()),
          .forgotten_through = from.getForgottenThrough(),
          .era = from.getEra()};
}

Truncated Get(const schema::Truncated::Reader& from, FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .drop_floor = fields.Deps(from.getDropFloor())};
}

DependencyRequest Get(const schema::DependencyRequest::Reader& from,
                      FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .batch = fields.Batch(from.getBatch())};
}

DependencyReply Get(const schema::DependencyReply::Reader& from,
                    FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .deps = fields.Deps(from.getDeps())};
}

InstanceReplies Get(const schema::InstanceReplies::Reader& from,
                    FieldReader& fields) {
  InstanceReplies message{.instance = fields.Instance(from)};
  absl::StatusOr<ClientReplies> replies = ReadReplies(from.getReplies());
  if (replies.ok()) {
    message.replies = std::move(replies->replies);
  } else {
    fields.Fail(std::string(replies.status().message()));
  }
  return message;
}

Prepare Get(const schema::Prepare::Reader& from, FieldReader& fields) {
  return {.ballot = fields.BallotOf(from.getBallot()),
          .first = fields.Slot(from.getFirst())};
}

Promise Get(const schema::Promise::Reader& from, FieldReader& fields) {
  Promise message{.ballot = fields.BallotOf(from.getBallot()),
                  .first = fields.Slot(from.getFirst()),
                  .through = from.getThrough()};
  // Not reserved, as in ValidateReply.
  for (const auto vote : from.getVotes()) {
    message.votes.push_back({.slot = fields.Slot(vote.getSlot()),
                             .ballot = fields.BallotOf(vote.getBallot()),
                             .value = fields.ValueOf(vote.getValue()),
                             .decided = vote.getDecided()});
    if (!fields.status().ok()) break;
  }
  return message;
}

Lead Get(const schema::Lead::Reader& from, FieldReader& fields) {
  return {.ballot = fields.BallotOf(from.getBallot()),
          .committed = from.getCommitted(),
          .round = from.getRound()};
}

LeadReply Get(const schema::LeadReply::Reader& from, FieldReader& fields) {
  return {.ballot = fields.BallotOf(from.getBallot()),
          .round = from.getRound()};
}

absl::StatusOr<Message> GetMessage(const PeerMessage::Reader& root,
                                   FieldReader& fields) {
  switch (root.which()) {
    case PeerMessage::PRE_ACCEPT: return Get(root.getPreAccept(), fields);
    case PeerMessage::PRE_ACCEPT_REPLY:
      return Get(root.getPreAcceptReply(), fields);
    case PeerMessage::ACCEPT: return Get(root.getAccept(), fields);
    case PeerMessage::ACCEPT_REPLY: return Get(root.getAcceptReply(), fields);
    case PeerMessage::NACK: return Get(root.getNack(), fields);
    case PeerMessage::COMMIT: return Get(root.getCommit(), fields);
    case PeerMessage::RECOVER: return Get(root.getRecover(), fields);
    case PeerMessage::RECOVER_REPLY: return Get(root.getRecoverReply(), fields);
    case PeerMessage::VALIDATE: return Get(root.getValidate(), fields);
    case PeerMessage::VALIDATE_REPLY:
      return Get(root.getValidateReply(), fields);
    case PeerMessage::WAITING: return Get(root.getWaiting(), fields);
    case PeerMessage::INQUIRE: return Get(root.getInquire(), fields);
    case PeerMessage::INQUIRE_REPLY: return Get(root.getInquireReply(), fields);
    case PeerMessage::FRONTIER: return Get(root.getFrontier(), fields);
    case PeerMessage::TRUNCATED: return Get(root.getTruncated(), fields);
    case PeerMessage::SNAPSHOT_REQUEST: {
      const auto request = root.getSnapshotRequest();
      return SnapshotRequest{.through = request.getThrough(),
                             .first = request.getFirst(),
                             .forgotten = fields.Deps(request.getForgotten())};
    }
    case PeerMessage::SNAPSHOT_CHUNK: {
      const auto chunk = root.getSnapshotChunk();
      return SnapshotChunk{.through = chunk.getThrough(),
                           .index = chunk.getIndex(),
                           .chunks = chunk.getChunks(),
                           .entries = std::string(BytesOf(chunk.getEntries()))};
    }
    case PeerMessage::DEPENDENCY_REQUEST:
      return Get(root.getDependencyRequest(), fields);
    case PeerMessage::DEPENDENCY_REPLY:
      return Get(root.getDependencyReply(), fields);
    case PeerMessage::INSTANCE_REPLIES:
      return Get(root.getInstanceReplies(), fields);
    case PeerMessage::PREPARE: return Get(root.getPrepare(), fields);
    case PeerMessage::PROMISE: return Get(root.getPromise(), fields);
    case PeerMessage::LEAD: return Get(root.getLead(), fields);
    case PeerMessage::LEAD_REPLY: return Get(root.getLeadReply(), fields);
  }
  return absl::UnimplementedError(
      absl::StrCat("peer message of type ", static_cast<int>(root.which()),
                   ": the sender runs a newer version"));
}

}  // namespace
}  // namespace codec

void EncodeMessage(const Message& message, std::string& out) {
  codec::BuildBody<schema::PeerMessage>(
      codec::Words(message),
      [&](schema::PeerMessage::Builder root) {
        std::visit([&](const auto& m) { codec::Set(m, root); }, message);
      },
      [&](std::span<const std::byte> body) {
        AppendFrame(FrameType::kPeerMessage, body, out);
      });
}

absl::StatusOr<Message> DecodeMessage(std::span<const std::byte> body,
                                      int columns) {
  return codec::ReadBody<schema::PeerMessage>(
      "a peer message", body,
      [&](const schema::PeerMessage::Reader& root) -> absl::StatusOr<Message> {
        codec::FieldReader fields(columns, codec::BatchLimits::kEnforced);
        absl::StatusOr<Message> message = codec::GetMessage(root, fields);
        if (!fields.status().ok()) return fields.status();
        return message;
      });
}

}  // namespace quorate
