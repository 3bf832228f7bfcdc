#include "tests/model/scenario.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "replica/base/quorum.h"
#include "wire/check.h"

namespace quorate::model {
namespace {

std::string_view Trimmed(std::string_view line) {
  const std::size_t comment = line.find('#');
  if (comment != std::string_view::npos) line = line.substr(0, comment);
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

// A budget by its name; null if there is none.
int* FindBudget(Scope& scope, std::string_view name) {
  if (name == "recoveries") return &scope.recoveries;
  if (name == "restarts") return &scope.restarts;
  if (name == "retries") return &scope.retries;
  if (name == "faults") return &scope.faults;
  return nullptr;
}

bool* FindSwitch(Scope& scope, std::string_view name) {
  if (name == "separate_sync") return &scope.separate_sync;
  if (name == "overlap") return &scope.overlap;
  if (name == "lazy") return &scope.lazy;
  if (name == "impatience") return &scope.impatience;
  if (name == "clients_wait") return &scope.clients_wait;
  if (name == "proposed") return &scope.proposed;
  if (name == "thrifty") return &scope.thrifty;
  return nullptr;
}

}  // namespace

absl::StatusOr<Scope> ParseScope(std::string_view text) {
  const std::vector<std::string> words = absl::StrSplit(
      absl::string_view(text.data(), text.size()), ' ', absl::SkipEmpty());
  if (words.empty()) return absl::InvalidArgumentError("a scope needs a name");
  std::optional<Scope> scope = FindScope(words[0]);
  if (!scope.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown scope \"", words[0], "\"; see --list"));
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::pair<std::string, std::string> setting =
        absl::StrSplit(words[i], absl::MaxSplits('=', 1));
    if (setting.first == "fast_path") {
      const std::optional<FastPathRule> rule =
          ParseFastPathRule(setting.second);
      if (!rule.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "\"", words[i], "\": known are epaxos, atlas, unanimous"));
      }
      scope->fast_path = *rule;
      continue;
    }
    int number = 0;
    const bool is_number = absl::SimpleAtoi(setting.second, &number) &&
                           number >= 0 && number < 100;
    int* budget = FindBudget(*scope, setting.first);
    bool* toggle = FindSwitch(*scope, setting.first);
    if (!is_number || (budget == nullptr && toggle == nullptr)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", words[i],
          "\": give recoveries, restarts, retries, faults, separate_sync, "
          "overlap, lazy, impatience, clients_wait, proposed or thrifty a "
          "number, or fast_path a rule"));
    }
    if (budget != nullptr) *budget = number;
    if (toggle != nullptr) *toggle = number != 0;
  }
  const absl::Status valid = ValidateSettings(SettingsOf(*scope, 0));
  if (!valid.ok()) return valid;
  return *scope;
}

std::string ScopeText(const Scope& scope) {
  const Scope plain = FindScope(scope.name).value_or(Scope{});
  std::string text = scope.name;
  const auto add = [&](const char* name, int now, int usual) {
    if (now != usual) absl::StrAppend(&text, " ", name, "=", now);
  };
  if (scope.fast_path != plain.fast_path) {
    absl::StrAppend(&text, " fast_path=", std::string(Name(scope.fast_path)));
  }
  add("faults", scope.faults, plain.faults);
  add("recoveries", scope.recoveries, plain.recoveries);
  add("restarts", scope.restarts, plain.restarts);
  add("retries", scope.retries, plain.retries);
  add("separate_sync", scope.separate_sync, plain.separate_sync);
  add("overlap", scope.overlap, plain.overlap);
  add("lazy", scope.lazy, plain.lazy);
  add("impatience", scope.impatience, plain.impatience);
  add("clients_wait", scope.clients_wait, plain.clients_wait);
  add("proposed", scope.proposed, plain.proposed);
  add("thrifty", scope.thrifty, plain.thrifty);
  return text;
}

absl::StatusOr<Scenario> ParseScenario(std::string_view text) {
  Scenario scenario;
  bool has_scope = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("scope ")) {
      absl::StatusOr<Scope> scope = ParseScope(line.substr(6));
      if (!scope.ok()) return scope.status();
      scenario.scope = *std::move(scope);
      has_scope = true;
    } else if (line.starts_with("mutation ")) {
      scenario.mutation = line.substr(9);
    } else if (line.starts_with("expect ")) {
      scenario.expects_violation = line.substr(7) == "violation";
    } else if (!line.empty()) {
      scenario.actions.emplace_back(line);
    }
  }
  if (!has_scope) {
    return absl::InvalidArgumentError(
        "the scenario names no scope; begin with \"scope X1\"");
  }
  return scenario;
}

std::string ScenarioText(const Scenario& scenario) {
  std::string text = absl::StrCat("scope ", ScopeText(scenario.scope), "\n");
  if (!scenario.mutation.empty()) {
    absl::StrAppend(&text, "mutation ", scenario.mutation, "\n");
  }
  absl::StrAppend(&text, "expect ",
                  scenario.expects_violation ? "violation" : "clean", "\n\n");
  for (const std::string& line : scenario.actions) {
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

absl::StatusOr<Action> FindAction(World& world, const WorldState& state,
                                  std::string_view line) {
  std::vector<Action> enabled;
  world.ListEnabled(state, enabled);
  for (const Action& action : enabled) {
    if (world.Text(action) == line) return action;
  }
  const std::string_view heading = line.substr(0, line.find(" : "));
  std::optional<Action> found;
  for (const Action& action : enabled) {
    if (world.Heading(action) != heading) continue;
    if (!found.has_value() ||
        !World::Changes(state, world.Apply(state, *found))) {
      found = action;
    }
  }
  if (found.has_value()) return *found;
  return absl::NotFoundError(
      absl::StrCat("not possible here: ", std::string(line)));
}

WorldState Open(World& world) {
  WorldState state = world.Initial();
  for (const std::string& line : world.scope().opening) {
    const absl::StatusOr<Action> action = FindAction(world, state, line);
    QUORATE_CHECK(action.ok(), "a scope's opening is possible");
    state = world.Apply(state, *action);
  }
  return state;
}

ScheduleRun Take(World& world, const WorldState& start,
                 const std::vector<Action>& actions) {
  ScheduleRun run;
  WorldState state = start;
  std::vector<Action> enabled;
  for (const Action& action : actions) {
    world.ListEnabled(state, enabled);
    if (std::ranges::find(enabled, action) == enabled.end()) continue;
    const WorldState after = world.Apply(state, action);
    if (!World::Changes(state, after)) continue;
    state = after;
    run.taken.push_back(action);
    run.violation = world.FindViolation(state, action.replica);
    if (!run.violation.empty()) break;
  }
  return run;
}

absl::StatusOr<ScheduleRun> Replay(World& world, const WorldState& start,
                                   const std::vector<std::string>& lines,
                                   WhenImpossible impossible) {
  ScheduleRun run;
  WorldState state = start;
  for (const std::string& line : lines) {
    const absl::StatusOr<Action> action = FindAction(world, state, line);
    if (!action.ok() && impossible == WhenImpossible::kSkip) continue;
    if (!action.ok()) return action.status();
    state = world.Apply(state, *action);
    run.taken.push_back(*action);
    run.violation = world.FindViolation(state, action->replica);
    if (!run.violation.empty()) break;
  }
  return run;
}

ScheduleRun Shrink(World& world, const WorldState& start, ScheduleRun run) {
  for (std::size_t part = run.taken.size() / 2; part > 0;) {
    bool smaller = false;
    for (std::size_t at = 0; at + part <= run.taken.size();) {
      std::vector<Action> rest = run.taken;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at),
                 rest.begin() + static_cast<std::ptrdiff_t>(at + part));
      ScheduleRun attempt = Take(world, start, rest);
      if (attempt.violation.empty()) {
        ++at;
        continue;
      }
      run = std::move(attempt);
      smaller = true;
    }
    if (!smaller || part > run.taken.size()) part /= 2;
  }
  return run;
}

std::vector<std::string> Lines(const World& world,
                               const std::vector<Action>& actions) {
  std::vector<std::string> lines;
  for (const Action& action : actions) lines.push_back(world.Text(action));
  return lines;
}

}  // namespace quorate::model
