// Answers: what does this replica vote, and tell, when somebody else leads?
//
// The acceptor of protocol.md 2.2 to 2.6: a vote on dependencies, an accept, a
// promise with what was voted before, and what stands against a fast commit by
// what is known here. Whatever it tells is durable first. Has no state but the
// instances': each function takes the core. A recoverer votes for itself by the
// same functions.
#pragma once

#include <vector>

#include "replica/epaxos/core.h"

namespace quorate::epaxos {

class Voter {
 public:
  static void HandlePreAccept(Core& core, ReplicaId from, const PreAccept& m,
                              Actions& actions);
  static void HandleAccept(Core& core, ReplicaId from, const Accept& m,
                           Actions& actions);
  static void HandleRecover(Core& core, ReplicaId from, const Recover& m,
                            Actions& actions);
  static void HandleValidate(Core& core, ReplicaId from, const Validate& m,
                             Actions& actions);

  // ---- the own vote of a recovery ----
  // Under a rule that collects in recovery: answers the payload of a Recover,
  // if it is the first to show it. The record of the promise says so.
  static PromisedRecord PromiseTo(Core& core, InstanceId id, Instance& instance,
                                  Ballot ballot, const CommandBatchPtr& batch);
  static RecoverReply MakeRecoverReply(const Core& core, InstanceId id,
                                       const Instance& instance, Ballot ballot);
  static ValidateReply ValidateHere(Core& core, InstanceId id,
                                    Instance& instance, const Validate& m,
                                    Actions& actions);

 private:
  static void CollectHere(Core& core, InstanceId id, Instance& instance,
                          const CommandBatchPtr& batch, DependencySet& deps);
  static std::vector<ValidateReply::Conflict> FindInvalidating(
      Core& core, InstanceId id, const CommandBatch& batch,
      const DependencySet& initial_deps);
};

}  // namespace quorate::epaxos
