#include "storage/wal_check.h"

#include <fcntl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/descriptor.h"

namespace quorate {
namespace {

constexpr std::size_t kWalHeaderBytes = 32;
constexpr std::size_t kFrameHeaderBytes = 24;
constexpr std::size_t kWalSectorBytes = 512;
// Checksums over words in the order of this machine.
constexpr std::uint32_t kWalMagic = 0x377f0682;
constexpr std::uint32_t kLargestPage = 65536;

// Numbers are stored with the most significant byte first.
std::uint32_t NumberAt(const char* bytes) {
  std::uint32_t number = 0;
  for (int i = 0; i < 4; ++i) {
    number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  }
  return number;
}

// The running checksum.
struct WalSum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void Add(const char* bytes, std::size_t count) {
    for (std::size_t at = 0; at < count; at += 8) {
      std::array<std::uint32_t, 2> words;
      std::memcpy(words.data(), bytes + at, sizeof(words));
      first += words[0] + second;
      second += words[1] + first;
    }
  }
  bool Is(const char* stored) const {
    return first == NumberAt(stored) && second == NumberAt(stored + 4);
  }
};

// What the frame before said; it was the first that SQLite cannot read, or came
// after that.
struct UnreadFrame {
  bool of_this_log = false;
  bool ends_group = false;
  WalSum stored;
};

bool ReadWhole(const Descriptor& file, char* bytes, std::size_t count,
               std::uint64_t at) {
  return pread(file.fd(), bytes, count, static_cast<off_t>(at)) ==
         static_cast<ssize_t>(count);
}

// A sector survives a power loss whole or not at all: with the salts of this
// log it has the rest of what was written with them. A header across two
// sectors may be of two logs.
bool HeaderIsOfOneSector(std::uint64_t at) {
  return at % kWalSectorBytes + kFrameHeaderBytes <= kWalSectorBytes;
}

}  // namespace

absl::Status CheckWal(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kWalHeaderBytes> header;
  if (!file.ok() || !ReadWhole(file, header.data(), header.size(), 0)) {
    return absl::OkStatus();
  }
  const std::uint32_t page_bytes = NumberAt(header.data() + 8);
  const char* salts = header.data() + 16;
  WalSum sum;
  sum.Add(header.data(), kWalHeaderBytes - 8);
  if (NumberAt(header.data()) != kWalMagic || page_bytes > kLargestPage ||
      page_bytes % 8 != 0 || !sum.Is(header.data() + 24)) {
    return absl::OkStatus();
  }
  std::vector<char> frame(kFrameHeaderBytes + page_bytes);
  bool readable = true;
  bool group_behind = false;  // ended behind the first frame that is not
  UnreadFrame before;
  std::uint64_t at = kWalHeaderBytes;
  for (int number = 1; ReadWhole(file, frame.data(), frame.size(), at);
       ++number, at += frame.size()) {
    WalSum from = readable ? sum : before.stored;
    from.Add(frame.data(), 8);
    from.Add(frame.data() + kFrameHeaderBytes, page_bytes);
    const bool continues = from.Is(frame.data() + 16);
    const bool of_this_log = std::memcmp(frame.data() + 8, salts, 8) == 0;
    if (readable && of_this_log && continues) {
      sum = from;
      continue;
    }
    // Also with damaged salts: what follows was computed from its checksum.
    group_behind |= !readable && before.ends_group &&
                    (before.of_this_log || (of_this_log && continues));
    if (group_behind && of_this_log) {
      return absl::DataLossError(absl::StrCat(
          "cannot open \"", path, "\": it is damaged before frame ", number,
          ", so that groups which had been synced cannot be read; ",
          kBringBack));
    }
    readable = false;
    before = {.of_this_log = of_this_log,
              // How many pages the database has then: 0 within a group.
              .ends_group =
                  NumberAt(frame.data() + 4) != 0 && HeaderIsOfOneSector(at),
              .stored = {.first = NumberAt(frame.data() + 16),
                         .second = NumberAt(frame.data() + 20)}};
  }
  return absl::OkStatus();
}

}  // namespace quorate
