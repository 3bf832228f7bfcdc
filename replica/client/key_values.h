// Answers: how does a program read and write a key in a line?
//
// One operation a command, one command at a time, on a loop of its own
// (sync_client.h). A status tells three things apart, as everything here does:
//   OK                  done
//   DEADLINE_EXCEEDED   nobody said in time whether it was done; it may be
//   DATA_LOSS           done, once, but what it gave is no longer kept
//   any other           not done, and never will be: UNAVAILABLE (try again),
//                       FAILED_PRECONDITION (the value there is no number, or
//                       would become too large), INVALID_ARGUMENT (too large)
// Several operations that are one command: Execute. Much at once: Client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/client/options.h"
#include "replica/client/sync_client.h"

namespace quorate {

// Rows in the order of their keys. Where the range has more of them, `next` is
// the key that another scan goes on with; two pages are no snapshot.
struct Page {
  std::vector<std::pair<std::string, std::string>> rows;
  std::optional<std::string> next;
};

class KeyValues {
 public:
  explicit KeyValues(ClientOptions options);
  // By a cluster's file.
  static absl::StatusOr<KeyValues> Open(const std::string& cluster_toml);

  // nullopt: there is no such key.
  absl::StatusOr<std::optional<std::string>> Get(std::string_view key);
  absl::Status Put(std::string_view key, std::string_view value);
  // To the 64-bit number there, 0 where there is none; commutes with itself.
  absl::Status Add(std::string_view key, std::int64_t number);
  absl::Status Append(std::string_view key, std::string_view suffix);
  // Was there one?
  absl::StatusOr<bool> Delete(std::string_view key);
  // Was it `expected`? A missing key is "".
  absl::StatusOr<bool> CompareAndSet(std::string_view key,
                                     std::string_view expected,
                                     std::string_view value);
  // From `first` up to but without `end` ("": no end).
  absl::StatusOr<Page> Scan(std::string_view first, std::string_view end,
                            std::int64_t most_rows = 0);

  // One command, atomically; its results in the order of the operations.
  absl::StatusOr<CommandResult> Execute(std::span<const Operation> operations);

 private:
  absl::StatusOr<OperationResult> ExecuteOne(const Operation& operation);

  std::unique_ptr<SyncClient> client_;
};

}  // namespace quorate
