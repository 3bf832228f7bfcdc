// A library to be loaded before the C library's (LD_PRELOAD), so that the
// unchanged program meets a disk in trouble: CHAOS_SYNC_MS=200 makes every sync
// take that much longer, CHAOS_FAIL_SYNC=17 lets the 17th and all after it fail
// with an input/output error.
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

long NumberFrom(const char* variable) {
  const char* text = getenv(variable);
  return text == nullptr ? 0 : strtol(text, nullptr, 10);
}

int Sync(long system_call, int descriptor) {
  static const long delay_ms = NumberFrom("CHAOS_SYNC_MS");
  static const long failing = NumberFrom("CHAOS_FAIL_SYNC");
  static std::atomic<long> syncs = 0;
  if (failing > 0 && ++syncs >= failing) {
    errno = EIO;
    return -1;
  }
  const int result = static_cast<int>(syscall(system_call, descriptor));
  const int error = errno;
  const timespec delay = {.tv_sec = delay_ms / 1000,
                          .tv_nsec = delay_ms % 1000 * 1'000'000};
  if (delay_ms > 0) nanosleep(&delay, nullptr);
  errno = error;
  return result;
}

}  // namespace

extern "C" int fsync(int descriptor) { return Sync(SYS_fsync, descriptor); }
extern "C" int fdatasync(int descriptor) {
  return Sync(SYS_fdatasync, descriptor);
}
