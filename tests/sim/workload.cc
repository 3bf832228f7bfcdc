#include "tests/sim/workload.h"

#include <array>

namespace quorate::sim {
namespace {

constexpr std::array<const char*, 2> kRegisters = {"a", "b"};
constexpr const char* kCounter = "n";

}  // namespace

std::string Workload::GroupName(int group) {
  return {'g', static_cast<char>('0' + group / 10),
          static_cast<char>('0' + group % 10), '/'};
}

std::vector<std::string> Workload::Keys() const {
  std::vector<std::string> keys;
  for (int group = 0; group < plan_.groups; ++group) {
    for (const char* name : kRegisters) keys.push_back(GroupName(group) + name);
    keys.push_back(GroupName(group) + kCounter);
  }
  return keys;
}

OperationKind Workload::DrawKind(bool scans) {
  const auto weight = [&](OperationKind kind) {
    const bool is_scan = kind == OperationKind::kScan;
    return is_scan && !scans ? 0
                             : plan_.weights[static_cast<std::size_t>(kind)];
  };
  int total = 0;
  for (const OperationKind kind : kClientOperations) total += weight(kind);
  int chosen = random_.Pick(total);
  for (const OperationKind kind : kClientOperations) {
    chosen -= weight(kind);
    if (chosen < 0) return kind;
  }
  return OperationKind::kGet;
}

OwnedOperation Workload::DrawOperation(const std::string& group,
                                       OperationKind kind,
                                       const std::string& tag,
                                       const Seen& seen) {
  OwnedOperation operation{.kind = kind};
  const OperationRow& row = RowOf(kind);
  const bool counter = row.holds == Holds::kNumber ||
                       (kind == OperationKind::kGet && random_.Chance(300)) ||
                       (kind == OperationKind::kDelete && random_.Chance(100));
  operation.key = group + (counter ? kCounter : random_.OneOf(kRegisters));
  if (row.reach == Reach::kRange) {
    operation.key = group;
    operation.value = group + "~";
    operation.number = static_cast<std::int64_t>(random_.Between(1, 5));
    return operation;
  }
  if (CarriesValue(kind)) {
    operation.value = row.holds == Holds::kList ? tag + ";" : tag;
  }
  if (FindArgument(row, Argument::Member::kExpected) != nullptr) {
    const auto found = seen.find(operation.key);
    if (found != seen.end() && random_.Chance(900)) {
      operation.expected = found->second;
    }
  }
  if (FindArgument(row, Argument::Member::kNumber) != nullptr) {
    operation.number = static_cast<std::int64_t>(random_.Below(1000)) - 300;
  }
  return operation;
}

std::vector<OwnedOperation> Workload::Draw(const std::string& tag,
                                           const Seen& seen) {
  const int group =
      random_.Chance(plan_.hot_permille) ? 0 : random_.Pick(plan_.groups);
  const std::string name = GroupName(group);
  if (!random_.Chance(plan_.multi_permille)) {
    return {DrawOperation(name, DrawKind(/*scans=*/true), tag, seen)};
  }
  std::vector<OwnedOperation> operations;
  const int count = static_cast<int>(random_.Between(2, 4));
  for (int i = 0; i < count; ++i) {
    operations.push_back(DrawOperation(name, DrawKind(/*scans=*/false),
                                       tag + "." + std::to_string(i), seen));
  }
  return operations;
}

}  // namespace quorate::sim
