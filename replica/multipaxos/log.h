// Answers: what does one replica know about one slot of the log?
//
// A column of slots (depsvc/slot_log.h) of what is known. Pure, copyable.
#pragma once

#include <cstdint>

#include "depsvc/slot_log.h"
#include "wire/ids.h"
#include "wire/message.h"

namespace quorate::multipaxos {

struct Slot {
  // The last vote; value.kind is kNone when there is none. Durable.
  Ballot accepted_ballot;
  Value value;
  // `value` is the decision. Durable for the decided prefix, by its record, and
  // where a record of its own says so.
  bool decided = false;
  bool decision_recorded = false;
  // Newest record about this slot.
  RecordSequence last_record = 0;

  // ---- of the leader that proposes in it ----
  // Our own client commands, whose clients wait here.
  bool own = false;
  ReplicaSet asked;
  // Voted at the leader's ballot; the own vote is in it once it is durable.
  ReplicaSet voters;
  std::uint64_t repeat_at_tick = 0;
  int repeat_ticks = 0;
};

using Log = SlotColumn<Slot>;

// Slots as instances, for all that is shared with other protocols.
inline InstanceId InstanceOf(std::uint64_t slot) { return {kLogColumn, slot}; }

}  // namespace quorate::multipaxos
