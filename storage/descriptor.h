// Answers: who closes a file of the node's directory, and what went wrong with
// it?
#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/status/status.h"

namespace quorate {

// Owns one descriptor; none when it is negative.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A failed system call on one file, with the remedy that fits the reason.
absl::Status FileError(const char* action, const std::string& path, int error);

// What to do about a directory that has lost something it had promised. No more
// than this is safe as long as the members of a cluster are fixed: an older
// copy has forgotten votes that others have counted, and a new directory all of
// them.
inline constexpr char kBringBack[] =
    "bring back the whole directory as it was when the node stopped last; an "
    "older copy, or an empty one, has forgotten votes that others have counted "
    "and is refused; without it this node stays away, and the others go on";

// Why a setting that is agreed cannot be changed in a directory that holds
// data, and what to do instead.
inline constexpr char kFixedFromTheFirst[] =
    "it is fixed from a node's first record on, and another value needs "
    "another cluster, with an id and directories of its own";

}  // namespace quorate
