// Which machine do the settings ask for?
#include "replica/host/replica.h"

#include <algorithm>
#include <cstddef>
#include <memory>

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

namespace {

template <typename Machine>
std::unique_ptr<Replica> Make(const Settings& settings) {
  return std::make_unique<Machine>(settings);
}

struct Maker {
  Protocol protocol;
  std::unique_ptr<Replica> (*make)(const Settings& settings);
};

// In the order of kProtocolRows.
constexpr Maker kMakers[] = {
    {Protocol::kEpaxos, Make<EpaxosReplica>},
    {Protocol::kMultipaxos, Make<MultipaxosReplica>},
    {Protocol::kBpaxos, Make<BpaxosReplica>},
};
static_assert(std::ranges::equal(kMakers, kProtocols, {}, &Maker::protocol),
              "every protocol has a maker, in the order of the rows");

}  // namespace

std::unique_ptr<Replica> Replica::Create(const Settings& settings) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
  return kMakers[static_cast<std::size_t>(settings.protocol)].make(settings);
}

}  // namespace quorate
