// Answers: how do simulated clients behave, and what did they see?
//
// Sessions with several unanswered commands each. A session talks to one node
// over one connection; when an answer takes too long, or the connection breaks,
// it goes to another node and sends every unanswered command again under its
// old number, as the client library does. Some give up instead: they withdraw
// what they asked for and only then go on, and what was withdrawn before it was
// done counts as not done. All commands are recorded with the times of their
// call and their answer for the linearizability check.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/plan.h"
#include "tests/sim/trace.h"
#include "tests/sim/verdict.h"
#include "tests/sim/workload.h"
#include "wire/command.h"
#include "wire/result.h"

namespace quorate::sim {

// One command as its client saw it.
struct HistoryEntry {
  CommandId id;
  std::vector<OwnedOperation> operations;
  Micros call = 0;
  Micros reply = 0;
  enum class Outcome : std::uint8_t {
    kOpen,      // done at any time after the call, or never
    kDone,      // with `results`
    kRefused,   // never done
    kExecuted,  // done before `reply`; with what results nobody can say
  };
  Outcome outcome = Outcome::kOpen;
  CommandResult results;
};

struct ClientStatistics {
  std::uint64_t requests = 0;
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  std::uint64_t busy = 0;          // refusals heard, of whatever attempt
  std::uint64_t expired = 0;       // commands whose session was forgotten
  std::uint64_t too_large = 0;     // refused for what they would have read
  std::uint64_t results_gone = 0;  // done, their results no longer kept
  std::uint64_t retried = 0;
  std::uint64_t given_up = 0;
  std::uint64_t withdrawn = 0;  // of those, before they were done
};

class Clients {
 public:
  // A request leaves; `connection` is the origin of its commands.
  using Send = std::function<void(int node, std::uint32_t connection,
                                  CommandBatchPtr batch)>;
  struct World {
    EventQueue& queue;
    Trace& trace;
    Verdict& verdict;
    Send send;
    // How often the node has started; a connection belongs to one life of it.
    std::function<std::uint64_t(int node)> life;
    // The era that a node tells who connects; 0 from one that is down.
    std::function<std::uint64_t(int node)> era;
    // The command will never be done: a client was told so.
    std::function<void(CommandId)> withdrawn;
  };

  Clients(const WorkloadPlan& plan, int nodes, Random random, World world);

  void Start();
  // Every session that was started draws this many commands more.
  void AddWork(int commands);
  // Sessions use only these nodes from here on.
  void RestrictTo(ReplicaSet nodes);
  // Adds a session that stays at `node` and reads every key once.
  void AddReader(int node);

  // The connection's answer has crossed the network, with the node's era.
  void Receive(std::uint32_t connection, std::uint64_t era,
               const ClientReply& reply);
  // The node, or the network, has closed it.
  void Closed(std::uint32_t connection);
  // Every connection to the node is closed.
  void NodeStopped(int node);
  // Closes one session's connection, if it is there. For the reset fault.
  void CloseSome();

  // May the node answer on this connection?
  bool Belongs(std::uint32_t connection, int node, std::uint64_t life) const;
  // Does the session still listen there?
  bool IsOpen(std::uint32_t connection) const;

  bool AllAnswered() const { return unfinished_ == 0; }
  // Since when has the command been asked for that has waited longest? When
  // nobody waits: when the last answer came.
  Micros WaitingSince() const;
  // Commands that wait, and those that nobody has asked for yet.
  std::size_t waiting() const;
  std::size_t unasked() const { return unfinished_ - waiting(); }
  const std::vector<HistoryEntry>& history() const { return history_; }
  const ClientStatistics& statistics() const { return statistics_; }
  const Workload& workload() const { return workload_; }

 private:
  struct Pending {
    std::size_t entry = 0;  // in history_
    int attempts = 0;
    bool withdraws = false;  // Not that command, but its withdrawal.
  };
  struct Session {
    ClientId id{};
    std::set<ClientId> former_ids;  // of sessions that were forgotten
    std::uint64_t era = 0;          // the newest that it was told
    // The nodes have forgotten it: another follows when nothing is pending.
    bool expired = false;
    int node = 0;
    bool pinned = false;
    int leader = -1;  // the node that it was sent on to; -1: none
    std::uint32_t connection = 0;
    std::uint64_t first_sequence = 0;
    std::uint64_t next_sequence = 0;
    std::uint64_t acknowledged = 0;
    std::map<std::uint64_t, Pending> pending;  // by sequence
    std::set<std::uint64_t> given_up;          // not yet withdrawn
    int to_draw = 0;                           // commands it has still to draw
    std::deque<std::vector<OwnedOperation>> script;  // before drawn ones
    bool thinking = false;
    bool moving = false;
    Micros patience = 0;
    Workload::Seen seen;
  };
  struct Connection {
    std::size_t session = 0;
    int node = 0;
    std::uint64_t life = 0;
  };

  // From here on sessions think briefly.
  void Hurry();
  void AddSession(int node, bool pinned, int commands);
  // Counts from the era on, as another client, if nothing was sent so far or
  // all of it has an outcome.
  void Begin(Session& session);
  void Think(std::size_t session);
  void Request(std::size_t session);
  std::uint64_t Draw(Session& session);
  bool HasMore(const Session& session) const {
    return session.to_draw > 0 || !session.script.empty();
  }
  void Connect(std::size_t session);
  void SendCommands(std::size_t session,
                    const std::vector<std::uint64_t>& sequences);
  // Withdraws all that is unanswered and would change something.
  void GiveUp(std::size_t session);
  void Withdrawn(std::size_t session, const ClientReply& reply);
  bool Fits(const HistoryEntry& entry) const;
  void MoveSoon(std::size_t session);
  void Move(std::size_t session);
  int PickNode();
  void Finish(std::size_t session, std::uint64_t sequence,
              HistoryEntry::Outcome outcome);
  void Done(std::size_t session, const ClientReply& reply);
  void CheckScans(const HistoryEntry& entry);
  void Refused(std::size_t session, const ClientReply& reply);
  void Expired(std::size_t session, std::uint64_t sequence);
  void NoteSeen(Session& session, const HistoryEntry& entry);

  WorkloadPlan plan_;
  int nodes_;
  ReplicaSet usable_;
  Random random_;
  Workload workload_;
  World world_;
  std::deque<Session> sessions_;
  std::vector<Connection> connections_;  // connection c is at c - 1
  std::vector<HistoryEntry> history_;
  std::size_t unfinished_ = 0;  // commands drawn or to draw, not finished
  Micros last_outcome_ = 0;
  ClientStatistics statistics_;
};

}  // namespace quorate::sim
