// Answers: where has a run been?
//
// Coverage marks: places of the protocol and of the world around it that a set
// of seeds must reach, each counted. What messages, records and decisions show
// is counted by the ghost, the disks and the nodes; which rule ended a recovery
// is told by the machines themselves (replica/epaxos/recovery_rule.h). Tests
// demand a floor for every mark (seeds_test.cc): a simulation that no longer
// goes somewhere says nothing about it. Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "replica/epaxos/recovery_rule.h"

namespace quorate::sim {

enum class Mark : std::uint8_t {
  // Decisions.
  kFastCommit,
  kSlowCommit,
  kRecoveredCommands,  // decided above ballot 0
  kRecoveredNoop,
  kLaterBallot,     // decided at the second ballot of a recovery, or later
  kUnknownPayload,  // a noop in a slot of which nobody has any payload
  kRefusal,         // a Nack
  kMissingPayload,  // a Commit without a payload that the receiver lacks
  // Clients.
  kRepetition,     // a command that came twice is executed once
  kProposedAgain,  // a command of a noop, by its command leader
  kBusy,
  kSessionExpired,  // forgotten, at one replica
  kExpiredCommand,  // refused to its client for that
  kGivenUp,         // by its client, which goes on
  kWithdrawn,       // of these, before it was done
  kLateCommand,     // decided at a replica though it is withdrawn
  kResultTooLarge,  // refused for what it would have given
  kResultGone,      // done, its result no longer kept
  kCycle,           // commands that depend on each other are executed
  // Crashes.
  kCrashInTurn,    // between two effects of one turn
  kCrashUnsynced,  // between an append and the end of its sync
  kCrashLost,      // records that were appended are gone
  kCrashKept,      // records are there that nobody was told of
  kSyncFailed,
  // Crashes of a node that had a part in an instance under way, by role.
  kCrashOfLeader,
  kCrashOfDependencyNode,
  kCrashOfAcceptor,
  kCrashOfExecutor,
  kCrashOfLogLeader,
  kCrashOfLogFollower,
  // Appended, heard of by nobody, and gone with a crash.
  kLostReservation,
  kLostAnswer,  // of a dependency node
  kLostVote,
  kLostPromise,
  kLostDecision,
  // Checkpoints.
  kCheckpoint,
  kCheckpointInterrupted,  // by a crash
  kRestartFromCheckpoint,
  kJournalTruncated,
  kFloorRaised,
  // Members that were left out.
  kLeftOut,        // something is forgotten that a member lacks
  kFloorHeldBack,  // it would be, but for the witnesses
  kRelayed,        // a lacked decision sent in place of the column's own member
  kToldTruncated,
  kSnapshotRead,
  kSnapshotInstalled,
  kSnapshotInterrupted,  // by a crash of its reader
  // Seeds whose disks are the real store.
  kStoreCutInWrite,  // the node died in the middle of a write of the store
  kStorePowerCut,    // unsynced sectors were lost or torn
  kStoreKilled,      // all that was written can be read
  kStoreSyncFailed,
  kStoreGroupLost,  // of a group that was being written
  kStoreGroupKept,
  kStoreCutInRecovery,
  kStoreChunkRead,   // for a peer
  kStoreTruncated,   // what a checkpoint stands for was deleted
  kStorePowerOfAll,  // every node that was up lost its power at once
  // Power cuts of a node that had a part in an instance under way, by role; in
  // the order of the crashes above.
  kStorePowerOfLeader,
  kStorePowerOfDependencyNode,
  kStorePowerOfAcceptor,
  kStorePowerOfExecutor,
  kStorePowerOfLogLeader,
  kStorePowerOfLogFollower,
};
inline constexpr std::size_t kMarks = 63;

// Of a crash of some role: the same with the power.
constexpr Mark PowerCutOf(Mark crash) {
  constexpr int kApart = static_cast<int>(Mark::kStorePowerOfLeader) -
                         static_cast<int>(Mark::kCrashOfLeader);
  return static_cast<Mark>(static_cast<int>(crash) + kApart);
}

class Marks {
 public:
  static constexpr std::size_t kAll = kMarks + epaxos::kRecoveryRules;

  void Note(Mark mark, std::uint64_t times = 1) {
    counts_[IndexOf(mark)] += times;
  }
  void Note(const epaxos::RuleCounts& rules) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
      counts_[kMarks + i] += rules[i];
    }
  }
  void Add(const Marks& other) {
    for (std::size_t i = 0; i < kAll; ++i) counts_[i] += other.counts_[i];
  }

  static constexpr std::size_t IndexOf(Mark mark) {
    return static_cast<std::size_t>(mark);
  }
  static constexpr std::size_t IndexOf(epaxos::RecoveryRule rule) {
    return kMarks + static_cast<std::size_t>(rule);
  }
  // All marks, those of the rules last.
  std::uint64_t at(std::size_t index) const { return counts_[index]; }
  // "fast commit", ..., "rule W5".
  static std::string NameOf(std::size_t index);
  // Two columns of names and counts, for people.
  std::string Table() const;

 private:
  std::array<std::uint64_t, kAll> counts_{};
};

}  // namespace quorate::sim
