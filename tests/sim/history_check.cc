#include "tests/sim/history_check.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tests/lincheck/check.h"
#include "tests/lincheck/history.h"
#include "tests/sim/random.h"

namespace quorate::sim {
namespace {

// An honest history of this size needs some thousands. Not a time: what a seed
// finds must not depend on how busy the machine is.
constexpr std::uint64_t kMostConfigurations = 10'000'000;
constexpr std::uint64_t kMostWithScans = 2'000'000;
// Of real time, the only use of it here: how small a violation is made.
constexpr double kShrinkSeconds = 2;

lincheck::Action ActionOf(const OwnedOperation& operation,
                          const OperationResult* result) {
  lincheck::Action action{.function = operation.kind,
                          .key = operation.key,
                          .value = operation.value,
                          .old = operation.expected,
                          .number = operation.number};
  if (result == nullptr) return action;
  action.ok = result->status == OperationStatus::kOk;
  const Gives gives = RowOf(operation.kind).gives;
  action.has_ok = gives == Gives::kWhether || gives == Gives::kWhetherOrValue;
  if (gives == Gives::kValue) action.found = action.ok;
  action.has_out = gives == Gives::kValue || gives == Gives::kRows ||
                   (gives == Gives::kWhetherOrValue && !action.ok);
  if (action.has_out && gives != Gives::kRows) action.out = result->value;
  action.rows = result->rows;
  // With room for one more row the scan would have given no more.
  if (gives == Gives::kRows && result->value.empty()) {
    action.number = static_cast<std::int64_t>(result->rows.size()) + 1;
  }
  return action;
}

bool Writes(const OwnedOperation& operation) {
  return operation.kind != OperationKind::kGet &&
         operation.kind != OperationKind::kScan;
}

// What it did is known, as of some moment, though not what it gave. Whether a
// cas did anything is part of what it gives.
bool WroteForCertain(const HistoryEntry& entry) {
  return std::ranges::any_of(entry.operations, Writes) &&
         std::ranges::none_of(entry.operations, [](const OwnedOperation& each) {
           return each.kind == OperationKind::kCompareAndSet;
         });
}

lincheck::History Convert(const std::vector<HistoryEntry>& entries,
                          std::span<const CommandId> executed = {}) {
  std::map<CommandId, std::int64_t> places;
  for (const CommandId id : executed) {
    places.emplace(id, static_cast<std::int64_t>(places.size()));
  }
  lincheck::History history;
  for (const HistoryEntry& entry : entries) {
    using Outcome = HistoryEntry::Outcome;
    if (entry.outcome == Outcome::kRefused) continue;
    const bool done = entry.outcome == Outcome::kDone;
    const bool wrote =
        entry.outcome == Outcome::kExecuted && WroteForCertain(entry);
    lincheck::Operation& operation = history.emplace_back();
    operation.client = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(entry.id.client) >> 1);
    operation.call = static_cast<std::int64_t>(entry.call);
    if (done || wrote) {
      operation.ret = static_cast<std::int64_t>(entry.reply);
    }
    operation.line = history.size();
    const auto place = places.find(entry.id);
    if (place != places.end()) operation.hint = place->second;
    for (std::size_t i = 0; i < entry.operations.size(); ++i) {
      if (wrote && !Writes(entry.operations[i])) continue;
      operation.actions.push_back(
          ActionOf(entry.operations[i], done ? &entry.results[i] : nullptr));
    }
  }
  return history;
}

// "1204517..1209999 put g00/a \"v17\"; get g00/b -> \"v3\"".
std::string Describe(const lincheck::Operation& operation) {
  std::string text = std::to_string(operation.call) + "..";
  text += operation.unknown() ? "?" : std::to_string(operation.ret);
  for (const lincheck::Action& action : operation.actions) {
    text += "  " + action.key + ": " +
            lincheck::Describe(action, operation.unknown());
  }
  return text;
}

// Keys and values of a simulation need no escapes.
std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

std::string ToJson(const lincheck::Action& action, Argument::Member member) {
  switch (member) {
    case Argument::Member::kKey: return Quoted(action.key);
    case Argument::Member::kValue: return Quoted(action.value);
    case Argument::Member::kExpected: return Quoted(action.old);
    case Argument::Member::kNumber: break;
  }
  return std::to_string(action.number);
}

std::string ToJson(const lincheck::Action& action) {
  const OperationRow& row = RowOf(action.function);
  std::string text = "{\"f\":" + Quoted(std::string(row.word));
  for (const Argument& argument : row.arguments) {
    text += "," + Quoted(std::string(argument.history)) + ":" +
            ToJson(action, argument.member);
  }
  if (action.has_ok) text += action.ok ? ",\"ok\":true" : ",\"ok\":false";
  if (action.found.has_value() && action.out.empty()) {
    text += *action.found ? ",\"found\":true" : ",\"found\":false";
  }
  if (row.gives == Gives::kRows) {
    text += ",\"out\":[";
    for (const auto& [key, value] : action.rows) {
      if (text.back() == ']') text += ',';
      text += "[" + Quoted(key) + "," + Quoted(value) + "]";
    }
    text += "]";
  } else if (action.has_out) {
    text += ",\"out\":" + Quoted(action.out);
  }
  return text + "}";
}

lincheck::History WithoutScans(lincheck::History history) {
  for (lincheck::Operation& operation : history) {
    std::erase_if(operation.actions, [](const lincheck::Action& action) {
      return RowOf(action.function).gives == Gives::kRows;
    });
  }
  std::erase_if(history, [](const lincheck::Operation& operation) {
    return operation.actions.empty();
  });
  return history;
}

lincheck::CheckReport Search(const lincheck::History& history,
                             std::uint64_t configurations) {
  return lincheck::CheckHistory(history, {.max_configurations = configurations,
                                          .shrink_seconds = kShrinkSeconds});
}

}  // namespace

// A scan joins all keys of its range to one search. Where that is too much,
// what scans gave is not judged, and keys are again judged one by one.
std::string CheckLinearizable(const std::vector<HistoryEntry>& entries,
                              std::span<const CommandId> executed) {
  lincheck::History history = Convert(entries, executed);
  lincheck::CheckReport report = Search(history, kMostWithScans);
  if (report.outcome == lincheck::Outcome::kUndecided) {
    history = WithoutScans(std::move(history));
    report = Search(history, kMostConfigurations);
  }
  std::string keys;
  for (const std::string& key : report.keys) keys += " " + key;
  switch (report.outcome) {
    case lincheck::Outcome::kLinearizable: return "";
    case lincheck::Outcome::kViolation: break;
    case lincheck::Outcome::kUndecided:
      return "undecided, too much to search at" + keys;
    case lincheck::Outcome::kDisagreement:
      return "the two checkers disagree at" + keys;
    case lincheck::Outcome::kNoSuchKey: return "no such key";
  }
  std::string text = "no order explains, at" + keys + ":";
  for (const std::size_t index : report.smallest) {
    text += "\n    " + Describe(history[index]);
  }
  return text;
}

void WriteHistory(const std::vector<HistoryEntry>& entries, std::FILE* file) {
  for (const lincheck::Operation& operation : Convert(entries)) {
    std::string line = "{\"c\":" + std::to_string(operation.client) +
                       ",\"call\":" + std::to_string(operation.call);
    line += operation.unknown() ? ",\"unknown\":true"
                                : ",\"ret\":" + std::to_string(operation.ret);
    line += ",\"ops\":[";
    for (const lincheck::Action& action : operation.actions) {
      if (line.back() == '}') line += ',';
      line += ToJson(action);
    }
    std::fprintf(file, "%s]}\n", line.c_str());
  }
}

std::uint64_t Digest(const std::vector<HistoryEntry>& history) {
  std::uint64_t digest = history.size();
  const auto mix = [&digest](std::uint64_t value) {
    std::uint64_t state = digest ^ value;
    digest = SplitMix64(state);
  };
  for (const HistoryEntry& entry : history) {
    mix(entry.call);
    mix(entry.reply);
    mix(static_cast<std::uint64_t>(entry.outcome));
    for (const OwnedOperation& operation : entry.operations) {
      mix(HashKey(operation.key));
      mix(HashKey(operation.value));
    }
    for (const OperationResult& result : entry.results) {
      mix(static_cast<std::uint64_t>(result.status));
      mix(HashKey(result.value));
      for (const auto& [key, value] : result.rows) {
        mix(HashKey(key));
        mix(HashKey(value));
      }
    }
  }
  return digest;
}

}  // namespace quorate::sim
