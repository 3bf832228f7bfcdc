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
  Disk* disk = nullptr;  // null: closed
  Disk::Inode inode = kDirectoryInode;
  std::uint64_t offset = 0;
};

struct Mount {
  std::string prefix;  // the directory and a slash
  Disk* disk = nullptr;
  dev_t device = 0;  // SQLite takes equal files of one device for one file
};

std::vector<Mount> mounts;
std::vector<OpenFile> files;
sqlite3* last_connection = nullptr;

int Result(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

// A file on some disk. The directory itself has the empty name.
struct Place {
  Disk* disk = nullptr;
  std::string name;
};

// Nullopt for a path elsewhere.
std::optional<Place> PlaceOf(const char* path) {
  const std::string_view text(path);
  for (const Mount& mount : mounts) {
    if (text.starts_with(mount.prefix)) {
      return Place{mount.disk, std::string(text.substr(mount.prefix.size()))};
    }
    const std::string_view directory(mount.prefix.data(),
                                     mount.prefix.size() - 1);
    if (text == directory) return Place{mount.disk, ""};
  }
  return std::nullopt;
}

OpenFile* FileOf(int descriptor) {
  const std::size_t at = static_cast<std::size_t>(descriptor) -
                         static_cast<std::size_t>(kFirstDescriptor);
  if (descriptor < kFirstDescriptor || at >= files.size() ||
      files[at].disk == nullptr) {
    return nullptr;
  }
  return &files[at];
}

int NewDescriptor(Disk* disk, Disk::Inode inode) {
  const auto free = std::ranges::find(files, nullptr, &OpenFile::disk);
  const auto at = std::distance(files.begin(), free);
  if (free == files.end()) files.emplace_back();
  files[static_cast<std::size_t>(at)] = {.disk = disk, .inode = inode};
  return kFirstDescriptor + static_cast<int>(at);
}

int Open(const Place& place, int flags) {
  if (place.name.empty()) return NewDescriptor(place.disk, kDirectoryInode);
  Disk::Inode inode = 0;
  const int error = place.disk->Open(place.name, (flags & O_CREAT) != 0,
                                     (flags & O_TRUNC) != 0, inode);
  return error != 0 ? Result(error) : NewDescriptor(place.disk, inode);
}

ssize_t Read(const OpenFile& file, void* buffer, std::size_t count,
             std::uint64_t offset) {
  std::string_view bytes;
  const int error = file.disk->Read(file.inode, offset, count, bytes);
  if (error != 0) return Result(error);
  std::memcpy(buffer, bytes.data(), bytes.size());
  return static_cast<ssize_t>(bytes.size());
}

ssize_t Write(const OpenFile& file, const void* buffer, std::size_t count,
              std::uint64_t offset) {
  const int error = file.disk->Write(file.inode, offset,
                                     {static_cast<const char*>(buffer), count});
  return error != 0 ? Result(error) : static_cast<ssize_t>(count);
}

int Sync(const OpenFile& file) {
  return Result(file.inode == kDirectoryInode ? file.disk->SyncNames()
                                              : file.disk->Sync(file.inode));
}

int Describe(const Disk& disk, Disk::Inode inode, struct stat* facts) {
  std::memset(facts, 0, sizeof(*facts));
  facts->st_dev =
      std::ranges::find(mounts, &disk, [](const Mount& mount) -> const Disk* {
        return mount.disk;
      })->device;
  facts->st_ino = static_cast<ino_t>(inode);
  facts->st_nlink = 1;
  facts->st_mode = inode == kDirectoryInode ? S_IFDIR | 0755 : S_IFREG | 0644;
  if (inode != kDirectoryInode) {
    facts->st_size = static_cast<off_t>(disk.SizeOf(inode));
  }
  return 0;
}

}  // namespace
}  // namespace quorate::power

using quorate::power::FileOf;
using quorate::power::OpenFile;
using quorate::power::PlaceOf;
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
  if (const auto place = PlaceOf(path)) {
    return quorate::power::Open(*place, flags);
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
  file->disk = nullptr;
  return 0;
}

int __wrap_access(const char* path, int mode) {
  const auto place = PlaceOf(path);
  if (!place) return __real_access(path, mode);
  const bool there = place->name.empty() || place->disk->Find(place->name);
  return Result(there ? 0 : ENOENT);
}

int __wrap_stat(const char* path, struct stat* facts) {
  const auto place = PlaceOf(path);
  if (!place) return __real_stat(path, facts);
  const auto inode = place->name.empty()
                         ? std::optional(quorate::power::kDirectoryInode)
                         : place->disk->Find(place->name);
  return inode ? quorate::power::Describe(*place->disk, *inode, facts)
               : Result(ENOENT);
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
      file->disk->Truncate(file->inode, static_cast<std::uint64_t>(size)));
}

int __wrap_rename(const char* from, const char* to) {
  const auto before = PlaceOf(from);
  const auto after = PlaceOf(to);
  if (!before || !after) return __real_rename(from, to);
  return Result(before->disk == after->disk
                    ? before->disk->Rename(before->name, after->name)
                    : EXDEV);
}

int __wrap_unlink(const char* path) {
  const auto place = PlaceOf(path);
  return place ? Result(place->disk->Unlink(place->name)) : __real_unlink(path);
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
  return Describe(*file->disk, file->inode, facts);
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
  last_connection = connection;
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
  const dev_t device = mounts.empty() ? 0x5157 : mounts.back().device + 1;
  mounts.push_back({.prefix = directory + "/", .disk = disk, .device = device});
}

void UnmountDisk(Disk* disk) {
  QUORATE_CHECK(std::ranges::count(files, disk, &OpenFile::disk) == 0,
                "a life closes every file it has opened");
  std::erase_if(mounts,
                [disk](const Mount& mount) { return mount.disk == disk; });
}

void SeedSqlite(std::uint32_t seed) {
  // 0 would ask the system for chance.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED,
                       static_cast<int>(seed >> 1 | 1), nullptr);
}

bool ExecuteOnLastConnection(const char* sql) {
  return sqlite3_exec(last_connection, sql, nullptr, nullptr, nullptr) ==
         SQLITE_OK;
}

}  // namespace quorate::power
