#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/storage/store_fixture.h"

namespace quorate {
namespace {

// In a child these take the place of ASSERT: the line is the message, and 1 the
// exit code.
#define REQUIRE_IN_CHILD(condition)                                        \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                            \
    }                                                                      \
  } while (false)

constexpr int kNoNamespace = 77;

// Appends until it fails; `appended` counts the groups that were acknowledged.
absl::Status Fill(Store& store, std::uint64_t& appended) {
  for (;;) {
    absl::Status status = AppendGroups(store, appended + 1, appended + 1);
    if (!status.ok()) return status;
    ++appended;
  }
}

// Every acknowledged group is there, and at most the one that failed.
bool HoldsAtLeast(Store& store, std::uint64_t appended) {
  const auto found = CountGroups(store);
  if (!found.ok())
    std::fprintf(stderr, "%s\n", found.status().ToString().c_str());
  return found.ok() && (*found == appended || *found == appended + 1);
}

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

bool WriteTo(const char* path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

// Root among its own mounts: by right, or in a world of users of its own, where
// the one there is must be named before it may own files.
bool UnshareMounts() {
  if (unshare(CLONE_NEWNS) == 0) return true;
  const std::string user = "0 " + std::to_string(geteuid()) + " 1";
  const std::string group = "0 " + std::to_string(getegid()) + " 1";
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
         WriteTo("/proc/self/setgroups", "deny") &&
         WriteTo("/proc/self/uid_map", user) &&
         WriteTo("/proc/self/gid_map", group);
}

// A file system of 6 MiB that only this process sees.
bool MountSmallDisk(const std::string& path) {
  if (!UnshareMounts()) return false;
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", path.c_str(), "tmpfs", 0, "size=6m") == 0;
}

int FillSmallDisk(const std::string& path) {
  if (!MountSmallDisk(path)) return kNoNamespace;
  std::uint64_t appended = 0;
  {
    auto store = OpenStore(path);
    REQUIRE_IN_CHILD(store.ok());
    REQUIRE_IN_CHILD(std::filesystem::exists(path + "/ballast"));
    const absl::Status full = Fill(**store, appended);
    REQUIRE_IN_CHILD(absl::IsResourceExhausted(full));
    REQUIRE_IN_CHILD(Contains(full, "free space on this disk"));
    REQUIRE_IN_CHILD(Contains(full, "reserve of that size was given up"));
    // ST3: the first error stays, though there is room again.
    REQUIRE_IN_CHILD((*store)->Append("x", 1u << 30) == full);
    REQUIRE_IN_CHILD((*store)->Maintain() == full);
    REQUIRE_IN_CHILD((*store)->Close() == full);
    REQUIRE_IN_CHILD(!std::filesystem::exists(path + "/ballast"));
    REQUIRE_IN_CHILD(std::filesystem::file_size(path + "/node.db-wal") == 0);
  }
  // The operator makes room; the node starts again and goes on.
  REQUIRE_IN_CHILD(
      mount("none", path.c_str(), nullptr, MS_REMOUNT, "size=16m") == 0);
  auto store = OpenStore(path);
  REQUIRE_IN_CHILD(store.ok());
  REQUIRE_IN_CHILD(HoldsAtLeast(**store, appended));
  REQUIRE_IN_CHILD(std::filesystem::exists(path + "/ballast"));
  REQUIRE_IN_CHILD((*store)->Append("x", 1u << 30).ok());
  return 0;
}

// Writes beyond `bytes` of a file fail in this process.
bool LimitFileSize(rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
  limit.rlim_cur = bytes;
  return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

int FillLimitedFile(const std::string& path) {
  std::uint64_t appended = 0;
  auto store = OpenStore(path);
  REQUIRE_IN_CHILD(store.ok());
  REQUIRE_IN_CHILD(LimitFileSize(300 * 1024));
  const absl::Status error = Fill(**store, appended);
  REQUIRE_IN_CHILD(appended > 0);
  REQUIRE_IN_CHILD(absl::IsInternal(error) || absl::IsResourceExhausted(error));
  REQUIRE_IN_CHILD(Contains(error, path + "/node.db"));
  // ST3: though writing would succeed again, it is not tried.
  REQUIRE_IN_CHILD(LimitFileSize(RLIM_INFINITY));
  REQUIRE_IN_CHILD((*store)->Append("x", 1u << 30) == error);
  REQUIRE_IN_CHILD((*store)->Maintain() == error);
  REQUIRE_IN_CHILD((*store)->Close() == error);
  store->reset();
  auto again = OpenStore(path);
  REQUIRE_IN_CHILD(again.ok());
  REQUIRE_IN_CHILD((*again)->recovered_from_crash());
  REQUIRE_IN_CHILD(HoldsAtLeast(**again, appended));
  return 0;
}

TEST(DiskFullTest, GivesUpTheBallastAndStartsAgainOnceThereIsRoom) {
  TemporaryDirectory directory;
  int code = RunInChild([&] { return FillSmallDisk(directory.path()); });
  // Where nobody may mount a small disk, a limited file has to do.
  if (code == kNoNamespace) {
    code = RunInChild([&] { return FillLimitedFile(directory.path()); });
  }
  EXPECT_EQ(code, 0);
}

TEST(DiskFullTest, NeverTriesAgainAfterAFailedWrite) {
  TemporaryDirectory directory;
  EXPECT_EQ(RunInChild([&] { return FillLimitedFile(directory.path()); }), 0);
}

TEST(DiskFullTest, RefusesToStartWithoutRoomForTheBallast) {
  TemporaryDirectory directory;
  const int code = RunInChild([&] {
    if (!LimitFileSize(512 * 1024)) return 1;
    const auto store = OpenStore(directory.path());
    REQUIRE_IN_CHILD(!store.ok());
    REQUIRE_IN_CHILD(Contains(store.status(), "/ballast"));
    return 0;
  });
  EXPECT_EQ(code, 0);
  // What was begun does not stand in the way of the next start.
  EXPECT_TRUE(OpenStore(directory.path()).ok());
}

TEST(DiskFullTest, RefusesADirectoryItMayNotCreate) {
  const absl::Status status = OpenStore("/dev/null/store").status();
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(Contains(status, "cannot create directory \"/dev/null"))
      << status;
}

}  // namespace
}  // namespace quorate
