// Payloads that several roles of a node hold: sent to it once, written once.
#include "replica/bpaxos/rules.h"
#include "replica/host/bpaxos_replica.h"

namespace quorate {

// The leader's own first: it knows its clients.
CommandBatchPtr BpaxosReplica::FindPayload(InstanceId id,
                                           std::uint64_t digest) const {
  const auto fits = [digest](const CommandBatchPtr& batch) {
    return batch != nullptr && batch->digest() == digest;
  };
  if (leader_) {
    if (CommandBatchPtr batch = leader_->FindPayload(id); fits(batch)) {
      return batch;
    }
  }
  if (dependencies_) {
    const auto* answer = dependencies_->Find(id);
    if (answer != nullptr && fits(answer->batch)) return answer->batch;
  }
  if (acceptor_) {
    const bpaxos::Vote* vote = acceptor_->Find(id);
    if (vote != nullptr && fits(vote->value.batch)) return vote->value.batch;
  }
  return nullptr;
}

bool BpaxosReplica::FillPayload(InstanceId id, Value& value) const {
  if (!value.payload_missing()) return true;
  value.batch = FindPayload(id, value.digest);
  return value.batch != nullptr;
}

bool BpaxosReplica::IsRecorded(InstanceId id, const Value& value) const {
  if (value.kind != ValueKind::kCommands) return false;
  const auto fits = [&](const CommandBatchPtr& batch) {
    return bpaxos::rules::IsPayloadOf(value, batch);
  };
  if (dependencies_) {
    const auto* answer = dependencies_->Find(id);
    if (answer != nullptr && fits(answer->batch)) return true;
  }
  const bpaxos::Vote* vote = acceptor_ ? acceptor_->Find(id) : nullptr;
  return vote != nullptr && fits(vote->value.batch);
}

}  // namespace quorate
