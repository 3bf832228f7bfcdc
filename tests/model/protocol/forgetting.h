// Answers: what may members forget, so that those who are left can still help
// each other?
//
// A model of its own, of nothing but this. Members execute the instances of
// some columns, each column in order, say now and then how far they have come,
// forget, and take over each other's states. Agreement is left out: an instance
// is there once its proposer has executed it, and who has it may teach it to
// whom lacks it. That allows more than the machines do. Nothing is sent twice
// or lost by steps of its own: a message is heard late, or not, by when it is
// heard. A member that is lost for good is one that is left out of what is
// checked, in every state for all choices of those that are left.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace quorate::model {

inline constexpr int kMostMembers = 5;

// Watermarks, one a column.
using Slots = std::array<std::uint8_t, kMostMembers>;

bool Covers(const Slots& all, const Slots& some);

enum class Rule : std::uint8_t {
  // Column by column, what all but g have by their last reports.
  kColumns,
  // The same of whole reports: the intersection of those of all but g.
  kWholeReports,
  // What enough members had at one moment of each, all of which is had here.
  kWitnesses,
  // kWitnesses without "all of which is had here".
  kUnmatched,
};

struct World {
  int members = 3;
  int columns = 2;
  int slots = 1;     // of each column
  int faults = 1;    // members that may be lost
  int laggards = 1;  // g
  int enough = 2;    // witnesses, the member itself counted
  Rule rule = Rule::kWitnesses;
  // A snapshot is taken at one moment and installed at a later one.
  bool slow_snapshots = false;
};

struct Member {
  Slots executed{};
  Slots forgotten{};
  // Of each other member: its last report, and one that is matched.
  std::array<Slots, kMostMembers> heard{};
  std::array<Slots, kMostMembers> matched{};
  // A peer's snapshot on its way here.
  bool fetches = false;
  Slots fetched{};
  Slots fetched_floor{};

  friend bool operator==(const Member&, const Member&) = default;
};

using State = std::array<Member, kMostMembers>;

struct Action {
  enum class Kind : std::uint8_t {
    kPropose,  // `member` executes the next instance of its own column
    kLearn,    // the next of `column` from `other`
    kHear,     // how far `other` is
    kMatch,    // what was heard of `other` counts
    kForget,   // all that it may
    kForgetColumn,
    kFetch,  // the state of `other`
    kInstall,
  } kind{};
  std::uint8_t member = 0;
  std::uint8_t other = 0;
  std::uint8_t column = 0;
};

std::string ToString(const Action& action);
std::string ToString(const World& world, const State& state);

class Forgetting {
 public:
  explicit Forgetting(const World& world) : world_(world) {}

  // All that can happen; what changes nothing is left out.
  void List(const State& state, std::vector<Action>& actions) const;
  void Apply(const Action& action, State& state) const;

  // Empty, or what is wrong in this state.
  std::string Check(const State& state) const;
  // No single one of these can give its state to all others that need one, but
  // two of them together can.
  bool NeedsTwoParts(const State& state) const;

  std::uint64_t Fingerprint(const State& state) const;

 private:
  Slots MayForget(const State& state, int member) const;
  Slots ByColumns(const State& state, int member) const;
  Slots ByReports(const Member& of, int member, int count,
                  const std::array<Slots, kMostMembers>& reports) const;
  // Those in `left` teach each other and take over states until nothing moves.
  // Do they all end with all that any of them had?
  bool ComeTogether(const State& state, unsigned left) const;

  World world_;
};

}  // namespace quorate::model
