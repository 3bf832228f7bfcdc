#include "tests/sim/ghost.h"

namespace quorate::sim {

Ghost::Ghost(const Settings& settings, Verdict& verdict)
    : Observer(settings, verdict),
      cluster_(settings),
      sizes_(SizesOf(settings)),
      columns_(static_cast<std::size_t>(ColumnsOf(settings))) {
  stable_.fill(DependencySet(ColumnsOf(settings)));
  executed_.fill(DependencySet(ColumnsOf(settings)));
  forgotten_.fill(DependencySet(ColumnsOf(settings)));
}

Ghost::Instance& Ghost::Get(InstanceId id) {
  auto& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  QUORATE_CHECK(id.slot > 0 && id.slot < (1u << 24),
                "a simulated instance has a believable slot");
  while (column.size() < id.slot) {
    column.emplace_back().on_disk.resize(
        static_cast<std::size_t>(settings().replicas));
  }
  return column[id.slot - 1];
}

const Ghost::Instance* Ghost::Find(InstanceId id) const {
  const auto& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  if (id.slot == 0 || id.slot > column.size()) return nullptr;
  return &column[id.slot - 1];
}

bool Ghost::IsDecided(InstanceId id) const {
  const Instance* instance = Find(id);
  return instance != nullptr && instance->decided.has_value();
}

const CommandBatch* Ghost::FindDecided(InstanceId id) const {
  const Instance* instance = Find(id);
  if (instance == nullptr || !instance->decided.has_value() ||
      instance->decided->value.kind != ValueKind::kCommands) {
    return nullptr;
  }
  return instance->payload.get();
}

CommandBatchPtr Ghost::FindPayload(InstanceId id) const {
  const Instance* instance = Find(id);
  return instance == nullptr ? nullptr : instance->payload;
}

void Ghost::Fail(const char* invariant, ReplicaId at, InstanceId id,
                 const std::string& detail) {
  Report(invariant, at, ToString(id), detail);
}

void Ghost::Sent(ReplicaId from, const Message& message) {
  std::visit([&](const auto& m) { CheckSent(from, m); }, message);
}

void Ghost::BecameDurable(ReplicaId at, std::span<const Record> records) {
  for (const Record& record : records) {
    std::visit([&](const auto& r) { BecameDurable(at, r); }, record);
  }
}

void Ghost::Committed(ReplicaId at, const CommittedInstance& decision) {
  if (decision.value.payload_missing()) {
    Fail("1.2: a decision is released with its payload", at, decision.instance);
  }
  NoteDecided(at, decision.instance, decision.value, decision.deps);
}

void Ghost::SetExecutedFrontier(ReplicaId at, const DependencySet& executed) {
  executed_[static_cast<std::size_t>(Index(at))] = executed;
}

}  // namespace quorate::sim
