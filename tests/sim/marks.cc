#include "tests/sim/marks.h"

#include "absl/strings/str_format.h"

namespace quorate::sim {
namespace {

constexpr std::array<std::string_view, kMarks> kNames = {
    "fast commit",
    "slow commit",
    "recovered commands",
    "recovered noop",
    "later ballot",
    "unknown payload",
    "refusal",
    "missing payload",
    "repetition",
    "proposed again",
    "busy",
    "session expired",
    "expired command",
    "given up",
    "withdrawn",
    "late command",
    "result too large",
    "result gone",
    "cycle",
    "crash in turn",
    "crash unsynced",
    "crash lost records",
    "crash kept records",
    "sync failed",
    "crash of leader",
    "crash of depsvc node",
    "crash of acceptor",
    "crash of executor",
    "crash of log leader",
    "crash of log follower",
    "lost reservation",
    "lost answer",
    "lost vote",
    "lost promise",
    "lost decision",
    "checkpoint",
    "checkpoint interrupted",
    "restart from checkpoint",
    "journal truncated",
    "floor raised",
    "left out",
    "floor held back",
    "relayed",
    "told truncated",
    "snapshot read",
    "snapshot installed",
    "snapshot interrupted",
    "store: cut in write",
    "store: power cut",
    "store: killed",
    "store: sync failed",
    "store: group lost",
    "store: group kept",
    "store: cut in recovery",
    "store: chunk read",
    "store: truncated",
    "power of all",
    "power of leader",
    "power of depsvc node",
    "power of acceptor",
    "power of executor",
    "power of log leader",
    "power of log follower",
};
constexpr std::size_t kColumns = 3;

}  // namespace

std::string Marks::NameOf(std::size_t index) {
  if (index < kMarks) return std::string(kNames[index]);
  const auto rule = static_cast<epaxos::RecoveryRule>(index - kMarks);
  return "rule " + std::string(epaxos::Name(rule));
}

std::string Marks::Table() const {
  std::string table;
  const std::size_t rows = (kAll + kColumns - 1) / kColumns;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t at = row; at < kAll; at += rows) {
      absl::StrAppendFormat(&table, "  %-24s%8d", NameOf(at), counts_[at]);
    }
    table += '\n';
  }
  return table;
}

}  // namespace quorate::sim
