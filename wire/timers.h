// Answers: how long does who wait for what?
//
// One row a timer of the product: its unit, its value, what happens then, and
// what it is easily taken for. A timer that can be set names its setting, whose
// default this is (config/setting_table.h). None of them decides what is true:
// a wrong value makes a cluster slow or busy, never unsafe. Where distances
// are measured (replica/base/distances.h), a row that says so is what comes on
// top of a peer's round trip. replica/docs/settings.md prints it. Code asks by
// name, and does not compile if there is no such row:
//   constexpr int kHeartbeatTicks = TicksOf<"epaxos.heartbeat">;
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace quorate {

// Ticks are the machine's, `protocol.tick_ms` apart; the rest is a clock's.
enum class TimeUnit : std::uint8_t {
  kTicks,
  kSeconds,
  kMilliseconds,
  kMicroseconds,
};

constexpr std::string_view Name(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kTicks: return "ticks";
    case TimeUnit::kSeconds: return "s";
    case TimeUnit::kMilliseconds: return "ms";
    case TimeUnit::kMicroseconds: return "us";
  }
  return "";
}

struct Timer {
  std::string_view name;
  TimeUnit unit;
  std::int64_t value;
  std::string_view what;      // happens when, or waits for what
  std::string_view confused;  // with what it must not be
  std::string_view setting;   // whose default it is; empty: fixed
};

inline constexpr Timer kTimers[] = {
    // ---- every protocol ----
    {"tick", TimeUnit::kMilliseconds, 10,
     "between two ticks of the machine: the unit of all ticks below",
     "a round trip, which may be far below it or many of them",
     "protocol.tick_ms"},
    {"retransmit", TimeUnit::kTicks, 5,
     "on top of a peer's measured round trip, before an undecided own instance "
     "is sent to it again, or a campaign or a report; doubles",
     "epaxos.fast_path; suspicion: a message that is lost says nothing about "
     "its receiver",
     "protocol.retransmit_ticks"},
    {"distance.most", TimeUnit::kTicks, 200,
     "the longest round trip that is believed of a peer",
     "epaxos.most_retransmit, which it may exceed", ""},
    {"floors", TimeUnit::kTicks, 10,
     "between two attempts to raise the floors below which all is forgotten",
     "heartbeats, which are as long: those say how far one is", ""},
    {"readers.silent", TimeUnit::kTicks, 500,
     "a member that fetches what is kept for it, and says nothing, is no "
     "longer waited for",
     "links.silent: its connection is up", ""},
    {"session.idle", TimeUnit::kSeconds, 600,
     "a session without a command is forgotten, after one to two times so long",
     "client.give_up: the session outlives its commands", "sessions.idle_s"},
    {"era.rank", TimeUnit::kTicks, 100,
     "a replica leaves the one before it to propose the end of an era, and a "
     "proposal its fate",
     "session.idle, which says when there is something to propose", ""},
    {"snapshot.server", TimeUnit::kTicks, 3000,
     "without a part of a snapshot: another server is looked for. The first "
     "one may have to write its checkpoint yet",
     "retransmit, after four of which the same server is asked again", ""},
    {"snapshot.stuck", TimeUnit::kTicks, 50,
     "without progress and without a server: `status` says who is waited for",
     "snapshot.repair: nothing is fetched", ""},
    {"snapshot.repair", TimeUnit::kTicks, 100,
     "repair stands still after a snapshot: the next one is fetched",
     "snapshot.stuck: something was installed", ""},

    // ---- EPaxos and its kin ----
    {"epaxos.recovery", TimeUnit::kTicks, 3,
     "a column of a suspected replica stands still: the next in ring order "
     "finishes its instances, the one after it four times later",
     "links.suspect, which must come first; commands that wait are no sign of "
     "death",
     ""},
    {"epaxos.fast_path", TimeUnit::kTicks, 5,
     "on top of a peer's measured round trip: its vote is late, and the fast "
     "path is not waited for. Where nothing is measured, `retransmit`",
     "retransmit: nothing is sent again; where votes differ already, nobody "
     "waits so long (replica/epaxos/late.cc)",
     ""},
    {"epaxos.stall", TimeUnit::kTicks, 50,
     "on top of a peer's measured round trip: one that was asked about its "
     "instances and says nothing at all may only have stood still",
     "links.suspect, of any peer; who speaks and does not answer is deaf", ""},
    {"epaxos.heartbeat", TimeUnit::kTicks, 10,
     "a frontier is sent to who has heard nothing else, though nothing is new",
     "links.quiet, which is three of them", ""},
    {"epaxos.gossip", TimeUnit::kTicks, 25,
     "the longest pause between two frontiers with news. Two round trips to "
     "the "
     "farthest where these are shorter; sooner if much was decided",
     "epaxos.heartbeat, when nothing is new", ""},
    {"epaxos.most_retransmit", TimeUnit::kTicks, 100,
     "the longest pause between two repetitions of a message",
     "epaxos.longest_pause, of attempts", ""},
    {"epaxos.longest_pause", TimeUnit::kTicks, 200,
     "the longest pause between two attempts of one recovery, where only their "
     "number makes it longer",
     "epaxos.most_retransmit, within an attempt", ""},

    // ---- BPaxos ----
    {"bpaxos.heartbeat", TimeUnit::kTicks, 10,
     "an executor says how far it is though nothing is new",
     "epaxos.heartbeat: other roles listen", ""},
    {"bpaxos.most_retransmit", TimeUnit::kTicks, 100,
     "the longest pause between two repetitions of a message",
     "bpaxos.longest_pause, of ballots", ""},
    {"bpaxos.longest_pause", TimeUnit::kTicks, 200,
     "the longest pause between two ballots of one proposer",
     "bpaxos.most_retransmit, within a ballot", ""},

    // ---- Multi-Paxos ----
    {"multipaxos.election", TimeUnit::kTicks, 50,
     "without a sign of the leader a replica wants to lead; up to as many more "
     "by chance, a tenth where the leader is suspected",
     "a lease: nobody leads by the clock", "paxos.election_ticks"},
    {"multipaxos.most_repeat", TimeUnit::kTicks, 100,
     "the longest pause between two repetitions of an Accept",
     "multipaxos.election: the leader goes on repeating", ""},
    {"multipaxos.frontier", TimeUnit::kTicks, 20,
     "a frontier is sent though nothing is new",
     "the leader's signs, ten in election_ticks", ""},

    // ---- between nodes ----
    {"links.quiet", TimeUnit::kTicks, 30,
     "of a peer's silence: the way to it may be cut, another call is tried",
     "links.suspect: nobody hears of it", ""},
    {"links.measure", TimeUnit::kTicks, 100,
     "between two measurements of the way to a peer and back",
     "links.first_measure, when little is known yet", ""},
    {"links.first_measure", TimeUnit::kTicks, 5, "between the first of them",
     "links.measure", ""},
    {"links.suspect", TimeUnit::kTicks, 50,
     "of a peer's silence: the machine is told that it is suspected",
     "multipaxos.election, which is as long and hears only the leader", ""},
    {"links.silent", TimeUnit::kTicks, 100,
     "of a peer's silence: its connection is closed",
     "connections.vanished, which the kernel counts on any connection", ""},
    {"links.call", TimeUnit::kMilliseconds, 1000,
     "a call to a peer, its handshake included, has failed",
     "links.least_call: other calls begin meanwhile", ""},
    {"links.least_call", TimeUnit::kMilliseconds, 120,
     "between two calls that nobody answers, at least",
     "links.least_pause, after a call that was refused", ""},
    {"links.most_call", TimeUnit::kMilliseconds, 180,
     "and at most: not all peers of a node in step", "links.call", ""},
    {"links.least_pause", TimeUnit::kMilliseconds, 10,
     "after a call that was refused; doubles", "links.least_call", ""},
    {"links.most_pause", TimeUnit::kMilliseconds, 80,
     "the longest pause after a call that was refused", "links.call", ""},
    {"links.fresh", TimeUnit::kMilliseconds, 1000,
     "how old an address may be when it is called",
     "links.call: a look-up is not a call", ""},
    {"links.good", TimeUnit::kMilliseconds, 1000,
     "a connection that lived so long: the next pause is short again",
     "links.silent: nothing is closed", ""},
    {"links.refused", TimeUnit::kMilliseconds, 5000,
     "how long `status` tells of a node that was refused",
     "a ban: it may call at once", ""},
    {"connections.vanished", TimeUnit::kSeconds, 30,
     "a connection whose other side acknowledges nothing is given up, by the "
     "kernel",
     "links.silent: a peer that lives and says nothing",
     "connections.vanished_s"},
    {"connections.least_vanished", TimeUnit::kSeconds, 3,
     "the least of it: keepalive counts in seconds and asks twice", "", ""},
    {"node.meeting", TimeUnit::kMilliseconds, 200,
     "a restarted node waits for peers that do not answer, before it takes "
     "part",
     "links.call: who answers later is met later", ""},
    {"node.drain", TimeUnit::kMilliseconds, 2000,
     "a node that stops waits for commands under way",
     "local.stop_grace, of the one who stops it", ""},
    {"acceptor.again", TimeUnit::kMilliseconds, 1000,
     "descriptors ran out, or an address is taken: the next attempt",
     "links.least_pause: that is about calls", ""},

    // ---- to clients ----
    {"port.hello", TimeUnit::kMilliseconds, 5000,
     "a client's connection without a Hello is closed",
     "client.call, which is the client's own and shorter", ""},
    {"port.status", TimeUnit::kMicroseconds, 1000,
     "between two answers to questions for the node's status", "tick", ""},

    // ---- the disk and the loop ----
    {"journal.quick", TimeUnit::kMicroseconds, 1000,
     "a sync that takes longer is not waited for on the loop",
     "a limit: a sync may take as long as it does", ""},
    {"journal.look", TimeUnit::kMilliseconds, 100,
     "between two looks of the thread after the store", "floors", ""},
    {"journal.wake_up", TimeUnit::kMicroseconds, 40,
     "what waking the thread costs, as part of a wait",
     "journal.look_out, which avoids it", ""},
    {"journal.look_out", TimeUnit::kMicroseconds, 30,
     "the thread looks for more to write before it sleeps", "loop.look_out",
     ""},
    {"loop.look_out", TimeUnit::kMicroseconds, 200,
     "the loop looks for more to read before it sleeps; commits wait as long "
     "for the next message",
     "retransmit: nothing is lost", ""},

    // ---- clients ----
    {"client.retry", TimeUnit::kMilliseconds, 1000,
     "a command without an answer: another node",
     "client.hedge, where the first node is still asked", ""},
    {"client.give_up", TimeUnit::kMilliseconds, 10000,
     "a command that has not completed completes as unknown, or as refused "
     "where that is certain",
     "session.idle: the session goes on", ""},
    {"client.first_backoff", TimeUnit::kMilliseconds, 5,
     "a command refused by a busy node waits; doubles", "client.retry", ""},
    {"client.most_backoff", TimeUnit::kMilliseconds, 500,
     "the longest of these pauses", "client.most_pause, between calls", ""},
    {"client.hedge", TimeUnit::kMilliseconds, 80,
     "a command without an answer: a second node is asked as well; follows "
     "what answers take where that is longer (client/patience.h)",
     "client.retry; client.stagger, before a Hello", ""},
    {"client.stagger", TimeUnit::kMilliseconds, 80,
     "a node that has not said Hello: another one is called as well",
     "client.hedge, of commands", ""},
    {"client.again", TimeUnit::kMilliseconds, 200,
     "nobody else is left: the node is called again, because the kernel "
     "repeats a lost first segment only after a second",
     "client.call", ""},
    {"client.call", TimeUnit::kMilliseconds, 1000,
     "a call without a Hello has failed", "port.hello; client.retry", ""},
    {"client.next_address", TimeUnit::kMilliseconds, 150,
     "an address of a host has not answered: its next one is called as well",
     "client.stagger, of another node", ""},
    {"client.first_pause", TimeUnit::kMilliseconds, 10,
     "between two rounds of calls; doubles", "client.first_backoff", ""},
    {"client.brisk_pause", TimeUnit::kMilliseconds, 80,
     "the longest pause of the first rounds", "client.hedge", ""},
    {"client.most_pause", TimeUnit::kMilliseconds, 500,
     "the longest pause of all later rounds", "client.most_backoff", ""},
    {"client.late", TimeUnit::kMilliseconds, 20,
     "a timer so late means that this process did not run: what has come is "
     "read before anybody is called silent",
     "client.hedge", ""},

    // ---- the command line ----
    {"kv.timeout", TimeUnit::kMilliseconds, 5000, "`quorate kv` gives up",
     "client.give_up, which it replaces", ""},
    {"status.timeout", TimeUnit::kMilliseconds, 1000,
     "`quorate status` takes a node for unreachable", "links.suspect", ""},
    {"local.ready", TimeUnit::kMilliseconds, 30000,
     "`quorate local` waits for nodes to be ready", "node.meeting", ""},
    {"local.peers", TimeUnit::kMilliseconds, 5000,
     "once all nodes are ready, no longer waits for them to meet each other",
     "local.ready, of each node by itself", ""},
    {"local.stop_grace", TimeUnit::kMilliseconds, 20000,
     "`quorate local` kills a node that does not stop", "node.drain", ""},
    {"local.kill", TimeUnit::kMilliseconds, 5000,
     "and waits for one that was killed", "local.stop_grace", ""},
    {"local.trouble_again", TimeUnit::kMilliseconds, 5,
     "nodes are asked again whether they have taken up a trouble file",
     "local.ready: they run already", ""},
};

namespace internal {

template <std::size_t kSize>
struct TimerName {
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is one.
  constexpr TimerName(const char (&text)[kSize]) {
    std::copy_n(text, kSize, letters);
  }
  constexpr std::string_view view() const { return {letters, kSize - 1}; }
  char letters[kSize] = {};
};

// The row's place; their number where there is none. Not a pointer: under
// sanitizers g++ 12 takes a comparison of one for no constant.
constexpr std::size_t PlaceOfTimer(std::string_view name) {
  std::size_t place = 0;
  while (place < std::size(kTimers) && kTimers[place].name != name) ++place;
  return place;
}

template <TimerName kName, TimeUnit kUnit>
constexpr std::int64_t ValueOfTimer() {
  constexpr std::size_t kPlace = PlaceOfTimer(kName.view());
  static_assert(kPlace < std::size(kTimers), "a timer has a row in kTimers");
  static_assert(kTimers[kPlace].unit == kUnit,
                "a timer is asked for in its own unit");
  return kTimers[kPlace].value;
}

}  // namespace internal

template <internal::TimerName kName>
inline constexpr std::int64_t TicksOf =
    internal::ValueOfTimer<kName, TimeUnit::kTicks>();
template <internal::TimerName kName>
inline constexpr std::int64_t SecondsOf =
    internal::ValueOfTimer<kName, TimeUnit::kSeconds>();
template <internal::TimerName kName>
inline constexpr std::int64_t MillisecondsOf =
    internal::ValueOfTimer<kName, TimeUnit::kMilliseconds>();
template <internal::TimerName kName>
inline constexpr std::int64_t MicrosecondsOf =
    internal::ValueOfTimer<kName, TimeUnit::kMicroseconds>();

}  // namespace quorate
