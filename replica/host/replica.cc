// Which machine do the settings ask for?
#include "replica/host/replica.h"

#include "replica/base/quorum.h"
#include "replica/host/bpaxos_replica.h"
#include "replica/host/epaxos_replica.h"
#include "replica/host/multipaxos_replica.h"
#include "replica/host/state_transfer.h"
#include "wire/check.h"

namespace quorate {

void Describe(const Executor& executor, ReplicaStatus& status) {
  status.committed = executor.committed_frontier();
  status.executed = executor.executed_frontier();
  status.state_hash = executor.state_hash();
  status.keys = executor.state_machine().size();
  status.sessions = executor.sessions().sessions();
  status.expired_sessions = executor.sessions().expired_sessions();
  status.kept_result_bytes = executor.sessions().kept_bytes();
  status.results_gone = executor.sessions().results_gone();
  status.executor = executor.stats();
  status.oldest_blocked = executor.OldestBlocked();
}

void Describe(const StateTransfer& transfer, ReplicaStatus& status) {
  status.fetches_snapshot = transfer.under_way();
  status.snapshot_from = transfer.server();
  status.snapshot_waits_for = transfer.waits_for();
  status.snapshot_parts = transfer.received();
  status.snapshot_parts_of = transfer.chunks();
}

std::unique_ptr<Replica> Replica::Create(const Settings& settings) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
  switch (settings.protocol) {
    case Protocol::kEpaxos: return std::make_unique<EpaxosReplica>(settings);
    case Protocol::kBpaxos: return std::make_unique<BpaxosReplica>(settings);
    case Protocol::kMultipaxos:
      return std::make_unique<MultipaxosReplica>(settings);
  }
  return nullptr;
}

}  // namespace quorate
