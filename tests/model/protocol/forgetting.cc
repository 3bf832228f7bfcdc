#include "tests/model/protocol/forgetting.h"

#include <algorithm>
#include <bit>

#include "wire/fingerprint.h"

namespace quorate::model {
namespace {

constexpr std::array<const char*, 8> kKinds = {"propose", "learn",  "hear",
                                               "match",   "forget", "forget",
                                               "fetch",   "install"};

void Join(Slots& into, const Slots& other) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] = std::max(into[i], other[i]);
  }
}

void Meet(Slots& into, const Slots& other) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    into[i] = std::min(into[i], other[i]);
  }
}

std::size_t At(int i) { return static_cast<std::size_t>(i); }

// Can this one give its state to that one?
bool CanServe(const Member& server, const Member& asker) {
  return Covers(server.executed, asker.forgotten);
}

bool CanTeach(const Member& teacher, const Member& pupil, int column) {
  return teacher.executed[At(column)] > pupil.executed[At(column)] &&
         teacher.forgotten[At(column)] <= pupil.executed[At(column)];
}

// Its state with what was executed here above it: decisions stay.
void TakeOver(const Slots& executed, const Slots& floor, Member& member) {
  Join(member.executed, executed);
  Join(member.forgotten, floor);
}

}  // namespace

bool Covers(const Slots& all, const Slots& some) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] < some[i]) return false;
  }
  return true;
}

// ---- what can happen --------------------------------------------------------

void Forgetting::List(const State& state, std::vector<Action>& actions) const {
  actions.clear();
  const auto add = [&](Action::Kind kind, int member, int other = 0,
                       int column = 0) {
    actions.push_back({.kind = kind,
                       .member = static_cast<std::uint8_t>(member),
                       .other = static_cast<std::uint8_t>(other),
                       .column = static_cast<std::uint8_t>(column)});
  };
  using Kind = Action::Kind;
  for (int p = 0; p < world_.members; ++p) {
    const Member& of = state[At(p)];
    if (p < world_.columns && of.executed[At(p)] < world_.slots) {
      add(Kind::kPropose, p);
    }
    for (int q = 0; q < world_.members; ++q) {
      if (q == p) continue;
      const Member& other = state[At(q)];
      for (int c = 0; c < world_.columns; ++c) {
        if (CanTeach(other, of, c)) add(Kind::kLearn, p, q, c);
      }
      if (of.heard[At(q)] != other.executed) add(Kind::kHear, p, q);
      if (of.matched[At(q)] != of.heard[At(q)] &&
          (Covers(of.executed, of.heard[At(q)]) ||
           world_.rule == Rule::kUnmatched)) {
        add(Kind::kMatch, p, q);
      }
      if (!of.fetches && !Covers(of.executed, other.forgotten) &&
          CanServe(other, of)) {
        add(Kind::kFetch, p, q);
      }
    }
    if (of.fetches) {
      add(Kind::kInstall, p);
      continue;  // What is fetched must cover all that is forgotten here.
    }
    const Slots may = MayForget(state, p);
    if (Covers(of.forgotten, may)) continue;
    add(Kind::kForget, p);
    for (int c = 0; c < world_.columns; ++c) {
      if (may[At(c)] > of.forgotten[At(c)]) add(Kind::kForgetColumn, p, 0, c);
    }
  }
}

void Forgetting::Apply(const Action& action, State& state) const {
  Member& of = state[action.member];
  const Member& other = state[action.other];
  using Kind = Action::Kind;
  switch (action.kind) {
    case Kind::kPropose: ++of.executed[action.member]; break;
    case Kind::kLearn: ++of.executed[action.column]; break;
    case Kind::kHear: of.heard[action.other] = other.executed; break;
    case Kind::kMatch: of.matched[action.other] = of.heard[action.other]; break;
    case Kind::kForget:
      Join(of.forgotten, MayForget(state, action.member));
      break;
    case Kind::kForgetColumn:
      of.forgotten[action.column] =
          MayForget(state, action.member)[action.column];
      break;
    case Kind::kFetch:
      of.fetches = true;
      of.fetched = other.executed;
      of.fetched_floor = other.forgotten;
      if (world_.slow_snapshots) break;
      [[fallthrough]];
    case Kind::kInstall:
      TakeOver(of.fetched, of.fetched_floor, of);
      of.fetches = false;
      of.fetched = of.fetched_floor = {};
      break;
  }
}

// ---- the rules --------------------------------------------------------------

Slots Forgetting::MayForget(const State& state, int member) const {
  const Member& of = state[At(member)];
  switch (world_.rule) {
    case Rule::kColumns: return ByColumns(state, member);
    case Rule::kWholeReports:
      return ByReports(of, member, world_.members - world_.laggards, of.heard);
    case Rule::kWitnesses:
    case Rule::kUnmatched:
      return ByReports(of, member, world_.enough, of.matched);
  }
  return {};
}

Slots Forgetting::ByColumns(const State& state, int member) const {
  const Member& of = state[At(member)];
  Slots may = of.executed;
  for (int c = 0; c < world_.columns; ++c) {
    std::vector<std::uint8_t> reached;
    for (int q = 0; q < world_.members; ++q) {
      reached.push_back(q == member ? of.executed[At(c)]
                                    : of.heard[At(q)][At(c)]);
    }
    std::ranges::sort(reached);
    may[At(c)] = std::min(may[At(c)], reached[At(world_.laggards)]);
  }
  return may;
}

// The join of what each choice of `count` members, this one among them, allows:
// a member may choose anew each time.
Slots Forgetting::ByReports(
    const Member& of, int member, int count,
    const std::array<Slots, kMostMembers>& reports) const {
  Slots may{};
  for (unsigned set = 0; set < 1u << world_.members; ++set) {
    if ((set >> member & 1u) == 0 || std::popcount(set) != count) continue;
    Slots held = of.executed;
    for (int q = 0; q < world_.members; ++q) {
      if (q != member && (set >> q & 1u) != 0) Meet(held, reports[At(q)]);
    }
    Join(may, held);
  }
  return may;
}

// ---- what must be true ------------------------------------------------------

std::string Forgetting::Check(const State& state) const {
  for (int p = 0; p < world_.members; ++p) {
    for (int q = 0; q < p; ++q) {
      if (!CanServe(state[At(p)], state[At(q)]) &&
          !CanServe(state[At(q)], state[At(p)])) {
        return "PASSED: r" + std::to_string(q + 1) + " and r" +
               std::to_string(p + 1) + " have forgotten what the other lacks";
      }
    }
  }
  for (unsigned left = 0; left < 1u << world_.members; ++left) {
    if (std::popcount(left) == world_.members - world_.faults &&
        !ComeTogether(state, left)) {
      return "STUCK: those left of set " + std::to_string(left);
    }
  }
  return {};
}

bool Forgetting::ComeTogether(const State& state, unsigned left) const {
  State after = state;
  Slots all{};
  for (int p = 0; p < world_.members; ++p) {
    // What was on its way is lost.
    after[At(p)].fetches = false;
    if ((left >> p & 1u) != 0) Join(all, state[At(p)].executed);
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (int p = 0; p < world_.members; ++p) {
      for (int q = 0; q < world_.members; ++q) {
        if (p == q || (left >> p & 1u) == 0 || (left >> q & 1u) == 0) continue;
        Member& of = after[At(p)];
        const Member& other = after[At(q)];
        for (int c = 0; c < world_.columns; ++c) {
          if (!CanTeach(other, of, c)) continue;
          of.executed[At(c)] = other.executed[At(c)];
          moved = true;
        }
        if (!Covers(of.executed, other.forgotten) && CanServe(other, of)) {
          TakeOver(other.executed, other.forgotten, of);
          moved = true;
        }
      }
    }
  }
  for (int p = 0; p < world_.members; ++p) {
    if ((left >> p & 1u) != 0 && after[At(p)].executed != all) return false;
  }
  return true;
}

bool Forgetting::NeedsTwoParts(const State& state) const {
  Slots forgotten{};
  for (const Member& member : state) Join(forgotten, member.forgotten);
  return std::ranges::none_of(state, [&](const Member& member) {
    return Covers(member.executed, forgotten);
  });
}

// ---- looking at it ----------------------------------------------------------

std::uint64_t Forgetting::Fingerprint(const State& state) const {
  quorate::Fingerprint print;
  const auto mix = [&](const Slots& slots) {
    std::uint64_t word = 0;
    for (const std::uint8_t slot : slots) word = word << 8 | slot;
    print.Mix(word);
  };
  for (int p = 0; p < world_.members; ++p) {
    const Member& of = state[At(p)];
    mix(of.executed);
    mix(of.forgotten);
    for (int q = 0; q < world_.members; ++q) {
      mix(of.heard[At(q)]);
      mix(of.matched[At(q)]);
    }
    print.Mix(of.fetches ? 1 : 0);
    mix(of.fetched);
    mix(of.fetched_floor);
  }
  return print.value();
}

std::string ToString(const Action& action) {
  const auto name = [](int index) { return " r" + std::to_string(index + 1); };
  std::string text = kKinds[static_cast<std::size_t>(action.kind)];
  text += name(action.member);
  using Kind = Action::Kind;
  if (action.kind == Kind::kLearn) {
    text += " column" + name(action.column) + " from" + name(action.other);
  } else if (action.kind == Kind::kForgetColumn) {
    text += " column" + name(action.column);
  } else if (action.kind == Kind::kHear || action.kind == Kind::kMatch ||
             action.kind == Kind::kFetch) {
    text += " of" + name(action.other);
  }
  return text;
}

std::string ToString(const World& world, const State& state) {
  std::string text;
  const auto add = [&](const Slots& slots) {
    for (int c = 0; c < world.columns; ++c) {
      text += ' ' + std::to_string(slots[At(c)]);
    }
  };
  for (int p = 0; p < world.members; ++p) {
    text += "r" + std::to_string(p + 1) + " has";
    add(state[At(p)].executed);
    text += ", forgot";
    add(state[At(p)].forgotten);
    text += '\n';
  }
  return text;
}

}  // namespace quorate::model
