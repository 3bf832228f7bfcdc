#include "tests/lincheck/demand.h"

#include <algorithm>

namespace quorate::lincheck {

Demand::Demand(const Component& component)
    : of_operation_(component.operations.size()),
      suffix_lengths_(component.keys.size()) {
  const int size = static_cast<int>(component.operations.size());
  const auto at = [&](int operation) -> const ComponentOperation& {
    return component.operations[static_cast<std::size_t>(operation)];
  };
  for (int i = 0; i < size; ++i) {
    if (at(i).unknown()) continue;
    for (const Step& step : at(i).steps) AddNeeds(i, step);
  }
  for (int i = 0; i < size; ++i) {
    for (const Step& step : at(i).steps) AddProducer(i, step, at(i).unknown());
  }
  ConnectSuffixes();
}

Demand::Counter Demand::NewCounter() {
  counters_.push_back(0);
  return static_cast<Counter>(counters_.size()) - 1;
}

void Demand::Count(int operation, Counter counter) {
  of_operation_[static_cast<std::size_t>(operation)].push_back(counter);
  ++counters_[static_cast<std::size_t>(counter)];
}

void Demand::Change(int operation, int by) {
  for (const Counter counter :
       of_operation_[static_cast<std::size_t>(operation)]) {
    counters_[static_cast<std::size_t>(counter)] += by;
  }
}

bool Demand::MayGo(int key, const Value& value) const {
  const auto found = needed_.find(Where(key, value));
  if (found == needed_.end()) return true;
  const auto any = [&](Counter counter) {
    return counters_[static_cast<std::size_t>(counter)] > 0;
  };
  return !any(found->second.needed_by) ||
         std::ranges::any_of(found->second.produced_by, any);
}

void Demand::AddNeeds(int operation, const Step& step) {
  switch (step.function) {
    case Function::kCas:
      if (step.ok) {
        Need(operation, step.key, step.old, step.old_text);
        return;
      }
      [[fallthrough]];
    case Function::kGet:
      if (step.has_out) Need(operation, step.key, step.out, step.out_text);
      return;
    case Function::kScan:
      for (const Row& row : step.rows) {
        Need(operation, row.key, row.value, row.text);
      }
      return;
    default: return;
  }
}

void Demand::Need(int operation, int key, const Value& value,
                  std::string_view text) {
  const auto [found, added] = needed_.try_emplace(Where(key, value));
  if (added) {
    found->second.needed_by = NewCounter();
    texts_.emplace(Where(key, value), text);
  }
  Count(operation, found->second.needed_by);
}

void Demand::AddProducer(int operation, const Step& step, bool unknown) {
  switch (step.function) {
    case Function::kPut:
      ProduceExactly(operation, step.key, step.value);
      return;
    case Function::kDelete:
      ProduceExactly(operation, step.key, Value());
      return;
    case Function::kCas:
      if (unknown || step.ok) {
        ProduceExactly(operation, step.key, step.value);
      }
      return;
    case Function::kAppend: ProduceSuffix(operation, step); return;
    case Function::kAdd: {
      const auto [found, added] = adds_.try_emplace(step.key, 0);
      if (added) found->second = NewCounter();
      Count(operation, found->second);
      return;
    }
    case Function::kGet:
    case Function::kScan: return;
  }
}

void Demand::ProduceExactly(int operation, int key, const Value& value) {
  const auto found = needed_.find(Where(key, value));
  if (found == needed_.end()) return;  // Nobody asks for it.
  const Counter counter = NewCounter();
  found->second.produced_by.push_back(counter);
  Count(operation, counter);
}

void Demand::ProduceSuffix(int operation, const Step& step) {
  // Appends of very many lengths are not told apart: each may produce all.
  constexpr std::size_t kMostLengths = 32;
  auto& lengths = suffix_lengths_[static_cast<std::size_t>(step.key)];
  const auto length = static_cast<std::size_t>(step.value.length());
  if (length == 0) return;
  if (std::ranges::find(lengths, length) == lengths.end()) {
    if (lengths.size() < kMostLengths) lengths.push_back(length);
  }
  const bool told_apart = std::ranges::find(lengths, length) != lengths.end();
  const auto [found, added] = suffixes_.try_emplace(
      Where(step.key, told_apart ? step.value : Value()), 0);
  if (added) found->second = NewCounter();
  Count(operation, found->second);
}

// Which of the adds and appends could have made each value?
void Demand::ConnectSuffixes() {
  for (auto& [at, needed] : needed_) {
    const int key = std::get<0>(at);
    const std::string_view text = texts_.at(at);
    const auto connect = [&, &producers =
                                 needed.produced_by](const Value& suffix) {
      const auto found = suffixes_.find(Where(key, suffix));
      if (found != suffixes_.end()) producers.push_back(found->second);
    };
    for (const std::size_t length :
         suffix_lengths_[static_cast<std::size_t>(key)]) {
      if (length <= text.size()) {
        connect(Value(text.substr(text.size() - length)));
      }
    }
    connect(Value());
    Value number(text);
    const auto adds = adds_.find(key);
    if (adds != adds_.end() && number.Add(0)) {
      needed.produced_by.push_back(adds->second);
    }
  }
}

}  // namespace quorate::lincheck
