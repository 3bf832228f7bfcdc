// What time brings to a proposer: its rounds repeated, and gone on with after a
// restart.
#include <utility>

#include "replica/epaxos/proposer.h"

namespace quorate::epaxos {

// A command leader that restarts goes on with its instances at ballot 0 as if
// its peers' answers had been lost: its own pre-accept or accept was durable
// before its vote counted, every vote of a peer is durable and is given again
// unchanged, and a fast commit would be durable as well. So this is a run of a
// replica that never stopped; replica/README.md has the argument and the model
// checker's figures. Once it has promised a higher ballot it may not, nor where
// it may have lost a fast commit or the proposal itself.
void Proposer::ResumeAfterRestart(Step& step) {
  for (std::uint64_t slot = step.core.committed[step.core.self] + 1;
       slot < step.core.next_slot; ++slot) {
    const InstanceId id{step.core.self, slot};
    Instance* instance = step.core.log.Find(id);
    const bool forgotten =
        instance == nullptr || instance->status == InstanceStatus::kUnknown;
    if (forgotten) {
      // Beyond the reservation the journal shows every slot that was used.
      if (slot > step.core.forgotten[step.core.self]) continue;
      step.core.Count(RecoveryRule::kForgotten);
      step.recoverer.StartRecovery(step.core, id, step.actions);
      continue;
    }
    // One that is in flight was proposed in this life, before the first tick.
    if (instance->in_flight || instance->status == InstanceStatus::kCommitted) {
      continue;
    }
    if (!instance->promised_ballot.is_initial() ||
        step.core.IsRecused(id, *instance)) {
      step.core.Count(RecoveryRule::kPromised);
      // D6: no old ballot is resumed.
      step.recoverer.StartRecovery(step.core, id, step.actions);
      continue;
    }
    step.core.Count(RecoveryRule::kResumed);
    Leading& leading = instance->Lead();
    step.core.fast_path.Begin(*instance, leading);
    leading.voters.Insert(step.core.self);
    leading.matching.Insert(step.core.self);
    leading.accept_voters.Insert(step.core.self);
    instance->in_flight = true;
    ++step.core.own_in_flight;
    step.core.Retransmit(id, *instance, step.actions);
  }
}

void Proposer::RetransmitOwn(Step& step) {
  if (step.core.own_in_flight == 0) return;
  for (std::uint64_t slot = step.core.committed[step.core.self] + 1;
       slot < step.core.next_slot; ++slot) {
    const InstanceId id{step.core.self, slot};
    Instance* instance = step.core.log.Find(id);
    if (instance == nullptr || !instance->leading() || !instance->in_flight) {
      continue;  // Of an earlier life: DriveRecoveries repeats it.
    }
    Leading& leading = *instance->leading();
    ++leading.age_ticks;
    const bool is_due = leading.age_ticks >= leading.next_retransmit_ticks;
    if (NoteLate(step.core, leading)) DecidePreAccept(step, id, *instance);
    if (is_due && instance->leading()) {
      step.core.Retransmit(id, *instance, step.actions);
    }
  }
}

void Proposer::HandleTick(Step& step) {
  if (std::exchange(restored_unfinished_, false)) ResumeAfterRestart(step);
  RetransmitOwn(step);
}

void Proposer::HandleSuspicion(Step& step) {
  // Nobody waits for the vote of a dead peer longer than for its detection.
  for (std::uint64_t slot = step.core.committed[step.core.self] + 1;
       slot < step.core.next_slot; ++slot) {
    const InstanceId id{step.core.self, slot};
    Instance* instance = step.core.log.Find(id);
    if (instance != nullptr && instance->leading()) {
      DecidePreAccept(step, id, *instance);
    }
  }
}

void Proposer::Greet(Core& core, ReplicaSet to, Actions& actions) {
  if (core.own_in_flight == 0) return;
  for (std::uint64_t slot = core.committed[core.self] + 1;
       slot < core.next_slot; ++slot) {
    const InstanceId id{core.self, slot};
    const Instance* instance = core.log.Find(id);
    if (instance != nullptr && instance->leading()) {
      core.SendRound(id, *instance, to, actions);
    }
  }
}

}  // namespace quorate::epaxos
