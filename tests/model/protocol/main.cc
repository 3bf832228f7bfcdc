// quorate-forgetting: explores the model of forgetting, everywhere or at
// random. README.md has what it found.
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "tests/model/protocol/forgetting.h"

namespace quorate::model {
namespace {

constexpr char kUsage[] =
    "usage: quorate-forgetting [--members 3..5] [--columns N] [--slots N]\n"
    "    [--faults N] [--laggards N] [--enough N] [--slow-snapshots]\n"
    "    [--rule witnesses|columns|whole-reports|unmatched]\n"
    "    [--states N]                      everywhere, breadth first\n"
    "    [--walks N --steps N --seed N]    at random\n"
    "Exit codes: 0 nothing found, 1 a promise broken, 2 wrong usage.\n";

struct Options {
  World world;
  std::uint64_t states = 20'000'000;
  std::uint64_t walks = 0;
  std::uint64_t steps = 120;
  std::uint64_t seed = 1;
};

std::optional<Rule> RuleNamed(std::string_view name) {
  static const std::map<std::string_view, Rule> kRules = {
      {"columns", Rule::kColumns},
      {"whole-reports", Rule::kWholeReports},
      {"witnesses", Rule::kWitnesses},
      {"unmatched", Rule::kUnmatched}};
  const auto found = kRules.find(name);
  if (found == kRules.end()) return std::nullopt;
  return found->second;
}

std::optional<Options> Parse(int argc, char** argv) {
  Options options;
  World& world = options.world;
  std::map<std::string_view, std::uint64_t> numbers;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--slow-snapshots") {
      world.slow_snapshots = true;
      continue;
    }
    if (!name.starts_with("--") || ++i == argc) return std::nullopt;
    const std::string_view value = argv[i];
    if (name == "--rule") {
      const auto rule = RuleNamed(value);
      if (!rule) return std::nullopt;
      world.rule = *rule;
      continue;
    }
    std::uint64_t number = 0;
    const char* end = value.data() + value.size();
    if (std::from_chars(value.data(), end, number).ptr != end) {
      return std::nullopt;
    }
    numbers[name.substr(2)] = number;
  }
  const auto take = [&](std::string_view name, std::uint64_t otherwise) {
    const auto found = numbers.extract(name);
    return found.empty() ? otherwise : found.mapped();
  };
  const auto take_int = [&](std::string_view name, int otherwise) {
    return static_cast<int>(take(name, static_cast<std::uint64_t>(otherwise)));
  };
  world.members = take_int("members", 3);
  world.columns = take_int("columns", world.members == 3 ? 2 : 3);
  world.slots = take_int("slots", 1);
  world.faults = take_int("faults", (world.members - 1) / 2);
  world.laggards = take_int("laggards", 1);
  world.enough = take_int("enough", world.members / 2 + 1);
  options.states = take("states", options.states);
  options.walks = take("walks", 0);
  options.steps = take("steps", options.steps);
  options.seed = take("seed", options.seed);
  const bool fits = world.members >= 3 && world.members <= kMostMembers &&
                    world.columns >= 1 && world.columns <= world.members &&
                    world.laggards < world.members && world.slots >= 1 &&
                    world.slots < 200 && world.enough >= 1;
  if (!numbers.empty() || !fits) return std::nullopt;
  return options;
}

void Print(const World& world, const std::string& broken,
           const std::vector<Action>& path) {
  const Forgetting model(world);
  State state{};
  std::printf("%s, after %zu steps\n", broken.c_str(), path.size());
  for (const Action& action : path) {
    std::printf("  %s\n", ToString(action).c_str());
    model.Apply(action, state);
  }
  std::printf("%s", ToString(world, state).c_str());
}

// ---- everywhere -------------------------------------------------------------

struct Visited {
  State state;
  std::size_t from = 0;
  Action by;
};

std::vector<Action> PathTo(const std::vector<Visited>& visited,
                           std::size_t at) {
  std::vector<Action> path;
  for (; at != 0; at = visited[at].from) path.push_back(visited[at].by);
  return {path.rbegin(), path.rend()};
}

int Explore(const Options& options) {
  const Forgetting model(options.world);
  absl::flat_hash_set<std::uint64_t> seen;
  std::vector<Visited> visited(1);
  seen.insert(model.Fingerprint(visited[0].state));
  std::uint64_t transitions = 0;
  std::uint64_t two_parts = 0;
  std::vector<Action> actions;
  for (std::size_t at = 0; at < visited.size(); ++at) {
    if (visited.size() > options.states) {
      std::printf("not complete: %zu states, %zu of them expanded\n",
                  visited.size(), at);
      return 0;
    }
    model.List(visited[at].state, actions);
    for (const Action& action : actions) {
      ++transitions;
      Visited next{.state = visited[at].state, .from = at, .by = action};
      model.Apply(action, next.state);
      if (!seen.insert(model.Fingerprint(next.state)).second) continue;
      visited.push_back(next);
      if (model.NeedsTwoParts(next.state)) ++two_parts;
      const std::string broken = model.Check(next.state);
      if (broken.empty()) continue;
      Print(options.world, broken, PathTo(visited, visited.size() - 1));
      return 1;
    }
  }
  std::printf(
      "complete: %zu states, %llu transitions; in %llu states no "
      "member has all that was forgotten\n",
      visited.size(), static_cast<unsigned long long>(transitions),
      static_cast<unsigned long long>(two_parts));
  return 0;
}

// ---- at random --------------------------------------------------------------

// Who does not learn which column, by (member, column), and how often each kind
// of action is taken: drawn anew for each walk.
struct Weather {
  std::array<std::array<bool, kMostMembers>, kMostMembers> lacks{};
  std::array<int, 8> weight{};
};

bool Happens(const Weather& weather, const Action& action) {
  if (action.kind != Action::Kind::kLearn) return true;
  return !weather.lacks[action.member][action.column];
}

std::string Replay(const Forgetting& model, const std::vector<Action>& path) {
  State state{};
  std::vector<Action> possible;
  for (const Action& action : path) {
    model.List(state, possible);
    const bool is_possible =
        std::any_of(possible.begin(), possible.end(), [&](const Action& each) {
          return each.kind == action.kind && each.member == action.member &&
                 each.other == action.other && each.column == action.column;
        });
    if (!is_possible) continue;
    model.Apply(action, state);
    if (std::string broken = model.Check(state); !broken.empty()) return broken;
  }
  return {};
}

// Without each step that it can do without.
std::vector<Action> Shrink(const Forgetting& model, std::vector<Action> path) {
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t i = path.size(); i-- > 0;) {
      std::vector<Action> without = path;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      if (Replay(model, without).empty()) continue;
      path = std::move(without);
      shorter = true;
    }
  }
  return path;
}

int Walk(const Options& options) {
  const Forgetting model(options.world);
  std::mt19937_64 random(options.seed);
  std::uint64_t steps = 0;
  std::uint64_t two_parts = 0;
  std::uint64_t forgets = 0;
  std::vector<Action> actions;
  for (std::uint64_t walk = 0; walk < options.walks; ++walk) {
    Weather weather;
    for (auto& row : weather.lacks) {
      for (bool& lacks : row) lacks = random() % 4 == 0;
    }
    for (int& weight : weather.weight)
      weight = 1 + static_cast<int>(random() % 8);
    State state{};
    std::vector<Action> path;
    while (path.size() < options.steps) {
      model.List(state, actions);
      std::vector<Action> lots;
      for (const Action& action : actions) {
        if (!Happens(weather, action)) continue;
        const int weight =
            weather.weight[static_cast<std::size_t>(action.kind)];
        lots.insert(lots.end(), static_cast<std::size_t>(weight), action);
      }
      if (lots.empty()) break;
      const Action action = lots[random() % lots.size()];
      model.Apply(action, state);
      path.push_back(action);
      ++steps;
      if (action.kind == Action::Kind::kForget ||
          action.kind == Action::Kind::kForgetColumn) {
        ++forgets;
      }
      if (model.NeedsTwoParts(state)) ++two_parts;
      if (const std::string broken = model.Check(state); !broken.empty()) {
        std::printf("walk %llu, %llu steps in all\n",
                    static_cast<unsigned long long>(walk + 1),
                    static_cast<unsigned long long>(steps));
        Print(options.world, broken, Shrink(model, path));
        return 1;
      }
    }
  }
  std::printf(
      "nothing found: %llu walks, %llu steps, %llu times something "
      "was forgotten; in %llu states no member had all of it\n",
      static_cast<unsigned long long>(options.walks),
      static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(forgets),
      static_cast<unsigned long long>(two_parts));
  return 0;
}

}  // namespace
}  // namespace quorate::model

int main(int argc, char** argv) {
  const auto options = quorate::model::Parse(argc, argv);
  if (!options) {
    std::fputs(quorate::model::kUsage, stderr);
    return 2;
  }
  return options->walks > 0 ? quorate::model::Walk(*options)
                            : quorate::model::Explore(*options);
}
