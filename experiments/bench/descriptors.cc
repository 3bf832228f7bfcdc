#include "experiments/bench/descriptors.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace quorate::bench {
namespace {

// The three streams, the loop's own, the result, the history, /proc and what
// the process was started with.
constexpr std::size_t kOwnDescriptors = 40;

}  // namespace

absl::Status EnsureDescriptors(std::size_t connections) {
  const std::size_t needed = connections + kOwnDescriptors;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return absl::UnavailableError(fmt::format(
        "cannot read the limit of open files: {}", std::strerror(errno)));
  }
  if (limit.rlim_cur >= needed) return absl::OkStatus();
  if (limit.rlim_max < needed) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} connections need {} open files, but the limit is {}; take fewer "
        "--connections, or raise the limit (\"ulimit -n {}\" as root)",
        connections, needed, limit.rlim_max, needed));
  }
  limit.rlim_cur = needed;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} connections need {} open files, but the limit cannot be "
                  "raised: {}",
                  connections, needed, std::strerror(errno)));
}

}  // namespace quorate::bench
