#include "tests/lincheck/demand.h"

#include <algorithm>

namespace quorate::lincheck {
namespace {

// Longer values are not taken apart: hashing their prefixes would cost more
// than it saves.
constexpr std::size_t kLongText = 256;
// Appends of very many lengths are not told apart.
constexpr std::size_t kMostLengths = 32;

}  // namespace

Demand::Demand(const Component& component)
    : of_operation_(component.operations.size()),
      suffix_lengths_(component.keys.size()),
      open_(component.keys.size()),
      presence_(component.keys.size()) {
  const auto for_steps = [&](auto visit) {
    for (std::size_t i = 0; i < component.operations.size(); ++i) {
      const ComponentOperation& operation = component.operations[i];
      for (const Step& step : operation.steps) {
        visit(static_cast<int>(i), step, operation.unknown());
      }
    }
  };
  // Appends first: they tell how values are taken apart.
  for_steps([&](int i, const Step& step, bool) { AddAppends(i, step); });
  for_steps([&](int i, const Step& step, bool unknown) {
    if (!unknown) AddNeeds(i, step);
  });
  for_steps([&](int i, const Step& step, bool unknown) {
    AddOther(i, step, unknown);
  });
}

void Demand::Change(int operation, int by) {
  const PerOperation& of = of_operation_[static_cast<std::size_t>(operation)];
  for (const int wanted : of.needs) {
    wanted_[static_cast<std::size_t>(wanted)].needed += by;
  }
  for (const int supply : of.supplies) {
    supplies_[static_cast<std::size_t>(supply)].left += by;
  }
}

// ---- what is there to count -------------------------------------------------

void Demand::AddTo(int supply, int operation) {
  of_operation_[static_cast<std::size_t>(operation)].supplies.push_back(supply);
  ++supplies_[static_cast<std::size_t>(supply)].left;
}

int Demand::SupplyAt(absl::flat_hash_map<At, int>& table, const At& at) {
  const auto [found, added] =
      table.try_emplace(at, static_cast<int>(supplies_.size()));
  if (added) supplies_.emplace_back();
  return found->second;
}

void Demand::AddAppends(int operation, const Step& step) {
  const auto length = static_cast<std::size_t>(step.value.length());
  if (HoldsOf(step) != Holds::kList || length == 0) return;
  auto& lengths = suffix_lengths_[static_cast<std::size_t>(step.key)];
  bool known = std::ranges::find(lengths, length) != lengths.end();
  if (!known && lengths.size() < kMostLengths) {
    lengths.push_back(length);
    known = true;
  }
  AddTo(SupplyAt(appends_, Where(step.key, known ? step.value : Value())),
        operation);
}

void Demand::AddNeeds(int operation, const Step& step) {
  if (HoldsOf(step) != Holds::kAnything) {
    // That the value is a number, or short enough, or not. Which number an add
    // finds does not matter; IsUseless keeps all of them.
    const bool asked = HoldsOf(step) == Holds::kList || !step.ok;
    if (step.has_ok && asked) open_[static_cast<std::size_t>(step.key)] = true;
    return;
  }
  switch (step.function) {
    case Function::kCompareAndSet:
      if (step.ok) {
        Need(operation, step.key, step.old, step.old_text);
        return;
      }
      [[fallthrough]];
    case Function::kGet:
      if (step.has_out) {
        Need(operation, step.key, step.out, step.out_text);
      } else {
        // A failed cas that may have found anything but what it expected.
        open_[static_cast<std::size_t>(step.key)] = true;
      }
      return;
    case Function::kScan:
      for (const Row& row : step.rows) {
        Need(operation, row.key, row.value, row.text);
      }
      return;
    case Function::kDelete:
      if (!step.has_ok) return;
      if (step.ok) {
        presence_[static_cast<std::size_t>(step.key)] = true;
      } else {
        Need(operation, step.key, Value(), "");
      }
      return;
    default: return;
  }
}

void Demand::Need(int operation, int key, const Value& value,
                  std::string_view text) {
  const int wanted = WantedAt(key, value, text, 0);
  of_operation_[static_cast<std::size_t>(operation)].needs.push_back(wanted);
  ++wanted_[static_cast<std::size_t>(wanted)].needed;
}

int Demand::WantedAt(int key, const Value& value, std::string_view text,
                     int depth) {
  const auto [found, added] = wanted_at_.try_emplace(
      Where(key, value), static_cast<int>(wanted_.size()));
  if (!added) return found->second;
  const int wanted = found->second;
  wanted_.push_back({.key = key, .value = value});
  ConnectAppends(wanted, text, depth);
  return wanted;
}

void Demand::Connect(int wanted, int supply, int prefix) {
  wanted_[static_cast<std::size_t>(wanted)].makings.push_back({supply, prefix});
  supplies_[static_cast<std::size_t>(supply)].feeds.push_back(wanted);
  if (prefix != kNone) {
    wanted_[static_cast<std::size_t>(prefix)].longer.push_back(wanted);
  }
}

void Demand::ConnectAppends(int wanted, std::string_view text, int depth) {
  const int key = Find(wanted).key;
  const bool follow = depth < kDeep && text.size() <= kLongText;
  for (const std::size_t length :
       suffix_lengths_[static_cast<std::size_t>(key)]) {
    if (length > text.size()) continue;
    const std::size_t rest = text.size() - length;
    const auto found = appends_.find(Where(key, Value(text.substr(rest))));
    if (found == appends_.end()) continue;
    const int prefix = follow ? WantedAt(key, Value(text.substr(0, rest)),
                                         text.substr(0, rest), depth + 1)
                              : kNone;
    Connect(wanted, found->second, prefix);
    if (!follow) open_[static_cast<std::size_t>(key)] = true;
  }
  const auto any = appends_.find(Where(key, Value()));
  if (any != appends_.end() && !text.empty()) {
    Connect(wanted, any->second, kNone);
    open_[static_cast<std::size_t>(key)] = true;
  }
}

// An add makes any number of a key.
void Demand::AddNumbers(int operation, const Step& step) {
  const At at = Where(step.key, Value());
  const bool fresh = !adds_.contains(at);
  const int supply = SupplyAt(adds_, at);
  AddTo(supply, operation);
  if (!fresh) return;
  for (int i = 0; i < static_cast<int>(wanted_.size()); ++i) {
    if (Find(i).key == step.key && Find(i).value.number().has_value()) {
      Connect(i, supply, kNone);
    }
  }
}

void Demand::AddOther(int operation, const Step& step, bool unknown) {
  if (HoldsOf(step) == Holds::kNumber) return AddNumbers(operation, step);
  switch (step.function) {
    case Function::kCompareAndSet:
      if (!unknown && !step.ok) return;
      // It is used by an unknown cas that finds what it expected.
      if (unknown) WantedAt(step.key, step.old, step.old_text, 0);
      [[fallthrough]];
    case Function::kPut:
    case Function::kDelete: {
      // A delete's `value` is "".
      const At at = Where(step.key, step.value);
      const auto wanted = wanted_at_.find(at);
      if (wanted == wanted_at_.end()) return;  // Nobody asks for it.
      const bool fresh = !puts_.contains(at);
      const int supply = SupplyAt(puts_, at);
      if (fresh) Connect(wanted->second, supply, kNone);
      AddTo(supply, operation);
      return;
    }
    default: return;
  }
}

// ---- what can still come about ----------------------------------------------

bool Demand::CanBeMet(int operation, const MapState& state,
                      std::size_t mark) const {
  for (const auto& [key, value] : state.OverwrittenSince(mark)) {
    const auto found = wanted_at_.find(Where(key, value));
    if (found != wanted_at_.end() && !Fine(found->second, state, 0)) {
      return false;
    }
  }
  for (const int supply :
       of_operation_[static_cast<std::size_t>(operation)].supplies) {
    if (Get(supply).left > 0) continue;
    for (const int wanted : Get(supply).feeds) {
      if (!Fine(wanted, state, 0)) return false;
    }
  }
  return true;
}

bool Demand::IsUseless(const MapState& state, std::size_t mark) const {
  return std::ranges::none_of(
      state.OverwrittenSince(mark), [&](const std::pair<int, Value>& written) {
        const int key = written.first;
        const Value& value = state.value(key);
        // Missing is what scans see by leaving a key out, and where adds begin;
        // "" is where they end.
        if (open_[static_cast<std::size_t>(key)] || value.empty()) return true;
        const bool appears = written.second.missing();
        if (appears && presence_[static_cast<std::size_t>(key)]) return true;
        if (wanted_at_.contains(Where(key, value))) return true;
        return adds_.contains(Where(key, Value())) &&
               value.number().has_value();
      });
}

// Is the value, and is every value built on it, attainable if it is needed?
bool Demand::Fine(int wanted, const MapState& state, int depth) const {
  if (Attainable(wanted, state, 0)) return true;
  if (Find(wanted).needed > 0) return false;
  if (depth == kFollowed) return true;
  return std::ranges::all_of(Find(wanted).longer, [&](int longer) {
    return Fine(longer, state, depth + 1);
  });
}

bool Demand::Attainable(int wanted, const MapState& state, int depth) const {
  const Wanted& value = Find(wanted);
  if (depth > kFollowed || SameText(state.value(value.key), value.value)) {
    return true;
  }
  return std::ranges::any_of(value.makings, [&](const Making& making) {
    return Get(making.supply).left > 0 &&
           (making.prefix == kNone ||
            Attainable(making.prefix, state, depth + 1));
  });
}

}  // namespace quorate::lincheck
