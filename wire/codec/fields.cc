#include "wire/codec/fields.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/limits.h"

namespace quorate::codec {

void SetValue(const Value& value, schema::Value::Builder builder) {
  switch (value.kind) {
    case ValueKind::kNone: builder.setNone(); return;
    case ValueKind::kNoop: builder.setNoop(); return;
    case ValueKind::kCommands:
      if (value.batch == nullptr) {
        builder.setDigest(value.digest);
      } else {
        SetBatch(value.batch, builder.initCommands());
      }
      return;
  }
}

void FieldReader::Fail(const std::string& fault) {
  if (status_.ok()) status_ = absl::InvalidArgumentError(fault);
}

ReplicaId FieldReader::Replica(std::uint8_t index) {
  if (index < columns_) return ReplicaAt(index);
  Fail(absl::StrCat("replica index ", index, " in a cluster of ", columns_));
  return {};
}

std::uint64_t FieldReader::Slot(std::uint64_t slot) {
  if (slot == 0 || slot > kMaxSlot) {
    Fail(absl::StrCat("slot ", slot, ", expected 1 to ", kMaxSlot));
  }
  return slot;
}

Ballot FieldReader::BallotOf(std::uint64_t number) {
  const Ballot ballot = Ballot::FromNumber(number);
  Replica(static_cast<std::uint8_t>(ballot.owner()));
  return ballot;
}

ReplicaSet FieldReader::Replicas(std::uint16_t bits) {
  const ReplicaSet replicas = ReplicaSet::FromBits(bits);
  if (!replicas.Minus(ReplicaSet::FirstN(columns_)).empty()) {
    Fail(absl::StrCat("replica set 0x", absl::Hex(bits), " in a cluster of ",
                      columns_));
  }
  return replicas;
}

std::uint8_t FieldReader::Count(std::uint8_t replicas) {
  if (replicas > columns_) {
    Fail(absl::StrCat(replicas, " votes in a cluster of ", columns_));
  }
  return replicas;
}

DependencySet FieldReader::Deps(
    const capnp::List<std::uint64_t>::Reader& watermarks) {
  DependencySet deps(columns_);
  if (watermarks.size() == 0) return deps;  // Left out: the empty set.
  if (watermarks.size() != static_cast<unsigned>(columns_)) {
    Fail(absl::StrCat("dependency set of ", watermarks.size(),
                      " columns in a cluster of ", columns_));
    return deps;
  }
  for (int i = 0; i < columns_; ++i) {
    const std::uint64_t watermark = watermarks[static_cast<unsigned>(i)];
    if (watermark > kMaxSlot) {
      Fail(absl::StrCat("watermark ", watermark, ", expected at most ",
                        kMaxSlot));
    }
    deps.Set(ReplicaAt(i), watermark);
  }
  return deps;
}

InstanceStatus FieldReader::Status(schema::InstanceStatus status) {
  switch (status) {
    case schema::InstanceStatus::UNKNOWN: return InstanceStatus::kUnknown;
    case schema::InstanceStatus::PRE_ACCEPTED:
      return InstanceStatus::kPreAccepted;
    case schema::InstanceStatus::ACCEPTED: return InstanceStatus::kAccepted;
    case schema::InstanceStatus::COMMITTED: return InstanceStatus::kCommitted;
  }
  Fail(absl::StrCat("instance status ", static_cast<int>(status),
                    ", the last one known is ",
                    static_cast<int>(InstanceStatus::kCommitted)));
  return InstanceStatus::kUnknown;
}

CommandBatchPtr FieldReader::Batch(const schema::CommandBatch::Reader& batch) {
  absl::StatusOr<CommandBatchPtr> decoded = ReadBatch(batch, limits_);
  if (decoded.ok()) return *std::move(decoded);
  Fail(std::string(decoded.status().message()));
  return nullptr;
}

Value FieldReader::ValueOf(const schema::Value::Reader& value) {
  switch (value.which()) {
    case schema::Value::NONE: return {};
    case schema::Value::NOOP: return Value::Noop();
    case schema::Value::COMMANDS: {
      CommandBatchPtr batch = Batch(value.getCommands());
      return batch == nullptr ? Value{} : Value::Commands(std::move(batch));
    }
    case schema::Value::DIGEST:
      return {ValueKind::kCommands, nullptr, value.getDigest()};
  }
  Fail(absl::StrCat("value of kind ", static_cast<int>(value.which())));
  return {};
}

}  // namespace quorate::codec
