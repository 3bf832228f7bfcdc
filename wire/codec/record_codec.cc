#include <cstring>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/check.h"
#include "wire/codec/body.h"
#include "wire/codec/checkpoint_codec.h"
#include "wire/codec/codec.h"
#include "wire/codec/fields.h"
#include "wire/overloaded.h"
#include "wire/payloads.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace codec {
namespace {

// In front of every entry.
struct EntryHeader {
  std::uint32_t bytes;
  std::uint32_t check;
};
static_assert(sizeof(EntryHeader) == 8);

// Seeded with the length: an entry cut short or read too long does not pass.
std::uint32_t EntryCheck(const void* entry, std::size_t bytes) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(entry, bytes, bytes));
}

// ---- encoding -------------------------------------------------------------

void Set(const PreAcceptedRecord& record, schema::Record::Builder root) {
  auto to = root.initPreAccepted();
  SetInstance(record.instance, to);
  to.setFastQuorum(record.fast_quorum.bits());
  SetBatch(record.batch, to.initBatch());
  SetDeps(record.initial_deps,
          [&](unsigned n) { return to.initInitialDeps(n); });
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const AcceptedRecord& record, schema::Record::Builder root) {
  auto to = root.initAccepted();
  SetInstance(record.instance, to);
  to.setBallot(record.ballot.number());
  SetValue(record.value, to.initValue());
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const PromisedRecord& record, schema::Record::Builder root) {
  auto to = root.initPromised();
  SetInstance(record.instance, to);
  to.setBallot(record.ballot.number());
  if (record.batch == nullptr) return;
  SetBatch(record.batch, to.initBatch());
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const ValidatedRecord& record, schema::Record::Builder root) {
  auto to = root.initValidated();
  SetInstance(record.instance, to);
  SetBatch(record.batch, to.initBatch());
  SetDeps(record.initial_deps,
          [&](unsigned n) { return to.initInitialDeps(n); });
}

void Set(const CommittedRecord& record, schema::Record::Builder root) {
  auto to = root.initCommitted();
  SetInstance(record.instance, to);
  SetValue(record.value, to.initValue());
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const FloorRecord& record, schema::Record::Builder root) {
  auto to = root.initFloor();
  SetDeps(record.base_floor, [&](unsigned n) { return to.initBaseFloor(n); });
  SetDeps(record.drop_floor, [&](unsigned n) { return to.initDropFloor(n); });
}

void Set(const ReservedRecord& record, schema::Record::Builder root) {
  auto to = root.initReserved();
  to.setThrough(record.through);
  to.setLazyFastCommit(record.lazy_fast_commit);
}

void Set(const DependencyRecord& record, schema::Record::Builder root) {
  auto to = root.initDependency();
  SetInstance(record.instance, to);
  SetBatch(record.batch, to.initBatch());
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
}

void Set(const DecidedRecord& record, schema::Record::Builder root) {
  root.initDecided().setThrough(record.through);
}

// The records of a checkpoint.
template <typename CheckpointPart>
void Set(const CheckpointPart& record, schema::Record::Builder root) {
  SetCheckpoint(record, root);
}

std::size_t Words(const Record& record) {
  constexpr std::size_t kFixedFields = 64;
  std::size_t words = kFixedFields;
  VisitPayloads(record, [&](const CommandBatchPtr& batch) {
    words += BatchWords(batch);
  });
  const auto extra_words =
      Overloaded{[](const ExecutedRecord& r) { return ExtraWords(r); },
                 [](const EntriesRecord& r) { return ExtraWords(r); },
                 [](const SessionsRecord& r) { return ExtraWords(r); },
                 [](const auto&) { return std::size_t{0}; }};
  return words + std::visit(extra_words, record);
}

void AppendEntry(std::span<const std::byte> body, std::string& out) {
  QUORATE_CHECK(body.size() <= UINT32_MAX,
                "a journal entry's length fits its header");
  const EntryHeader header{.bytes = static_cast<std::uint32_t>(body.size()),
                           .check = EntryCheck(body.data(), body.size())};
  out.append(reinterpret_cast<const char*>(&header), sizeof(header));
  out.append(reinterpret_cast<const char*>(body.data()), body.size());
}

// ---- decoding -------------------------------------------------------------

PreAcceptedRecord Get(const schema::PreAcceptedRecord::Reader& from,
                      FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .batch = fields.Batch(from.getBatch()),
          .initial_deps = fields.Deps(from.getInitialDeps()),
          .deps = fields.Deps(from.getDeps()),
          .fast_quorum = fields.Replicas(from.getFastQuorum())};
}

AcceptedRecord Get(const schema::AcceptedRecord::Reader& from,
                   FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .ballot = fields.BallotOf(from.getBallot()),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps())};
}

PromisedRecord Get(const schema::PromisedRecord::Reader& from,
                   FieldReader& fields) {
  PromisedRecord record{.instance = fields.Instance(from),
                        .ballot = fields.BallotOf(from.getBallot())};
  if (!from.hasBatch()) return record;
  record.batch = fields.Batch(from.getBatch());
  record.deps = fields.Deps(from.getDeps());
  return record;
}

ValidatedRecord Get(const schema::ValidatedRecord::Reader& from,
                    FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .batch = fields.Batch(from.getBatch()),
          .initial_deps = fields.Deps(from.getInitialDeps())};
}

CommittedRecord Get(const schema::CommittedRecord::Reader& from,
                    FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps())};
}

FloorRecord Get(const schema::FloorRecord::Reader& from, FieldReader& fields) {
  return {.base_floor = fields.Deps(from.getBaseFloor()),
          .drop_floor = fields.Deps(from.getDropFloor())};
}

ReservedRecord Get(const schema::ReservedRecord::Reader& from) {
  return {.through = from.getThrough(),
          .lazy_fast_commit = from.getLazyFastCommit()};
}

DependencyRecord Get(const schema::DependencyRecord::Reader& from,
                     FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .batch = fields.Batch(from.getBatch()),
          .deps = fields.Deps(from.getDeps())};
}

absl::StatusOr<Record> GetRecord(const schema::Record::Reader& root,
                                 FieldReader& fields) {
  switch (root.which()) {
    case schema::Record::PRE_ACCEPTED:
      return Get(root.getPreAccepted(), fields);
    case schema::Record::ACCEPTED: return Get(root.getAccepted(), fields);
    case schema::Record::PROMISED: return Get(root.getPromised(), fields);
    case schema::Record::VALIDATED: return Get(root.getValidated(), fields);
    case schema::Record::COMMITTED: return Get(root.getCommitted(), fields);
    case schema::Record::FLOOR: return Get(root.getFloor(), fields);
    case schema::Record::RESERVED: return Get(root.getReserved());
    case schema::Record::CHECKPOINT_BEGUN:
      return CheckpointBegunRecord{.through =
                                       root.getCheckpointBegun().getThrough()};
    case schema::Record::EXECUTED: return Get(root.getExecuted(), fields);
    case schema::Record::INSTANCE: return Get(root.getInstance(), fields);
    case schema::Record::ENTRIES: return Get(root.getEntries(), fields);
    case schema::Record::SESSIONS: return Get(root.getSessions(), fields);
    case schema::Record::CHECKPOINT_ENDED: {
      const auto ended = root.getCheckpointEnded();
      return CheckpointEndedRecord{.through = ended.getThrough(),
                                   .state_hash = ended.getStateHash()};
    }
    case schema::Record::DEPENDENCY: return Get(root.getDependency(), fields);
    case schema::Record::DECIDED:
      return DecidedRecord{.through = root.getDecided().getThrough()};
  }
  return absl::UnimplementedError(
      absl::StrCat("record of type ", static_cast<int>(root.which()),
                   ": written by a newer version; start that one"));
}

absl::StatusOr<Record> DecodeRecord(std::span<const std::byte> body,
                                    int columns) {
  return ReadBody<schema::Record>(
      "a journal entry", body,
      [&](const schema::Record::Reader& root) -> absl::StatusOr<Record> {
        FieldReader fields(columns, BatchLimits::kLeftToCaller);
        absl::StatusOr<Record> record = GetRecord(root, fields);
        if (!fields.status().ok()) return fields.status();
        return record;
      });
}

// The body of the entry that `rest` starts with.
absl::StatusOr<std::span<const std::byte>> CutEntry(std::string_view rest,
                                                    std::size_t offset) {
  EntryHeader header{};
  if (rest.size() >= sizeof(header)) {
    std::memcpy(&header, rest.data(), sizeof(header));
  }
  if (rest.size() < sizeof(header) ||
      rest.size() - sizeof(header) < header.bytes) {
    return absl::DataLossError(absl::StrCat(
        "journal entry at offset ", offset, " is cut off: it announces ",
        header.bytes, " bytes after its header, ", rest.size(),
        " bytes are left with it"));
  }
  const std::string_view body = rest.substr(sizeof(header), header.bytes);
  const std::uint32_t check = EntryCheck(body.data(), body.size());
  if (check != header.check) {
    return absl::DataLossError(
        absl::StrCat("journal entry at offset ", offset, " has checksum 0x",
                     absl::Hex(check), ", expected 0x", absl::Hex(header.check),
                     ": it was damaged on disk"));
  }
  return std::as_bytes(std::span(body));
}

}  // namespace
}  // namespace codec

void EncodeRecord(const Record& record, std::string& out) {
  codec::BuildBody<schema::Record>(
      codec::Words(record),
      [&](schema::Record::Builder root) {
        std::visit([&](const auto& r) { codec::Set(r, root); }, record);
      },
      [&](std::span<const std::byte> body) { codec::AppendEntry(body, out); });
}

absl::Status DecodeRecords(std::string_view group, int columns,
                           const std::function<void(Record&&)>& record) {
  for (std::size_t offset = 0; offset < group.size();) {
    const auto body = codec::CutEntry(group.substr(offset), offset);
    if (!body.ok()) return body.status();
    absl::StatusOr<Record> decoded = codec::DecodeRecord(*body, columns);
    if (!decoded.ok()) {
      return absl::Status(decoded.status().code(),
                          absl::StrCat("journal entry at offset ", offset, ": ",
                                       decoded.status().message()));
    }
    record(*std::move(decoded));
    offset += sizeof(codec::EntryHeader) + body->size();
  }
  return absl::OkStatus();
}

}  // namespace quorate
