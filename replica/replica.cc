// Which machine do the settings ask for?
#include "replica/replica.h"

#include "replica/epaxos_replica.h"
#include "replica/multipaxos_replica.h"
#include "replica/paxos/quorum.h"
#include "wire/check.h"

namespace quorate {

std::unique_ptr<Replica> Replica::Create(const Settings& settings) {
  QUORATE_CHECK(ValidateSettings(settings).ok(), "settings are valid");
  switch (settings.protocol) {
    case Protocol::kEpaxos: return std::make_unique<EpaxosReplica>(settings);
    case Protocol::kMultipaxos:
      return std::make_unique<MultipaxosReplica>(settings);
    case Protocol::kBpaxos: break;  // ValidateSettings refuses it.
  }
  return nullptr;
}

}  // namespace quorate
