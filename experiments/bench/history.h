// Answers: what did every client ask and hear, one line an operation?
//
// The history that checkers of linearizability read (one JSON object a line):
//   {"c":3,"f":"put","k":"k0000001","v":"...","call":12,"ret":34}
//   {"c":3,"f":"get","k":"k0000001","call":40,"ret":61,"out":"..."}
//   {"c":0,"f":"cas","k":"k0000001","old":"a","v":"b","call":..,"ret":..,
//    "ok":true}                      if false, "out" is the value found
//   {"c":2,"f":"scan","k":"from","v":"end","n":10,..,"out":[["k","v"],..]}
//   {"c":5,"f":"add","k":"n0000001","v":7,"call":70,"unknown":true}
//   {"c":5,"f":"add","k":"text","v":7,..,"ok":false}       append, del likewise
//   {"c":1,"ops":[{"f":"get","k":"..","out":".."},{"f":"put",..}],..}
// Times are nanoseconds of one monotonic clock; "call" is never later and "ret"
// never earlier than the truth, so that an error of the clock cannot make a
// correct store look wrong. A missing key reads as "" with "found":false, the
// value "" has "found":true; bytes that are not ASCII are {"hex":"c3a9"}. "c"
// never has two
// operations at once. Refused commands, which have definitely no effect, leave
// no line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "experiments/bench/output_file.h"
#include "wire/command.h"
#include "wire/result.h"

namespace quorate::bench {

// One operation's part of a line, kept while the command is under way.
struct HistoryCall {
  std::uint64_t client = 0;
  std::int64_t call_ns = 0;
  // The opening of the line, up to the results: written at the call, because
  // the operations are gone when the answer comes.
  std::string operations;
  OperationKind kind{};
  bool several = false;
};

// Fills `call` from what is about to be submitted, reusing its memory.
void BeginCall(std::uint64_t client, std::int64_t call_ns,
               std::span<const Operation> operations, HistoryCall& call);

// Appends the line for an answered call, newline included.
void AppendLine(const HistoryCall& call, std::int64_t return_ns,
                const CommandResult& results, std::string& to);
// Appends the line of a call whose outcome is not known.
void AppendUnknownLine(const HistoryCall& call, std::string& to);

// Appends `text` as a JSON string, or as {"hex":"..."} if it is not ASCII.
void AppendJsonString(std::string_view text, std::string& to);

// Writes lines to a file through a large buffer. The file has its name from
// Close on: then it has a line for every command.
class HistoryFile {
 public:
  absl::Status Open(const std::string& path, bool force);
  bool is_open() const { return file_.is_open(); }
  // Lines are appended here; call Flush now and then.
  std::string& buffer() { return buffer_; }
  // Writes the buffer if it has grown large.
  void FlushIfLarge() {
    if (buffer_.size() >= kLargeBytes) Flush();
  }
  void Flush();
  absl::Status Close();
  // Where it is once it is closed.
  const std::string& path() const { return file_.path(); }

 private:
  static constexpr std::size_t kLargeBytes = 1 << 20;
  OutputFile file_;
  std::string buffer_;
};

}  // namespace quorate::bench
