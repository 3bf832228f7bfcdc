#include "tests/lincheck/generator.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace quorate::lincheck {
namespace {

using Map = std::map<std::string, std::string>;

std::optional<std::int64_t> AsNumber(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// What the action would be told, as an action with its results filled in.
Action Apply(Action action, Map& map) {
  const auto at = map.find(action.key);
  const std::string now = at == map.end() ? "" : at->second;
  action.has_out = false;
  switch (action.function) {
    case Function::kGet:
      action.has_out = true;
      action.out = now;
      action.found = at != map.end();
      break;
    case Function::kPut: map[action.key] = action.value; break;
    case Function::kAppend:
      action.has_ok = action.ok = true;
      map[action.key] = now + action.value;
      break;
    case Function::kCompareAndSet:
      action.has_ok = true;
      action.ok = now == action.old;
      if (action.ok) {
        map[action.key] = action.value;
      } else {
        action.has_out = true;
        action.out = now;
      }
      break;
    case Function::kAdd: {
      const std::optional<std::int64_t> number = AsNumber(now);
      action.has_ok = true;
      action.ok = at == map.end() || number.has_value();
      // Wraps around.
      if (action.ok) {
        map[action.key] = std::to_string(static_cast<std::int64_t>(
            static_cast<std::uint64_t>(number.value_or(0)) +
            static_cast<std::uint64_t>(action.number)));
      }
      break;
    }
    case Function::kMax: {
      const std::optional<std::int64_t> number = AsNumber(now);
      action.has_ok = true;
      action.ok = at == map.end() || number.has_value();
      if (action.ok && number.value_or(action.number) <= action.number) {
        map[action.key] =
            number == action.number ? now : std::to_string(action.number);
      }
      break;
    }
    case Function::kDelete:
      action.has_ok = true;
      action.ok = map.erase(action.key) > 0;
      break;
    case Function::kEndEra:
    case Function::kWithdraw: break;  // Nobody asks for it.
    case Function::kScan:
      action.has_out = true;
      action.rows.clear();
      for (auto row = map.lower_bound(action.key); row != map.end(); ++row) {
        if (!action.value.empty() && row->first >= action.value) break;
        if (action.number > 0 &&
            static_cast<std::int64_t>(action.rows.size()) == action.number) {
          break;
        }
        action.rows.emplace_back(*row);
      }
      break;
  }
  return action;
}

bool SameReply(const Action& a, const Action& b) {
  if (a.function == Function::kGet) {
    return a.out == b.out && (!a.found.has_value() || a.found == b.found);
  }
  if (a.function == Function::kScan) return a.rows == b.rows;
  if (!a.has_ok) return true;
  return a.ok == b.ok && (!a.has_out || a.out == b.out);
}

class Generator {
 public:
  Generator(const Shape& shape, std::uint32_t seed)
      : shape_(shape), random_(seed) {}

  History Run() {
    History history;
    std::vector<std::int64_t> free_at(static_cast<std::size_t>(shape_.clients));
    for (int i = 0; i < shape_.operations; ++i) {
      // The client that is free first, so that all stay busy.
      const auto client = std::ranges::min_element(free_at);
      Operation operation;
      operation.line = static_cast<std::size_t>(i) + 1;
      operation.client = client - free_at.begin();
      operation.call = *client + Draw(4);
      operation.ret = operation.call + 1 + Draw(3 * shape_.clients);
      moments_.push_back(
          operation.call +
          Draw(static_cast<int>(operation.ret - operation.call) + 1));
      *client = operation.ret + Draw(3);
      const int actions = Percent(shape_.batch_percent) ? 2 + Draw(2) : 1;
      for (int a = 0; a < actions; ++a) operation.actions.push_back(Draw());
      history.push_back(std::move(operation));
    }
    Execute(history);
    return history;
  }

 private:
  int Draw(int below) {
    return static_cast<int>(random_() % static_cast<unsigned>(below));
  }
  static constexpr const char* kNasty[] = {"",
                                           "",
                                           "0",
                                           "-0",
                                           "-",
                                           "+1",
                                           "007",
                                           " 1",
                                           "9223372036854775807",
                                           "00000000000000000000012",
                                           "9223372036854775808",
                                           "x"};
  bool Percent(int percent) { return Draw(100) < percent; }
  std::string Text() {
    if (shape_.unique_values) return "v" + std::to_string(++values_);
    if (shape_.nasty_values)
      return kNasty[Draw(static_cast<int>(std::size(kNasty)))];
    return std::string(1, static_cast<char>('1' + Draw(3)));
  }
  std::string Key() {
    return std::string(1, static_cast<char>('a' + Draw(shape_.keys)));
  }

  void DrawArgument(const Argument& argument, Action& action) {
    switch (argument.member) {
      case Argument::Member::kKey: break;
      case Argument::Member::kExpected:
        action.old = shape_.unique_values ? last_value_ : Text();
        break;
      case Argument::Member::kValue:
        action.value = argument.form == Argument::Form::kValue ? Text()
                       : Percent(50)                           ? ""
                                     : std::string(1, 'c');
        break;
      case Argument::Member::kNumber:
        action.number =
            Draw(3) + (argument.form == Argument::Form::kNumber ? 1 : 0);
        break;
    }
  }

  Action Draw() {
    int total = 0;
    for (const int weight : shape_.weights) total += weight;
    int choice = Draw(total);
    std::size_t function = 0;
    while (choice >= shape_.weights[function]) {
      choice -= shape_.weights[function++];
    }
    Action action{.function = kClientOperations[function], .key = Key()};
    for (const Argument& argument : RowOf(action.function).arguments) {
      DrawArgument(argument, action);
    }
    if (!action.value.empty() && Percent(50)) last_value_ = action.value;
    return action;
  }

  void Execute(History& history) {
    std::vector<std::size_t> order(history.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {},
                             [&](std::size_t i) { return moments_[i]; });
    Map map;
    for (const std::size_t i : order) {
      Operation& operation = history[i];
      const bool unknown = Percent(shape_.unknown_percent);
      if (unknown) operation.ret = kNever;
      if (unknown && Percent(50)) continue;
      for (Action& action : operation.actions) action = Apply(action, map);
    }
  }

  Shape shape_;
  std::mt19937 random_;
  std::vector<std::int64_t> moments_;
  int values_ = 0;
  std::string last_value_;
};

// Can the operations that are not in `done` follow on `map`?
bool Extends(const History& history, std::vector<bool>& done, const Map& map) {
  std::int64_t first_return = kNever;
  bool all_known_done = true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (done[i]) continue;
    first_return = std::min(first_return, history[i].ret);
    all_known_done &= history[i].unknown();
  }
  if (all_known_done) return true;
  for (std::size_t i = 0; i < history.size(); ++i) {
    const Operation& operation = history[i];
    if (done[i] || operation.call > first_return) continue;
    Map next = map;
    bool fits = true;
    for (const Action& action : operation.actions) {
      const Action told = Apply(action, next);
      fits &= operation.unknown() || SameReply(action, told);
    }
    if (!fits) continue;
    done[i] = true;
    const bool found = Extends(history, done, next);
    done[i] = false;
    if (found) return true;
  }
  return false;
}

}  // namespace

History MakeLinearizable(const Shape& shape, std::uint32_t seed) {
  return Generator(shape, seed).Run();
}

bool ChangeOneReply(History& history, std::mt19937& random) {
  std::vector<Action*> gets;
  std::vector<Action*> others;  // that tell whether they were done
  std::vector<std::string> values = {""};
  for (Operation& operation : history) {
    for (Action& action : operation.actions) {
      if (!action.value.empty()) values.push_back(action.value);
      if (operation.unknown()) continue;
      if (action.function == Function::kGet) gets.push_back(&action);
      if (action.has_ok) others.push_back(&action);
    }
  }
  if (!gets.empty()) {
    Action& get = *gets[random() % gets.size()];
    const Action before = get;
    get.out = values[random() % values.size()];
    get.found = !get.out.empty() || random() % 2 == 0;
    return get.out != before.out || get.found != before.found;
  }
  if (others.empty()) return false;
  Action& other = *others[random() % others.size()];
  other.ok = !other.ok;
  other.has_out = false;
  return true;
}

bool LinearizableByPermutation(const History& history) {
  std::vector<bool> done(history.size());
  return Extends(history, done, {});
}

}  // namespace quorate::lincheck
