#include "tests/lincheck/table.h"

#include <algorithm>

namespace quorate::lincheck {
namespace {

// Wider bars would break lines; then the times have to do.
constexpr std::size_t kMostRanks = 60;

std::vector<std::int64_t> Ranks(const History& history,
                                const std::vector<std::size_t>& operations) {
  std::vector<std::int64_t> times;
  for (const std::size_t index : operations) {
    times.push_back(history[index].call);
    times.push_back(history[index].ret);
  }
  std::ranges::sort(times);
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

std::string Bar(const Operation& operation,
                const std::vector<std::int64_t>& ranks) {
  const auto rank = [&](std::int64_t time) {
    return static_cast<std::size_t>(std::ranges::lower_bound(ranks, time) -
                                    ranks.begin());
  };
  const std::size_t begin = rank(operation.call);
  const std::size_t end = rank(operation.ret);
  std::string bar(ranks.size(), ' ');
  std::fill(bar.begin() + static_cast<std::ptrdiff_t>(begin),
            bar.begin() + static_cast<std::ptrdiff_t>(end) + 1, '-');
  bar[begin] = '|';
  bar[end] = operation.unknown() ? '?' : '|';
  return bar;
}

std::string Describe(const Operation& operation) {
  std::string text;
  for (const Action& action : operation.actions) {
    if (!text.empty()) text += "; ";
    text += action.key + ": " + Describe(action, operation.unknown());
  }
  return text;
}

void PadTo(std::size_t width, std::string& text) {
  if (text.size() < width) text.append(width - text.size(), ' ');
}

}  // namespace

std::string DrawTable(const History& history,
                      const std::vector<std::size_t>& operations) {
  const std::vector<std::int64_t> ranks = Ranks(history, operations);
  std::vector<std::vector<std::string>> rows = {
      {"line", "client", "call", "return", "", "operation"}};
  for (const std::size_t index : operations) {
    const Operation& operation = history[index];
    rows.push_back({std::to_string(operation.line),
                    std::to_string(operation.client),
                    std::to_string(operation.call),
                    operation.unknown() ? "?" : std::to_string(operation.ret),
                    ranks.size() <= kMostRanks ? Bar(operation, ranks) : "",
                    Describe(operation)});
  }
  std::string table;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      std::size_t width = 0;
      for (const auto& other : rows) {
        width = std::max(width, other[column].size());
      }
      std::string cell = row[column];
      if (column + 1 < row.size()) PadTo(width + 2, cell);
      line += cell;
    }
    table += "  " + line + "\n";
  }
  return table;
}

}  // namespace quorate::lincheck
