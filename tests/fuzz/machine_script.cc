#include "tests/fuzz/machine_script.h"

#include <array>

#include "wire/limits.h"

namespace quorate::fuzz {
namespace {

constexpr std::array<const char*, 3> kKeys = {"a", "b", "c"};

void AddOperation(Script& script, CommandBatchBuilder& builder) {
  builder.AddOperation(
      {.kind = kClientOperations[script.Below(kClientOperations.size())],
       .key = kKeys[script.Below(kKeys.size())],
       .value = "v"});
}

}  // namespace

// Mostly near what is in use, sometimes beyond what anybody believes.
std::uint64_t AnyNumber(Script& script) {
  const std::uint8_t byte = script.Next();
  if (byte < 200) return byte % 12;
  if (byte < 240) return byte;
  return std::uint64_t{1} << (22 + 2 * (byte % 16));
}

InstanceId AnyInstance(Script& script, int columns) {
  return {ReplicaAt(script.Pick(columns)), 1 + AnyNumber(script) % kMaxSlot};
}

Ballot AnyBallot(Script& script, int columns) {
  const std::uint8_t byte = script.Next();
  const ReplicaId owner = ReplicaAt(script.Pick(columns));
  if (byte < 240) return Ballot::Of(byte % 4, owner);
  // Up to the last one that has a place in a ballot.
  return Ballot::Of((std::uint64_t{1} << (41 + byte % 16)) - 1, owner);
}

CommandBatchPtr AnyBatch(Script& script) {
  const std::uint64_t sequence = 1 + AnyNumber(script);
  CommandBatchBuilder builder;
  const std::size_t shape = script.Below(8);
  builder.AddCommand({ClientId{script.Below(3)}, sequence},
                     shape % 2 == 0 ? sequence - 1 : 0, shape < 4 ? 7 : 0);
  AddOperation(script, builder);
  if (shape == 7) AddOperation(script, builder);
  return builder.Finish();
}

Value AnyValue(Script& script) {
  switch (script.Below(4)) {
    case 0: return Value::Noop();
    case 1: return Value::Commands(AnyBatch(script)).WithoutPayload();
    case 2: return {};
    default: return Value::Commands(AnyBatch(script));
  }
}

void ChangeDeps(Script& script, DependencySet& deps) {
  if (deps.columns() == 0) return;
  deps.Set(ReplicaAt(script.Pick(deps.columns())),
           AnyNumber(script) % kMaxSlot);
}

}  // namespace quorate::fuzz
