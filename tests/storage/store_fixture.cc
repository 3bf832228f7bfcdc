#include "tests/storage/store_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "wire/check.h"

namespace quorate {

TemporaryDirectory::TemporaryDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "quorate-store-XXXXXX")
              .string();
  QUORATE_CHECK(mkdtemp(path_.data()) != nullptr,
                "tests need a writable temporary directory");
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

StoreIdentity TestIdentity() {
  return {.cluster_id = "test",
          .node = ReplicaAt(1),
          .node_name = "r2",
          .incarnation = 77,
          .settings = {{"protocol.faults", "1"}, {"release.limits", "few"}},
          .former_cluster_id = "test"};
}

absl::StatusOr<std::unique_ptr<SqliteStore>> OpenStore(
    const std::string& directory, const SqliteStoreOptions& options) {
  return SqliteStore::Open(directory, TestIdentity(), options);
}

std::string GroupNumber(std::uint64_t number) {
  std::uint64_t mix = number * 0x9e3779b97f4a7c15u;
  std::string group = std::to_string(number) + ":";
  // Mostly small groups, every eighth one large.
  const std::uint64_t size = number % 8 == 0 ? mix % 20000 : mix % 300;
  for (std::uint64_t i = 0; i < size; ++i) {
    mix = mix * 6364136223846793005u + 1442695040888963407u;
    group += static_cast<char>(mix >> 56);
  }
  return group;
}

absl::Status AppendGroups(Store& store, std::uint64_t first,
                          std::uint64_t last) {
  for (std::uint64_t number = first; number <= last; ++number) {
    absl::Status status = store.Append(GroupNumber(number), number * 10);
    if (status.ok()) status = store.Maintain();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> CountGroups(Store& store) {
  std::uint64_t count = 0;
  absl::Status status = store.Replay(
      {.chunk = [](std::string_view) { return absl::OkStatus(); },
       .group =
           [&](std::string_view group, RecordSequence first) {
             ++count;
             if (group == GroupNumber(count) && first == count * 10 - 9) {
               return absl::OkStatus();
             }
             return absl::DataLossError("group " + std::to_string(count) +
                                        " is not what was appended");
           }});
  if (!status.ok()) return status;
  return count;
}

int RunInChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

}  // namespace quorate
