// Answers: what happened, and was it the same as last time?
//
// Every delivery, decision, reply and fault of a run is noted here as one plain
// entry. All entries go into one hash, by which two runs of a seed are
// compared; the last ones are kept for the report of a failure; a file, if
// given, gets each as one readable line. Entries are formatted only when
// somebody reads them: noting one allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/sim/event_queue.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate::sim {

inline constexpr int kNobody = -1;

struct TraceEntry {
  Micros time = 0;
  // A literal: what happened ("deliver", "commit", "crash", ...).
  const char* what = "";
  // A literal: the message's or record's name; may be empty.
  const char* name = "";
  int node = kNobody;
  int peer = kNobody;  // the sender of a message, the peer of a fault
  InstanceId instance;
  Ballot ballot;
  DependencySet deps;
  // Meaning depends on `what`; named in the line by the two labels.
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  const char* a_label = "";
  const char* b_label = "";
};

// "    1.204517 r3 deliver PreAccept from r1 r1.17 {r1:16 r2:3}"
std::string Format(const TraceEntry& entry);

class Trace {
 public:
  static constexpr std::size_t kKept = 30;

  // `file` may be null and must outlive the trace.
  explicit Trace(std::FILE* file) : file_(file) {}

  void Note(const TraceEntry& entry);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t size() const { return count_; }
  // The last kKept entries, oldest first.
  std::vector<std::string> Tail() const;

 private:
  void Mix(std::uint64_t value);

  std::FILE* file_;
  std::uint64_t hash_ = 0x51ed270b9d2c1f63u;
  std::uint64_t count_ = 0;
  std::array<TraceEntry, kKept> kept_;
};

}  // namespace quorate::sim
