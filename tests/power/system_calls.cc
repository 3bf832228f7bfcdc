#include "tests/power/system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "wire/check.h"

namespace quorate::power {
namespace {

// Beyond every descriptor that the kernel gives out.
constexpr int kFirstDescriptor = 1 << 24;
constexpr Disk::Inode kDirectoryInode = 0;

struct OpenFile {
  Disk::Inode inode = kDirectoryInode;
  std::uint64_t offset = 0;
  bool open = false;
};

struct Mount {
  std::string prefix;  // the directory and a slash
  Disk* disk = nullptr;
  std::vector<OpenFile> files;
  sqlite3* last_connection = nullptr;
};

Mount mounted;

int Result(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

// The name inside the disk; nullopt for a path elsewhere. The directory itself
// is the empty name.
std::optional<std::string> NameOf(const char* path) {
  if (mounted.disk == nullptr) return std::nullopt;
  const std::string_view text(path);
  if (text.starts_with(mounted.prefix)) {
    return std::string(text.substr(mounted.prefix.size()));
  }
  const std::string_view directory(mounted.prefix.data(),
                                   mounted.prefix.size() - 1);
  if (text == directory) return std::string();
  return std::nullopt;
}

OpenFile* FileOf(int descriptor) {
  const std::size_t at = static_cast<std::size_t>(descriptor) -
                         static_cast<std::size_t>(kFirstDescriptor);
  if (descriptor < kFirstDescriptor || at >= mounted.files.size() ||
      !mounted.files[at].open) {
    return nullptr;
  }
  return &mounted.files[at];
}

int NewDescriptor(Disk::Inode inode) {
  const auto free = std::ranges::find(mounted.files, false, &OpenFile::open);
  const auto at = std::distance(mounted.files.begin(), free);
  if (free == mounted.files.end()) mounted.files.emplace_back();
  mounted.files[static_cast<std::size_t>(at)] = {.inode = inode, .open = true};
  return kFirstDescriptor + static_cast<int>(at);
}

int Open(const std::string& name, int flags) {
  if (name.empty()) return NewDescriptor(kDirectoryInode);
  Disk::Inode inode = 0;
  const int error = mounted.disk->Open(name, (flags & O_CREAT) != 0,
                                       (flags & O_TRUNC) != 0, inode);
  return error != 0 ? Result(error) : NewDescriptor(inode);
}

ssize_t Read(const OpenFile& file, void* buffer, std::size_t count,
             std::uint64_t offset) {
  std::string_view bytes;
  const int error = mounted.disk->Read(file.inode, offset, count, bytes);
  if (error != 0) return Result(error);
  std::memcpy(buffer, bytes.data(), bytes.size());
  return static_cast<ssize_t>(bytes.size());
}

ssize_t Write(const OpenFile& file, const void* buffer, std::size_t count,
              std::uint64_t offset) {
  const int error = mounted.disk->Write(
      file.inode, offset, {static_cast<const char*>(buffer), count});
  return error != 0 ? Result(error) : static_cast<ssize_t>(count);
}

int Sync(const OpenFile& file) {
  return Result(file.inode == kDirectoryInode ? mounted.disk->SyncNames()
                                              : mounted.disk->Sync(file.inode));
}

int Describe(Disk::Inode inode, struct stat* facts) {
  std::memset(facts, 0, sizeof(*facts));
  facts->st_dev = 0x5157;
  facts->st_ino = static_cast<ino_t>(inode);
  facts->st_nlink = 1;
  facts->st_mode = inode == kDirectoryInode ? S_IFDIR | 0755 : S_IFREG | 0644;
  if (inode != kDirectoryInode) {
    facts->st_size = static_cast<off_t>(mounted.disk->SizeOf(inode));
  }
  return 0;
}

}  // namespace
}  // namespace quorate::power

using quorate::power::FileOf;
using quorate::power::mounted;
using quorate::power::NameOf;
using quorate::power::OpenFile;
using quorate::power::Result;

extern "C" {

// What the linker calls the C library's own.
int __real_open(const char* path, int flags, ...);
int __real_close(int descriptor);
int __real_access(const char* path, int mode);
int __real_stat(const char* path, struct stat* facts);
int __real_flock(int descriptor, int operation);
int __real_ftruncate(int descriptor, off_t size);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);
ssize_t __real_pread(int descriptor, void* buffer, size_t count, off_t offset);
ssize_t __real_pwrite(int descriptor, const void* buffer, size_t count,
                      off_t offset);
ssize_t __real_write(int descriptor, const void* buffer, size_t count);

int __wrap_open(const char* path, int flags, ...) {
  if (const auto name = NameOf(path)) {
    return quorate::power::Open(*name, flags);
  }
  va_list rest;
  va_start(rest, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(rest, int) : 0;
  va_end(rest);
  return __real_open(path, flags, mode);
}

int __wrap_close(int descriptor) {
  OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return __real_close(descriptor);
  file->open = false;
  return 0;
}

int __wrap_access(const char* path, int mode) {
  const auto name = NameOf(path);
  if (!name) return __real_access(path, mode);
  return Result(name->empty() || mounted.disk->Find(*name) ? 0 : ENOENT);
}

int __wrap_stat(const char* path, struct stat* facts) {
  const auto name = NameOf(path);
  if (!name) return __real_stat(path, facts);
  if (name->empty()) {
    return quorate::power::Describe(quorate::power::kDirectoryInode, facts);
  }
  const auto inode = mounted.disk->Find(*name);
  return inode ? quorate::power::Describe(*inode, facts) : Result(ENOENT);
}

// One process uses a simulated disk: its locks are always free.
int __wrap_flock(int descriptor, int operation) {
  if (FileOf(descriptor) != nullptr) return 0;
  return __real_flock(descriptor, operation);
}

int __wrap_ftruncate(int descriptor, off_t size) {
  const OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return __real_ftruncate(descriptor, size);
  return Result(
      mounted.disk->Truncate(file->inode, static_cast<std::uint64_t>(size)));
}

int __wrap_rename(const char* from, const char* to) {
  const auto old_name = NameOf(from);
  const auto new_name = NameOf(to);
  if (!old_name || !new_name) return __real_rename(from, to);
  return Result(mounted.disk->Rename(*old_name, *new_name));
}

int __wrap_unlink(const char* path) {
  const auto name = NameOf(path);
  return name ? Result(mounted.disk->Unlink(*name)) : __real_unlink(path);
}

ssize_t __wrap_pread(int descriptor, void* buffer, size_t count, off_t offset) {
  const OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return __real_pread(descriptor, buffer, count, offset);
  return quorate::power::Read(*file, buffer, count,
                              static_cast<std::uint64_t>(offset));
}

ssize_t __wrap_pwrite(int descriptor, const void* buffer, size_t count,
                      off_t offset) {
  const OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return __real_pwrite(descriptor, buffer, count, offset);
  return quorate::power::Write(*file, buffer, count,
                               static_cast<std::uint64_t>(offset));
}

ssize_t __wrap_write(int descriptor, const void* buffer, size_t count) {
  OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return __real_write(descriptor, buffer, count);
  const ssize_t written =
      quorate::power::Write(*file, buffer, count, file->offset);
  if (written > 0) file->offset += static_cast<std::uint64_t>(written);
  return written;
}

// These stand before the C library's for SQLite as well.
int fsync(int descriptor) {
  const OpenFile* file = FileOf(descriptor);
  if (file != nullptr) return quorate::power::Sync(*file);
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor) {
  const OpenFile* file = FileOf(descriptor);
  if (file != nullptr) return quorate::power::Sync(*file);
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

}  // extern "C"

namespace quorate::power {
namespace {

// The calls of SQLite's table that have no twin above.

int SqliteFstat(int descriptor, struct stat* facts) {
  const OpenFile* file = FileOf(descriptor);
  if (file == nullptr) return fstat(descriptor, facts);
  return Describe(file->inode, facts);
}

// Only locks are asked for; nobody holds one.
int SqliteFcntl(int descriptor, int command, ...) {
  if (FileOf(descriptor) == nullptr) return Result(EBADF);
  if (command == F_GETLK) {
    va_list rest;
    va_start(rest, command);
    va_arg(rest, struct flock*)->l_type = F_UNLCK;
    va_end(rest);
  }
  return 0;
}

int SqliteFchmod(int, mode_t) { return 0; }
int SqliteFchown(int, uid_t, gid_t) { return 0; }

template <typename Function>
void Redirect(const char* name, Function* function) {
  sqlite3_vfs* vfs = sqlite3_vfs_find("unix");
  QUORATE_CHECK(vfs != nullptr, "SQLite has its layer for Unix");
  const int code = vfs->xSetSystemCall(
      vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(function));
  QUORATE_CHECK(code == SQLITE_OK, "SQLite makes this system call");
}

int RememberConnection(sqlite3* connection, const char**, const void*) {
  mounted.last_connection = connection;
  return SQLITE_OK;
}

void RedirectSqlite() {
  sqlite3_initialize();
  Redirect("open", __wrap_open);
  Redirect("close", __wrap_close);
  Redirect("access", __wrap_access);
  Redirect("stat", __wrap_stat);
  Redirect("lstat", __wrap_stat);
  Redirect("fstat", SqliteFstat);
  Redirect("ftruncate", __wrap_ftruncate);
  Redirect("fcntl", SqliteFcntl);
  Redirect("pread64", __wrap_pread);
  Redirect("pwrite64", __wrap_pwrite);
  Redirect("unlink", __wrap_unlink);
  Redirect("fchmod", SqliteFchmod);
  Redirect("fchown", SqliteFchown);
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(RememberConnection));
}

}  // namespace

void MountDisk(const std::string& directory, Disk* disk) {
  [[maybe_unused]] static const bool once = (RedirectSqlite(), true);
  mounted.prefix = directory + "/";
  mounted.disk = disk;
}

void UnmountDisk() {
  QUORATE_CHECK(std::ranges::none_of(mounted.files, &OpenFile::open),
                "a life closes every file it has opened");
  mounted.disk = nullptr;
  mounted.files.clear();
}

bool ExecuteOnLastConnection(const char* sql) {
  return sqlite3_exec(mounted.last_connection, sql, nullptr, nullptr,
                      nullptr) == SQLITE_OK;
}

}  // namespace quorate::power
