#include "tests/lincheck/twins.h"

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace quorate::lincheck {
namespace {

void Add(std::string& key, std::uint64_t number) {
  key.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void Add(std::string& key, const Value& value) {
  Add(key, value.hash());
  Add(key, value.length());
  Add(key, value.missing() ? 1 : 0);
}

// Of which a history tells something that could be wrong.
bool HasReply(const Step& step) {
  return IsReadOnly(step.function) || step.has_ok;
}

void AddReply(std::string& key, const Step& step) {
  Add(key, step.ok ? 1 : 0);
  Add(key, step.has_out ? 1 : 0);
  Add(key, step.blank ? 1 : 0);
  Add(key, step.out);
  for (const Row& row : step.rows) {
    Add(key, static_cast<std::uint64_t>(row.key));
    Add(key, row.value);
  }
}

// Equal for twins and only for them: all that MapState::Apply looks at.
std::string KeyOf(const ComponentOperation& operation) {
  std::string key;
  for (const Step& step : operation.steps) {
    Add(key, static_cast<std::uint64_t>(step.function));
    Add(key, static_cast<std::uint64_t>(step.key));
    Add(key, static_cast<std::uint64_t>(step.end_key));
    Add(key, static_cast<std::uint64_t>(step.number));
    Add(key, step.value);
    Add(key, step.old);
    const bool heard = HasReply(step) && !operation.unknown();
    Add(key, heard ? 1 : 0);
    if (heard) AddReply(key, step);
  }
  return key;
}

}  // namespace

std::vector<int> FindTwins(const Component& component) {
  absl::flat_hash_map<std::string, std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < component.operations.size(); ++i) {
    // What changes nothing is taken as soon as it fits, twin or not.
    if (component.operations[i].observer) continue;
    sets[KeyOf(component.operations[i])].push_back(i);
  }
  std::vector<int> twins(component.operations.size(), kNoTwin);
  int number = 0;
  for (const auto& [key, members] : sets) {
    if (members.size() < 2) continue;
    for (const std::size_t i : members) twins[i] = number;
    ++number;
  }
  return twins;
}

}  // namespace quorate::lincheck
