// Answers: how are the fields that many messages share written and checked?
//
// Set… functions write a value into a builder. A FieldReader reads values back
// and checks each against the cluster; it remembers the first fault and goes on
// with harmless values, so that a decoder reads all fields and asks once.
// Included by the sources of wire/codec only.
#pragma once

#include <capnp/any.h>
#include <capnp/list.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "wire/codec/batch_codec.h"
#include "wire/codec/schema/quorate.capnp.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate::codec {

template <typename Builder>
void SetInstance(InstanceId instance, Builder builder) {
  builder.setSlot(instance.slot);
  builder.setReplica(static_cast<std::uint8_t>(instance.replica));
}

// `init(columns)` makes the list. The empty set is left out.
template <typename Init>
void SetDeps(const DependencySet& deps, const Init& init) {
  const auto watermarks = deps.watermarks();
  if (std::ranges::all_of(watermarks, [](auto w) { return w == 0; })) return;
  auto list = init(static_cast<unsigned>(watermarks.size()));
  for (unsigned i = 0; i < watermarks.size(); ++i) list.set(i, watermarks[i]);
}

void SetValue(const Value& value, schema::Value::Builder builder);

class FieldReader {
 public:
  // `columns`: the cluster's size.
  FieldReader(int columns, BatchLimits limits)
      : columns_(columns), limits_(limits) {}

  // The first fault of all that was read so far.
  const absl::Status& status() const { return status_; }
  void Fail(const std::string& fault);

  ReplicaId Replica(std::uint8_t index);
  // From any reader with a slot and a replica.
  template <typename Reader>
  InstanceId Instance(const Reader& reader) {
    return Instance(reader.getSlot(), reader.getReplica());
  }
  InstanceId Instance(std::uint64_t slot, std::uint8_t replica) {
    return {Replica(replica), Slot(slot)};
  }
  Ballot BallotOf(std::uint64_t number);
  ReplicaSet Replicas(std::uint16_t bits);
  // A number of replicas.
  std::uint8_t Count(std::uint8_t replicas);
  DependencySet Deps(const capnp::List<std::uint64_t>::Reader& watermarks);
  InstanceStatus Status(schema::InstanceStatus status);
  CommandBatchPtr Batch(const schema::CommandBatch::Reader& batch);
  quorate::Value ValueOf(const schema::Value::Reader& value);

  std::uint64_t Slot(std::uint64_t slot);

 private:
  int columns_;
  BatchLimits limits_;
  absl::Status status_;
};

}  // namespace quorate::codec
