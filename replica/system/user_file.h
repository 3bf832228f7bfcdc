// Answers: what is in the file that somebody named?
//
// A name on a command line may be a directory, a device without end or a pipe
// that nobody writes to. Reading one of those must end with a word about it,
// not in an empty text, nor never. "-" is standard input, which is waited for.
#pragma once

#include <cstddef>
#include <streambuf>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate {

// The whole text, without a byte-order mark. Not OK: why, without the name
// ("it is a directory; give a file").
absl::StatusOr<std::string> ReadUserFile(const std::string& path,
                                         std::size_t most_bytes);

// The same, a piece at a time, for files that are larger than memory should be.
// An error looks like the end of the file: ask for the status there.
class UserFileBuffer : public std::streambuf {
 public:
  explicit UserFileBuffer(const std::string& path);
  ~UserFileBuffer() override;
  UserFileBuffer(const UserFileBuffer&) = delete;
  UserFileBuffer& operator=(const UserFileBuffer&) = delete;

  const absl::Status& status() const { return status_; }

 protected:
  int_type underflow() override;

 private:
  int descriptor_ = -1;
  bool owned_ = false;
  absl::Status status_;
  std::vector<char> room_;
};

}  // namespace quorate
