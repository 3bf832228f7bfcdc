// Answers: how does a run leave a file that is whole, and only its own?
//
// A file is written under another name beside its own and gets its name when it
// is complete: whoever finds it finds all of it. A file that is there already
// is not replaced unless that is asked for, neither at the beginning nor at the
// end, when another run may have been faster: the later one then takes the next
// free name. What is no regular file (/dev/null, a pipe) is written as it is.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate::bench {

class OutputFile {
 public:
  // Creates the folder too. `what` is for the messages ("result");
  // AlreadyExists if `path` is there and `force` is not given.
  static absl::StatusOr<OutputFile> Open(std::string_view what,
                                         const std::string& path, bool force);
  OutputFile() = default;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  // Unless it was committed, nothing is left of it.
  ~OutputFile() { Discard(); }

  bool is_open() const { return file_ != nullptr; }
  // After an error further writes do nothing; Commit tells.
  void Write(std::string_view bytes);
  // Gives it its name. After a write that failed nothing is left. If only the
  // name cannot be given, what was written stays under the one that the message
  // says.
  absl::Status Commit();
  // Where it is, or will be.
  const std::string& path() const { return path_; }

 private:
  void Discard();
  absl::Status Name();

  std::string what_;
  std::string path_;
  std::string partial_;  // its name meanwhile; empty if that is `path_`
  bool force_ = false;
  std::FILE* file_ = nullptr;
  int error_ = 0;
};

// Creates `prefix`, or else `prefix`-2, `prefix`-3, ...: a folder that no other
// run has.
absl::StatusOr<std::string> NewFolder(const std::string& prefix);

}  // namespace quorate::bench
