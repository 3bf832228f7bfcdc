#include "tests/lincheck/component.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "absl/container/flat_hash_set.h"
#include "wire/meaning.h"

namespace quorate::lincheck {
namespace {

// ---- groups -----------------------------------------------------------------

class UnionFind {
 public:
  explicit UnionFind(std::size_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t Find(std::size_t item) {
    while (parent_[item] != item) item = parent_[item] = parent_[parent_[item]];
    return item;
  }
  void Join(std::size_t a, std::size_t b) { parent_[Find(a)] = Find(b); }

 private:
  std::vector<std::size_t> parent_;
};

class KeyTable {
 public:
  explicit KeyTable(std::vector<std::string> keys) : keys_(std::move(keys)) {
    std::ranges::sort(keys_);
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
  }
  const std::vector<std::string>& keys() const { return keys_; }
  // The first key that is not before `key`.
  std::size_t From(const std::string& key) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(keys_, key) -
                                    keys_.begin());
  }
  // Keys that decide what the scan gives: [first, second).
  std::pair<std::size_t, std::size_t> Range(const Action& scan) const {
    const std::size_t first = From(scan.key);
    std::size_t end = scan.value.empty() ? keys_.size() : From(scan.value);
    const bool full = static_cast<std::int64_t>(scan.rows.size()) >=
                      ScanLimits(scan.number).rows_left();
    if (full && !scan.rows.empty()) {
      end = std::min(end, From(scan.rows.back().first) + 1);
    }
    return {first, std::max(first, end)};
  }

 private:
  std::vector<std::string> keys_;
};

KeyTable AllKeys(const History& history) {
  std::vector<std::string> keys;
  for (const Operation& operation : history) {
    for (const Action& action : operation.actions) {
      if (action.function != Function::kScan) keys.push_back(action.key);
      for (const auto& row : action.rows) keys.push_back(row.first);
    }
  }
  return KeyTable(std::move(keys));
}

bool SaysSomething(const Operation& operation, const Action& action) {
  if (action.function != Function::kScan) return true;
  return !operation.unknown() && action.has_out;
}

// Calls `visit(first, end)` for the ranges of keys the operation touches.
template <typename Visit>
void ForKeys(const KeyTable& table, const Operation& operation, Visit visit) {
  for (const Action& action : operation.actions) {
    if (!SaysSomething(operation, action)) continue;
    if (action.function == Function::kScan) {
      const auto [first, end] = table.Range(action);
      visit(first, end);
      // Also what should not be there.
      for (const auto& row : action.rows) {
        const std::size_t key = table.From(row.first);
        visit(key, key + 1);
      }
    } else {
      const std::size_t key = table.From(action.key);
      visit(key, key + 1);
    }
  }
}

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// The first key the operation touches, after joining all of them.
std::size_t JoinKeys(const KeyTable& table, const Operation& operation,
                     UnionFind& sets) {
  std::size_t anchor = kNone;
  ForKeys(table, operation, [&](std::size_t first, std::size_t end) {
    for (std::size_t key = first; key < end; ++key) {
      if (anchor == kNone) anchor = key;
      sets.Join(anchor, key);
    }
  });
  return anchor;
}

// ---- steps ------------------------------------------------------------------

Step MakeStep(const KeyTable& table, const Action& action) {
  Step step{.function = action.function,
            .has_out = action.has_out,
            .blank = action.has_out && action.out.empty() &&
                     !action.found.has_value(),
            .has_ok = action.has_ok,
            .ok = action.ok,
            .number = action.number,
            .value = action.function == Function::kDelete ? Value()
                                                          : Value(action.value),
            .old = Value(action.old),
            .out = action.found == false ? Value() : Value(action.out),
            .old_text = action.old,
            .out_text = action.out};
  if (action.function != Function::kScan) {
    step.key = static_cast<int>(table.From(action.key));
    return step;
  }
  const auto [first, end] = table.Range(action);
  step.key = static_cast<int>(first);
  step.end_key = static_cast<int>(end);
  for (const auto& [key, value] : action.rows) {
    step.rows.push_back({.key = static_cast<int>(table.From(key)),
                         .value = Value(value),
                         .text = value});
  }
  return step;
}

// What is known to have failed has changed nothing.
bool Observes(const Step& step) {
  return IsReadOnly(step.function) || (step.has_ok && !step.ok);
}

bool Replaces(const Step& step) {
  return HoldsOf(step) != Holds::kList && !Observes(step);
}

ComponentOperation MakeOperation(const KeyTable& table,
                                 const Operation& operation,
                                 const Selected& selected, std::int64_t until) {
  ComponentOperation made{.index = selected.index,
                          .call = operation.call,
                          .ret = operation.ret,
                          .hint = operation.hint};
  if (made.ret > until) made.ret = kNever;
  if (selected.loose) {
    made.call = std::numeric_limits<std::int64_t>::min();
    made.ret = kNever;
  }
  for (const Action& action : operation.actions) {
    if (SaysSomething(operation, action)) {
      made.steps.push_back(MakeStep(table, action));
    }
  }
  for (Step& step : made.steps) {
    const bool asked =
        !selected.silent || step.function == Function::kCompareAndSet;
    step.has_ok = step.has_ok && asked && !made.unknown();
  }
  made.observer = std::ranges::all_of(made.steps, Observes);
  made.replaces = std::ranges::any_of(made.steps, Replaces);
  return made;
}

// ---- replies that cannot be wrong -------------------------------------------

// What is ever written to a key, in any order.
struct Written {
  bool text = false;        // something that may be no number
  std::uint64_t bytes = 0;  // at most, with all appends
};

std::vector<Written> FindWritten(
    std::size_t keys, const std::vector<ComponentOperation>& operations) {
  constexpr std::uint64_t kDigits = 20;  // of a number that add writes
  std::vector<Written> written(keys, {.bytes = kDigits});
  std::vector<std::uint64_t> longest(keys);
  for (const ComponentOperation& operation : operations) {
    for (const Step& step : operation.steps) {
      const auto key = static_cast<std::size_t>(step.key);
      if (HoldsOf(step) == Holds::kList) {
        written[key].text = true;
        written[key].bytes += step.value.length();
      } else if (CarriesValue(step.function)) {
        written[key].text |= !step.value.number().has_value();
        longest[key] = std::max(longest[key], step.value.length());
      }
    }
  }
  for (std::size_t key = 0; key < keys; ++key)
    written[key].bytes += longest[key];
  return written;
}

// An add to what is always a number says nothing by having been done, nor does
// an append to what is never too long; without a reply they have more twins.
void DropIdleReplies(Component& component) {
  const std::vector<Written> written =
      FindWritten(component.keys.size(), component.operations);
  for (ComponentOperation& operation : component.operations) {
    for (Step& step : operation.steps) {
      if (!step.has_ok || !step.ok) continue;
      const Written& of_key = written[static_cast<std::size_t>(step.key)];
      const bool idle =
          (HoldsOf(step) == Holds::kNumber && !of_key.text) ||
          (HoldsOf(step) == Holds::kList && of_key.bytes <= kMaxValueBytes);
      if (idle) step.has_ok = false;
    }
  }
}

// ---- unknown operations that cannot matter ----------------------------------

// Is every operation one get, put, delete or cas, and does each failed cas say
// what it found? Then an unknown write matters only through its value.
bool OnlyValuesMatter(const std::vector<ComponentOperation>& operations) {
  return std::ranges::all_of(operations, [](const ComponentOperation& o) {
    if (o.steps.size() != 1) return false;
    const Step& step = o.steps.front();
    switch (step.function) {
      case Function::kGet:
      case Function::kPut: return true;
      // Else it sees whether the key was there, whatever its value.
      case Function::kDelete: return !step.has_ok;
      case Function::kCompareAndSet:
        return o.unknown() || step.ok || step.has_out;
      default: return false;
    }
  });
}

// Drops unknown writes of values that nobody read or expected: where one of
// them could stand in a valid order, the order without it is valid too.
void DropUselessUnknowns(std::vector<ComponentOperation>& operations) {
  if (!OnlyValuesMatter(operations)) return;
  absl::flat_hash_set<std::uint64_t> seen;
  for (const ComponentOperation& operation : operations) {
    const Step& step = operation.steps.front();
    if (step.function == Function::kCompareAndSet) seen.insert(step.old.hash());
    if (step.has_out && !operation.unknown()) seen.insert(step.out.hash());
  }
  std::erase_if(operations, [&](const ComponentOperation& operation) {
    // A delete's value is "", whose hash is 0, and that of a missing key.
    return operation.unknown() &&
           !seen.contains(operation.steps.front().value.hash());
  });
}

// ---- prefixes ---------------------------------------------------------------

// Gives each lone get of a key with appends the hashes of its prefixes. Values
// that grow share one table: a value that extends a recent one continues it.
void AddPrefixes(const History& history, Component& component) {
  constexpr std::size_t kRecent = 8;
  if (component.keys.size() != 1) return;
  const auto appends = [](const ComponentOperation& operation) {
    return std::ranges::any_of(operation.steps, [](const Step& step) {
      return HoldsOf(step) == Holds::kList;
    });
  };
  if (std::ranges::none_of(component.operations, appends)) return;
  for (ComponentOperation& operation : component.operations) {
    if (operation.steps.size() != 1 || operation.unknown()) continue;
    if (history[operation.index].actions.size() != 1) continue;
    const Step& step = operation.steps.front();
    if (step.function != Function::kGet) continue;
    auto& tables = component.prefixes;
    std::size_t i = tables.size();
    const std::size_t oldest = i > kRecent ? i - kRecent : 0;
    const std::string& text = history[operation.index].actions.front().out;
    std::uint64_t hash = 0;
    std::vector<std::uint64_t> own{0};
    own.reserve(text.size() + 1);
    for (const char c : text) own.push_back(hash = HashByte(hash, c));
    const auto agree = [&](const PrefixHashes& table) {
      const std::size_t common = std::min(table.size(), own.size()) - 1;
      return table[common] == own[common];
    };
    while (i > oldest && !agree(tables[i - 1])) --i;
    if (i == oldest) {
      tables.push_back(std::move(own));
      i = tables.size();
    } else if (own.size() > tables[i - 1].size()) {
      tables[i - 1] = std::move(own);
    }
    operation.prefixes = static_cast<int>(i - 1);
  }
}

}  // namespace

std::vector<Group> SplitIntoGroups(const History& history) {
  const KeyTable table = AllKeys(history);
  UnionFind sets(table.keys().size());
  std::vector<std::size_t> anchors;
  anchors.reserve(history.size());
  for (const Operation& operation : history) {
    anchors.push_back(JoinKeys(table, operation, sets));
  }
  // In the order of each component's first key.
  std::vector<std::size_t> group_of(table.keys().size(), kNone);
  std::vector<Group> groups;
  for (std::size_t key = 0; key < table.keys().size(); ++key) {
    std::size_t& group = group_of[sets.Find(key)];
    if (group == kNone) {
      group = groups.size();
      groups.emplace_back();
    }
    groups[group].keys.push_back(table.keys()[key]);
  }
  for (std::size_t i = 0; i < history.size(); ++i) {
    // A scan of a range that no operation has a key in says nothing.
    if (anchors[i] == kNone) continue;
    groups[group_of[sets.Find(anchors[i])]].operations.push_back({.index = i});
  }
  return groups;
}

Component MakeComponent(const History& history, const Group& group,
                        std::int64_t until) {
  const KeyTable table(group.keys);
  Component component{.keys = table.keys()};
  for (const Selected& selected : group.operations) {
    const Operation& operation = history[selected.index];
    if (operation.call > until) continue;
    ComponentOperation made = MakeOperation(table, operation, selected, until);
    // An observer that heard nothing says nothing.
    if (made.unknown() && made.observer) continue;
    component.operations.push_back(std::move(made));
  }
  DropIdleReplies(component);
  DropUselessUnknowns(component.operations);
  std::ranges::stable_sort(component.operations, {}, &ComponentOperation::call);
  AddPrefixes(history, component);
  return component;
}

}  // namespace quorate::lincheck
