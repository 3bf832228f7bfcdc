// Answers: what do all tests of stores need?
//
// A directory that is removed at the end, groups whose contents follow from
// their number (so that a wrong, missing or moved group is told from a right
// one without a copy), and a child process whose verdict is its exit code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/sqlite_store.h"
#include "storage/store.h"

namespace quorate {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// r2 of cluster "test", incarnation 77, with two settings.
StoreIdentity TestIdentity();

absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(
    const std::string& directory, const SqliteStoreOptions& options = {});

// The `number`-th group: its number and up to 20,000 bytes that follow from it.
std::string GroupNumber(std::uint64_t number);
// Appends GroupNumber(first) .. GroupNumber(last); record sequences are ten
// times the number.
absl::Status AppendGroups(Store& store, std::uint64_t first,
                          std::uint64_t last);
// How many groups the store replays, if they are exactly GroupNumber(1),
// GroupNumber(2), ...; DataLoss that names the first one that is not.
absl::StatusOr<std::uint64_t> CountGroups(Store& store);

// Runs `body` in a child process; what it returns becomes the exit code. -1
// when the child did not exit by itself.
int RunInChild(const std::function<int()>& body);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& bytes);

}  // namespace quorate
