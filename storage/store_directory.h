// Answers: whose directory is this, and is anybody else using it?
//
// The files beside the database: `lock` (one process at a time; holds its pid),
// `identity` (a second copy of the identity, so that a database that was wiped
// is noticed) and `ballast` (room to work in when the disk is full). The lock
// is flock, not fcntl: it cannot be lost by closing another descriptor of the
// same file, and the kernel drops it however the process ends.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/store.h"

namespace quorate {

inline constexpr char kIdentityName[] = "identity";

// "node r2", or "node number 2" where the name was not kept.
std::string DescribeNode(const StoreIdentity& identity);
// "node r2 of cluster \"demo\"".
std::string Describe(const StoreIdentity& identity);

// Writes a file that is durable or absent, never half there under its name,
// once the names are synced as well.
absl::Status WriteDurably(const std::string& path, std::string_view bytes);
// Makes created, renamed and removed names in this directory durable.
absl::Status SyncDirectory(const std::string& path);

class StoreDirectory {
 public:
  // Creates the directory (and its parents) if it is missing and locks it for
  // the life of the object. FailedPrecondition when another process holds it.
  static absl::StatusOr<StoreDirectory> Lock(const std::string& path);

  StoreDirectory(StoreDirectory&& other) noexcept;
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();

  const std::string& path() const { return path_; }
  std::string File(const char* name) const;
  bool Exists(const char* name) const;
  // Bytes of a file; 0 when it is missing.
  std::uint64_t SizeOf(const char* name) const;
  // Best effort: removes a file that this process made.
  void Remove(const char* name) const;

  // Nullopt when there is no identity file; DataLoss when it is damaged.
  absl::StatusOr<std::optional<StoreIdentity>> ReadIdentity() const;
  // All or nothing, and durable when it returns.
  absl::Status WriteIdentity(const StoreIdentity& identity) const;
  // The same where the file is not there word for word.
  absl::Status KeepIdentity(const StoreIdentity& identity) const;

  // Makes sure that `ballast` occupies `bytes` on the disk.
  absl::Status KeepBallast(std::size_t bytes) const;
  absl::Status ReleaseBallast() const;

  // Writes a file's bytes over themselves and syncs: makes durable what can be
  // read. A sync alone does not, once an earlier one has failed: the kernel
  // keeps the pages, calls them clean and never writes them again.
  absl::Status MakeDurable(const char* name) const;

  // Makes created, renamed and removed names durable.
  absl::Status SyncNames() const;

 private:
  StoreDirectory(std::string path, int lock_fd);

  std::string path_;
  int lock_fd_;
};

}  // namespace quorate
