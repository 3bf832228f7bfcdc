#include "tests/power/wal.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace quorate::power {
namespace {

constexpr std::size_t kHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::size_t kPage = 4096;
// Where the salts are, in the log's header and in a frame's.
constexpr std::size_t kSalts = 16;
constexpr std::size_t kFrameSalts = 8;
constexpr std::size_t kSaltBytes = 8;

// The running checksum over 32-bit words in the order of this machine.
struct Sum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void Add(const char* bytes, std::size_t count) {
    for (std::size_t at = 0; at < count; at += 8) {
      std::uint32_t words[2];
      std::memcpy(words, bytes + at, sizeof(words));
      first += words[0] + second;
      second += words[1] + first;
    }
  }

  // Stored with the most significant byte first.
  void Store(char* place) const {
    for (int byte = 0; byte < 4; ++byte) {
      const int shift = 24 - 8 * byte;
      place[byte] = static_cast<char>(first >> shift);
      place[4 + byte] = static_cast<char>(second >> shift);
    }
  }
};

}  // namespace

void ResealWal(std::string& wal) {
  if (wal.size() < kHeader) return;
  Sum sum;
  sum.Add(wal.data(), kHeader - 8);
  sum.Store(wal.data() + kHeader - 8);
  for (std::size_t at = kHeader; at + kFrameHeader + kPage <= wal.size();
       at += kFrameHeader + kPage) {
    char* frame = wal.data() + at;
    if (std::memcmp(frame + kFrameSalts, wal.data() + kSalts, kSaltBytes) !=
        0) {
      return;
    }
    sum.Add(frame, 8);
    sum.Add(frame + kFrameHeader, kPage);
    sum.Store(frame + kFrameHeader - 8);
  }
}

}  // namespace quorate::power
