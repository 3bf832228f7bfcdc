#include "storage/store_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/checked_text.h"
#include "storage/descriptor.h"

namespace quorate {
namespace {

constexpr char kBallastName[] = "ballast";
constexpr char kClusterField[] = "cluster ";
constexpr std::size_t kPieceBytes = 64 * 1024;
// The first form had no checksum, and is still read.
constexpr char kFormerIdentityTitle[] =
    "quorate store 1 - do not edit, copy or remove";
constexpr char kIdentityTitle[] =
    "quorate store 2 - do not edit, copy or remove";

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string ReadUpTo(int fd, std::size_t limit) {
  std::string text(limit, '\0');
  const ssize_t count = pread(fd, text.data(), limit, 0);
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return text;
}

}  // namespace

absl::Status WriteDurably(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  Descriptor file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.ok()) return FileError("create", temporary, errno);
  if (!WriteAll(file.fd(), bytes) || fsync(file.fd()) != 0 ||
      rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    unlink(temporary.c_str());
    return FileError("write", path, error);
  }
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return FileError("open", path, errno);
  if (fsync(directory.fd()) != 0) return FileError("sync", path, errno);
  return absl::OkStatus();
}

namespace {

// Creates missing directories from the top and makes each name durable.
absl::Status CreateDirectories(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::filesystem::path parent = path.parent_path();
  if (!parent.empty() && parent != path) {
    if (absl::Status status = CreateDirectories(parent); !status.ok()) {
      return status;
    }
  }
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    return FileError("create directory", path.string(), errno);
  }
  return SyncDirectory(parent.empty() ? "." : parent.string());
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

std::string FormatIdentity(const StoreIdentity& identity) {
  return WithChecksum(absl::StrCat(
      kIdentityTitle, "\ncluster ", identity.cluster_id, "\nnode r",
      Index(identity.node) + 1, "\nincarnation ", identity.incarnation, "\n"));
}

std::optional<StoreIdentity> ParseIdentity(std::string_view bytes) {
  const bool former = bytes.starts_with(kFormerIdentityTitle);
  const auto text = former ? std::optional(bytes) : WithoutChecksum(bytes);
  if (!text) return std::nullopt;
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(*text), '\n');
  if (lines.size() != 5 || !lines[4].empty() ||
      lines[0] != (former ? kFormerIdentityTitle : kIdentityTitle) ||
      !absl::StartsWith(lines[1], kClusterField)) {
    return std::nullopt;
  }
  const auto field = [&](std::size_t line, const char* name) {
    return absl::StartsWith(lines[line], name)
               ? lines[line].substr(std::strlen(name))
               : std::string();
  };
  StoreIdentity identity;
  identity.cluster_id = field(1, kClusterField);
  int node = 0;
  if (!ParseNumber(field(2, "node r"), node) || node < 1 || node > kMaxNodes ||
      !ParseNumber(field(3, "incarnation "), identity.incarnation)) {
    return std::nullopt;
  }
  identity.node = ReplicaAt(node - 1);
  return identity;
}

}  // namespace

std::string DescribeNode(const StoreIdentity& identity) {
  return identity.node_name.empty()
             ? absl::StrCat("node number ", Index(identity.node) + 1)
             : absl::StrCat("node ", identity.node_name);
}

std::string Describe(const StoreIdentity& identity) {
  return absl::StrCat(DescribeNode(identity), " of cluster \"",
                      identity.cluster_id, "\"");
}

StoreDirectory::StoreDirectory(std::string path, int lock_fd)
    : path_(std::move(path)), lock_fd_(lock_fd) {}

StoreDirectory::StoreDirectory(StoreDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)) {}

StoreDirectory::~StoreDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::StatusOr<StoreDirectory> StoreDirectory::Lock(const std::string& path) {
  if (absl::Status status = CreateDirectories(path); !status.ok()) {
    return status;
  }
  const std::string lock_path = absl::StrCat(path, "/lock");
  Descriptor lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock.ok()) return FileError("create", lock_path, errno);
  if (flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError("lock", lock_path, errno);
    const std::vector<std::string> holder =
        absl::StrSplit(ReadUpTo(lock.fd(), 32), '\n');
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot open store \"", path, "\": ",
        holder[0].empty() ? "another process"
                          : absl::StrCat("process ", holder[0]),
        " is using it; stop that process or give this node a `dir` of its "
        "own"));
  }
  // Only for people and for the message above; the lock does not rest on it.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock.fd(), 0) != 0 || !WriteAll(lock.fd(), pid)) {
    return FileError("write", lock_path, errno);
  }
  return StoreDirectory(path, lock.Release());
}

std::string StoreDirectory::File(const char* name) const {
  return absl::StrCat(path_, "/", name);
}

bool StoreDirectory::Exists(const char* name) const {
  return access(File(name).c_str(), F_OK) == 0;
}

std::uint64_t StoreDirectory::SizeOf(const char* name) const {
  struct stat facts;
  if (stat(File(name).c_str(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.st_size);
}

void StoreDirectory::Remove(const char* name) const {
  unlink(File(name).c_str());
}

absl::StatusOr<std::optional<StoreIdentity>> StoreDirectory::ReadIdentity()
    const {
  const std::string path = File(kIdentityName);
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) {
    if (errno == ENOENT) return std::nullopt;
    return FileError("open", path, errno);
  }
  std::optional<StoreIdentity> identity =
      ParseIdentity(ReadUpTo(file.fd(), 4096));
  if (!identity.has_value()) {
    return absl::DataLossError(absl::StrCat("cannot read \"", path,
                                            "\": it is damaged; ", kBringBack));
  }
  return identity;
}

absl::Status StoreDirectory::WriteIdentity(
    const StoreIdentity& identity) const {
  if (absl::Status status =
          WriteDurably(File(kIdentityName), FormatIdentity(identity));
      !status.ok()) {
    return status;
  }
  return SyncNames();
}

absl::Status StoreDirectory::KeepIdentity(const StoreIdentity& identity) const {
  const std::string expected = FormatIdentity(identity);
  Descriptor file(open(File(kIdentityName).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.ok() && ReadUpTo(file.fd(), expected.size() + 1) == expected) {
    return absl::OkStatus();
  }
  return WriteIdentity(identity);
}

absl::Status StoreDirectory::KeepBallast(std::size_t bytes) const {
  if (SizeOf(kBallastName) == bytes) return absl::OkStatus();
  // Real bytes: a hole in a sparse file would hold no room.
  return WriteDurably(File(kBallastName), std::string(bytes, 'b'));
}

absl::Status StoreDirectory::ReleaseBallast() const {
  const std::string path = File(kBallastName);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return FileError("remove", path, errno);
  }
  return SyncNames();
}

absl::Status StoreDirectory::MakeDurable(const char* name) const {
  const std::string path = File(name);
  Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.ok()) return FileError("open", path, errno);
  std::string piece(kPieceBytes, '\0');
  off_t at = 0;
  for (;;) {
    const ssize_t count = pread(file.fd(), piece.data(), piece.size(), at);
    if (count < 0) return FileError("read", path, errno);
    if (count == 0) break;
    const auto bytes = static_cast<std::size_t>(count);
    if (pwrite(file.fd(), piece.data(), bytes, at) != count) {
      return FileError("write", path, errno);
    }
    at += count;
  }
  if (fsync(file.fd()) != 0) return FileError("sync", path, errno);
  return absl::OkStatus();
}

absl::Status StoreDirectory::SyncNames() const { return SyncDirectory(path_); }

}  // namespace quorate
