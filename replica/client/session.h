// Answers: which commands must be sent now, again or never again?
//
// The client library without sockets and clock: sessions, sequence numbers,
// commands under way, retries and the truth about their outcome. Time arrives
// as a number of milliseconds, random numbers as a seed. A command keeps its
// number across retries, so it executes at most once; it completes as refused
// only when no sending of it was left without an answer, otherwise as unknown.
// A session that the nodes have forgotten is replaced by a new one, which takes
// over the commands that are certain not to have been done (protocol.md 2.8).
// Commands stay in the batch they were first sent in: sending again copies
// nothing, and a command costs no allocation of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "replica/client/completion.h"
#include "replica/client/patience.h"
#include "wire/command.h"
#include "wire/ids.h"
#include "wire/result.h"
#include "wire/timers.h"

namespace quorate {

struct RetryPolicy {
  // A command without an answer for so long: try another node.
  std::int64_t retry_timeout_ms = MillisecondsOf<"client.retry">;
  // A command that has not completed for so long completes as unknown, or as
  // refused where that is certain.
  std::int64_t give_up_timeout_ms = MillisecondsOf<"client.give_up">;
  // A command refused by a busy node waits; longer with every refusal in a row.
  std::int64_t first_backoff_ms = MillisecondsOf<"client.first_backoff">;
  std::int64_t largest_backoff_ms = MillisecondsOf<"client.most_backoff">;
  // A command without an answer for so long, or for longer where answers take
  // longer: ask a second node as well.
  std::int64_t hedge_ms = MillisecondsOf<"client.hedge">;
};

class Sessions {
 public:
  static constexpr std::int64_t kNever =
      std::numeric_limits<std::int64_t>::max();

  // Session ids are drawn from `seed`, which must be random among clients.
  Sessions(std::uint64_t seed, const RetryPolicy& policy);

  // A new session; they are numbered from 0.
  std::size_t Open();
  // The id of the next command of this session. Changes after a command was
  // given up: what follows starts over as another session, so that the
  // acknowledged mark never passes a command without an answer.
  ClientId id(std::size_t session) const;

  // A node says which era it has come to: sessions begin in the newest known.
  // Those that have sent nothing before the first node spoke are numbered anew.
  void NoteEra(std::uint64_t era);

  // Queues a command, copies keys and values and returns its sequence. 0 for a
  // command that cannot be sent at all (no or too many operations, larger than
  // a frame, session full): its completion is ready for HandleTime.
  std::uint64_t Submit(std::size_t session,
                       std::span<const Operation> operations, std::uint64_t tag,
                       std::int64_t now_ms);

  // The next request for the connected node, null when there is none. Each fits
  // a frame. It counts as sent from here on.
  CommandBatchPtr NextBatch(std::int64_t now_ms);

  // Replies of the connected node, results moved out of them. Repeated and
  // late ones are ignored. Appends to `completed`.
  void HandleReplies(std::span<ClientReply> replies, std::int64_t now_ms,
                     std::vector<Completion>& completed);

  // ---- a second node, asked beside the connected one ----

  // Should one be asked, or another one than the last?
  bool WantsHedge(std::int64_t now_ms) const {
    return HedgeDeadline() <= now_ms;
  }
  std::int64_t HedgeDeadline() const;
  // Some of the oldest commands without an answer, for the second node; null
  // when there is nothing to ask it.
  CommandBatchPtr NextHedge(std::int64_t now_ms);
  // Replies of the second node. Only what it has done counts, for the copy at
  // the connected node may be answered otherwise. True if the connected node
  // has said nothing since the second was asked, and this one answers: then it
  // is the better one.
  bool HandleHedgeReplies(std::span<ClientReply> replies, std::int64_t now_ms,
                          std::vector<Completion>& completed);
  // The second node is gone or given up: another one may be asked, after a
  // pause that grows; at once if it only said who knows better.
  void HandleHedgeLost(std::int64_t now_ms, bool at_once = false);
  // Is an answer of the second node still of use?
  bool hedging() const { return hedged_outstanding_ > 0; }
  // Whom the second node has named as the leader.
  std::optional<ReplicaId> hedge_leader() const { return hedge_leader_; }

  // The connection is gone: what was sent without an answer is in doubt, and
  // is sent again to the next node, under the same numbers.
  void HandleDisconnect();

  // Gives up what is too old and requeues what has waited after a refusal.
  void HandleTime(std::int64_t now_ms, std::vector<Completion>& completed);
  // Is the connected node too slow, or about to shut down?
  bool WantsOtherNode(std::int64_t now_ms) const;
  // The node that the connected one has named as the leader, by its index.
  std::optional<ReplicaId> leader() const { return leader_; }
  // When HandleTime or WantsOtherNode will have something new to say.
  std::int64_t NextDeadline() const;
  // The part of it that a reply or Submit can bring nearer; cheap.
  std::int64_t UrgentDeadline() const;

  // Completes everything, before the client goes away.
  void GiveUpAll(std::vector<Completion>& completed);

  const ClientStats& stats() const { return stats_; }
  std::size_t outstanding() const { return outstanding_; }

 private:
  // Where a command waits after a busy node's refusal, instead of a parcel.
  static constexpr std::uint64_t kHeld =
      std::numeric_limits<std::uint64_t>::max();
  // Where it waits while an earlier one of its session is being withdrawn.
  static constexpr std::uint64_t kFenced = kHeld - 1;

  // One command of a session, from Submit to its completion.
  struct Slot {
    std::uint64_t tag = 0;
    std::int64_t submitted_ms = 0;
    // The parcel that holds the command, and its index in there.
    std::uint64_t parcel = 0;
    std::uint32_t index = 0;
    bool outstanding = false;
    // Some sending of it ended without an answer, before this parcel.
    bool in_doubt = false;
    // The hedge that has asked a second node for it; it is in doubt, too.
    std::uint32_t hedge = 0;
    bool withdraws = false;  // Of the library's own: completes nothing.
    RefusalReason reason = RefusalReason::kNone;
  };
  struct Session {
    ClientId id{};
    std::size_t number = 0;  // as the caller knows it
    // Sequences in [first, next) are in the ring; `first` is outstanding.
    std::uint64_t first = 1;
    std::uint64_t next = 1;
    std::uint64_t acknowledged = 0;
    // A command was given up: nothing new is submitted under this id.
    bool retired = false;
    std::vector<Slot> ring;  // its size is a power of two

    Slot& At(std::uint64_t sequence) {
      return ring[sequence & (ring.size() - 1)];
    }
  };
  // A batch under way and what is known about all of it.
  struct Parcel {
    CommandBatchPtr batch;  // null when all of it is answered
    std::uint32_t outstanding = 0;
    bool sent = false;      // on the present connection
    bool in_doubt = false;  // was sent on an earlier one
    std::int64_t sent_ms = 0;
    // When the oldest command in it was submitted.
    std::int64_t oldest_ms = kNever;
  };
  // Of a session, by the caller's number: until so many withdrawals are
  // answered, its new commands wait behind them.
  struct Fence {
    std::size_t open = 0;
    CommandBatchBuilder behind;
    std::int64_t oldest_ms = kNever;
  };
  struct Found {
    Session* session = nullptr;
    Slot* slot = nullptr;
  };

  ClientId DrawId();
  std::uint32_t AddSession(std::size_t number);
  void Renew(std::size_t number);
  void Renumber(std::uint64_t shift);
  void Forget(std::uint32_t index);
  static RefusalReason Check(const Session& session,
                             std::span<const Operation> operations);
  Slot& AddSlot(Session& session);
  void EndSlot(Session& session, Slot& slot);

  void Enqueue(const Session& session, std::uint64_t sequence, Slot& slot,
               std::span<const Operation> operations);
  // As Enqueue, or behind the session's fence.
  void EnqueueNew(const Session& session, std::uint64_t sequence, Slot& slot,
                  std::span<const Operation> operations);
  // Gives up a command that some node may still do: see to it that it does not
  // once the session has gone on. May move the session's slots.
  void Withdraw(Session& session, std::uint64_t sequence,
                const Operation& operation);
  void EndWithdrawal(Found found);
  void GiveUpFenced(std::int64_t limit_ms, std::vector<Completion>& completed);
  void SealOpenParcel();
  void Repack(std::uint64_t number, Parcel& parcel);
  void DropAnsweredParcels();

  Found Find(CommandId id);
  // Null unless the outstanding command of that id is at that place.
  Found FindAt(const Command& command, std::uint64_t parcel,
               std::uint32_t index);
  Parcel* ParcelOf(const Slot& slot);
  bool IsDoubtful(const Slot& slot);

  std::int64_t RetryTimeout() const;
  bool MayHedge() const;
  void EndHedge();
  void NoteOtherNode(const ClientReply& reply);
  void HandleRefusal(Found found, ClientReply& reply, std::int64_t now_ms,
                     std::vector<Completion>& completed);
  void BeginAgain(Found found, ClientReply& reply, std::int64_t now_ms,
                  std::vector<Completion>& completed);
  void Hold(Slot& slot, RefusalReason reason, std::int64_t now_ms);
  void ReleaseHeld();
  void Complete(Found found, ClientReply& reply,
                std::vector<Completion>& completed);
  // Gives up what was submitted at `limit_ms` or before.
  void GiveUpUntil(std::int64_t limit_ms, std::vector<Completion>& completed);
  void GiveUpParcel(std::uint64_t number, std::int64_t limit_ms,
                    std::vector<Completion>& completed);

  RetryPolicy policy_;
  std::uint64_t next_id_;
  std::uint64_t era_ = 0;
  bool has_sent_ = false;

  std::vector<Session> sessions_;
  std::vector<std::uint32_t> free_;     // indexes in sessions_
  std::vector<std::uint32_t> current_;  // by the caller's number
  absl::flat_hash_map<ClientId, std::uint32_t> by_id_;

  // Parcels are numbered in the order of sending; the open one, still in
  // builder_, comes after the last.
  std::deque<Parcel> parcels_;
  std::uint64_t first_parcel_ = 0;
  std::uint64_t next_unsent_ = 0;
  CommandBatchBuilder builder_;
  std::size_t open_bytes_ = 0;
  std::int64_t open_oldest_ms_ = kNever;
  CommandBatchBuilder repacker_;

  // Refused by a busy node; all return to the queue at release_ms_.
  CommandBatchBuilder held_;
  std::int64_t release_ms_ = kNever;
  std::int64_t held_oldest_ms_ = kNever;
  std::int64_t backoff_ms_;

  Patience patience_;
  std::uint32_t hedge_ = 1;              // the present one
  std::size_t hedged_outstanding_ = 0;   // by it
  std::int64_t hedge_sent_ms_ = kNever;  // the last one, unless it has ended
  std::int64_t next_hedge_ms_ = 0;
  std::int64_t hedge_pause_ms_ = 0;
  std::int64_t heard_ms_ = 0;  // the connected node
  std::optional<ReplicaId> hedge_leader_;

  std::map<std::size_t, Fence> fences_;
  std::int64_t now_ms_ = 0;  // of the last call that said
  bool going_away_ = false;  // GiveUpAll: nothing is withdrawn any more

  bool wants_other_node_ = false;
  std::optional<ReplicaId> leader_;
  std::size_t outstanding_ = 0;
  std::vector<Completion> refused_here_;
  ClientStats stats_;
};

}  // namespace quorate
