#include "tests/sim/trace.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace quorate::sim {
namespace {

std::string NodeName(int node) { return "r" + std::to_string(node + 1); }

void AppendNumber(const char* label, std::uint64_t number, std::string& line) {
  if (*label == '\0') return;
  line += ' ';
  line += label;
  line += '=' + std::to_string(number);
}

}  // namespace

std::string Format(const TraceEntry& entry) {
  char time[32];
  std::snprintf(time, sizeof time, "%5llu.%06llu",
                static_cast<unsigned long long>(entry.time / 1000000),
                static_cast<unsigned long long>(entry.time % 1000000));
  std::string line = time;
  if (entry.node != kNobody) line += ' ' + NodeName(entry.node);
  line += ' ';
  line += entry.what;
  if (*entry.name != '\0') (line += ' ') += entry.name;
  if (entry.peer != kNobody) line += " from " + NodeName(entry.peer);
  if (entry.instance.slot != 0) line += ' ' + ToString(entry.instance);
  if (!entry.ballot.is_initial()) {
    line += " ballot " + std::to_string(entry.ballot.round()) + "@" +
            NodeName(Index(entry.ballot.owner()));
  }
  if (entry.deps.columns() > 0) line += ' ' + ToString(entry.deps);
  AppendNumber(entry.a_label, entry.a, line);
  AppendNumber(entry.b_label, entry.b, line);
  return line;
}

void Trace::Mix(std::uint64_t value) {
  hash_ = (std::rotl(hash_, 23) ^ value) * 0x9fb21c651e98df25u;
  hash_ ^= hash_ >> 35;
}

void Trace::Note(const TraceEntry& entry) {
  Mix(entry.time);
  for (const char* text : {entry.what, entry.name}) {
    for (const char c : std::string_view(text)) {
      Mix(static_cast<unsigned char>(c));
    }
  }
  Mix(static_cast<std::uint64_t>(entry.node + 1) * 64 +
      static_cast<std::uint64_t>(entry.peer + 1));
  Mix(entry.instance.slot * 16 +
      static_cast<std::uint64_t>(Index(entry.instance.replica)));
  Mix(entry.ballot.number());
  for (const std::uint64_t watermark : entry.deps.watermarks()) Mix(watermark);
  Mix(entry.a);
  Mix(entry.b);
  kept_[count_ % kKept] = entry;
  ++count_;
  if (file_ != nullptr) std::fprintf(file_, "%s\n", Format(entry).c_str());
}

std::vector<std::string> Trace::Tail() const {
  std::vector<std::string> lines;
  const std::uint64_t kept = std::min<std::uint64_t>(count_, kKept);
  for (std::uint64_t i = count_ - kept; i < count_; ++i) {
    lines.push_back(Format(kept_[i % kKept]));
  }
  return lines;
}

}  // namespace quorate::sim
