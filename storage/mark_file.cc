#include "storage/mark_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/store_directory.h"
#include "wire/check.h"

namespace quorate {
namespace {

constexpr std::size_t kMarkSectorBytes = 512;
constexpr std::uint64_t kMarkMagic = 0x314b52414d545251;  // "QRTMARK1"

struct MarkHeader {
  std::uint64_t magic = kMarkMagic;
  std::uint64_t checksum = 0;  // of what follows it in the sector
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
};
static_assert(sizeof(MarkHeader) + MarkFile::kMostBytes == kMarkSectorBytes);

constexpr std::size_t kCheckedFrom = offsetof(MarkHeader, number);

std::uint64_t SectorChecksum(const char* sector, std::size_t contents) {
  return XXH3_64bits(sector + kCheckedFrom,
                     sizeof(MarkHeader) - kCheckedFrom + contents);
}

off_t PlaceOf(std::uint64_t number) {
  return static_cast<off_t>(number % 2 * kMarkSectorBytes);
}

// Header and contents; the rest of the sector is of no meaning.
std::size_t Fill(std::array<char, kMarkSectorBytes>& sector,
                 std::uint64_t number, std::string_view contents) {
  MarkHeader header{.number = number, .bytes = contents.size()};
  std::memcpy(sector.data(), &header, sizeof(header));
  std::memcpy(sector.data() + sizeof(header), contents.data(), contents.size());
  header.checksum = SectorChecksum(sector.data(), contents.size());
  std::memcpy(sector.data(), &header, sizeof(header));
  return sizeof(header) + contents.size();
}

}  // namespace

bool MarkFile::Read(int sector) {
  std::array<char, kMarkSectorBytes> bytes{};
  const ssize_t count =
      pread(file_.fd(), bytes.data(), bytes.size(),
            static_cast<off_t>(sector) * static_cast<off_t>(kMarkSectorBytes));
  MarkHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (count != static_cast<ssize_t>(bytes.size()) ||
      header.magic != kMarkMagic || header.bytes > kMostBytes ||
      header.checksum != SectorChecksum(bytes.data(), static_cast<std::size_t>(
                                                          header.bytes))) {
    return false;
  }
  if (header.number >= number_) {
    number_ = header.number;
    contents_.assign(bytes.data() + sizeof(header),
                     static_cast<std::size_t>(header.bytes));
  }
  return true;
}

absl::StatusOr<std::optional<MarkFile>> MarkFile::Open(
    const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.ok()) {
    if (errno == ENOENT) return std::nullopt;
    return FileError("open", path, errno);
  }
  MarkFile mark(path, std::move(file));
  // Half a file would pass for one with a torn sector.
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) {
    return FileError("read", path, errno);
  }
  const bool whole = facts.st_size == static_cast<off_t>(2 * kMarkSectorBytes);
  const bool first = mark.Read(0);
  if (!whole || (!mark.Read(1) && !first)) {
    return absl::DataLossError(absl::StrCat(
        "cannot read \"", path, "\": it is damaged, ",
        whole ? "in both of its parts" : "and not as long as it was written",
        "; ", kBringBack));
  }
  return std::optional<MarkFile>(std::move(mark));
}

absl::StatusOr<MarkFile> MarkFile::Create(const std::string& path,
                                          std::string_view contents) {
  QUORATE_CHECK(contents.size() <= kMostBytes, "a mark fits its sector");
  // Both sectors: a file that grows later could come back with garbage.
  std::string bytes;
  for (const std::uint64_t number : {0, 1}) {
    std::array<char, kMarkSectorBytes> sector{};
    Fill(sector, number, contents);
    bytes.append(sector.data(), sector.size());
  }
  if (absl::Status status = WriteDurably(path, bytes); !status.ok()) {
    return status;
  }
  absl::StatusOr<std::optional<MarkFile>> mark = Open(path);
  if (!mark.ok()) return mark.status();
  return *std::move(*mark);
}

absl::Status MarkFile::Write(std::string_view contents) {
  QUORATE_CHECK(contents.size() <= kMostBytes, "a mark fits its sector");
  std::array<char, kMarkSectorBytes> sector;
  const std::size_t bytes = Fill(sector, number_ + 1, contents);
  const ssize_t written =
      pwrite(file_.fd(), sector.data(), bytes, PlaceOf(number_ + 1));
  if (written != static_cast<ssize_t>(bytes)) {
    return FileError("write", path_, written < 0 ? errno : EIO);
  }
  ++number_;
  return absl::OkStatus();
}

absl::Status MarkFile::Sync() {
  if (fdatasync(file_.fd()) != 0) return FileError("sync", path_, errno);
  return absl::OkStatus();
}

}  // namespace quorate
