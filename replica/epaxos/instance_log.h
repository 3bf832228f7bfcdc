// Answers: where is the state of instance (replica, slot)?
//
// In a log of slots by column, as everywhere (depsvc/slot_log.h).
#pragma once

#include "depsvc/slot_log.h"
#include "replica/epaxos/instance.h"

namespace quorate::epaxos {

using InstanceLog = SlotLog<Instance>;

}  // namespace quorate::epaxos
