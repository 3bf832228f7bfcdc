#include "replica/epaxos/instance_log.h"

namespace quorate::epaxos {

const Instance* InstanceLog::Find(InstanceId id) const {
  const Column& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  if (id.slot <= column.dropped) return nullptr;
  const std::uint64_t at = id.slot - column.dropped - 1;
  return at < column.instances.size() ? &column.instances[at] : nullptr;
}

Instance* InstanceLog::Find(InstanceId id) {
  return const_cast<Instance*>(std::as_const(*this).Find(id));
}

Instance* InstanceLog::FindOrCreate(InstanceId id) {
  Column& column = columns_[static_cast<std::size_t>(Index(id.replica))];
  if (id.slot <= column.dropped) return nullptr;
  const std::uint64_t at = id.slot - column.dropped - 1;
  if (at >= column.instances.size()) {
    if (at - column.instances.size() > kMaxGap) return nullptr;
    column.instances.resize(at + 1);
  }
  return &column.instances[at];
}

bool InstanceLog::Believes(const DependencySet& deps) const {
  for (int i = 0; i < deps.columns(); ++i) {
    const std::uint64_t newest = Newest(ReplicaAt(i));
    if (deps[ReplicaAt(i)] > newest + kMaxGap) return false;
  }
  return true;
}

std::uint64_t InstanceLog::Newest(ReplicaId replica) const {
  const Column& column = columns_[static_cast<std::size_t>(Index(replica))];
  return column.dropped + column.instances.size();
}

void InstanceLog::DropThrough(ReplicaId replica, std::uint64_t slot) {
  Column& column = columns_[static_cast<std::size_t>(Index(replica))];
  while (column.dropped < slot && !column.instances.empty()) {
    column.instances.pop_front();
    ++column.dropped;
  }
  if (column.dropped < slot) column.dropped = slot;
}

std::size_t InstanceLog::size() const {
  std::size_t total = 0;
  for (const Column& column : columns_) total += column.instances.size();
  return total;
}

}  // namespace quorate::epaxos
