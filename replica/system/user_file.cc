#include "replica/system/user_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace quorate {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
// A pipe, a terminal, a device: long enough for whatever is to fill it.
constexpr int kSilenceMs = 10'000;

absl::Status Refused(const std::string& why) {
  return absl::InvalidArgumentError(why);
}

absl::StatusOr<int> OpenForReading(const std::string& path) {
  // Not blocking: to open a pipe would wait until somebody writes to it.
  const int descriptor =
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    const std::string why = std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(why) : Refused(why);
  }
  struct stat about {};
  if (fstat(descriptor, &about) == 0 && S_ISDIR(about.st_mode)) {
    close(descriptor);
    return Refused("it is a directory; give a file");
  }
  return descriptor;
}

// A pipe without a writer reads as empty, until one has come.
bool IsPipe(int descriptor) {
  struct stat about {};
  return fstat(descriptor, &about) == 0 && S_ISFIFO(about.st_mode);
}

// Waits for bytes or for their end.
absl::Status WaitForBytes(int descriptor) {
  pollfd ready{.fd = descriptor, .events = POLLIN, .revents = 0};
  int found = 0;
  do {
    found = poll(&ready, 1, kSilenceMs);
  } while (found < 0 && errno == EINTR);
  if (found > 0) return absl::OkStatus();
  return Refused(absl::StrCat("nobody has written to it for ",
                              kSilenceMs / 1000,
                              " s; give a file, or start its writer first"));
}

}  // namespace

UserFileBuffer::UserFileBuffer(const std::string& path) : room_(kPieceBytes) {
  if (path == "-") {
    descriptor_ = STDIN_FILENO;
    return;
  }
  const absl::StatusOr<int> opened = OpenForReading(path);
  status_ = opened.status();
  if (!opened.ok()) return;
  descriptor_ = *opened;
  owned_ = true;
  if (IsPipe(descriptor_)) status_ = WaitForBytes(descriptor_);
}

UserFileBuffer::~UserFileBuffer() {
  if (owned_) close(descriptor_);
}

UserFileBuffer::int_type UserFileBuffer::underflow() {
  while (status_.ok()) {
    const ssize_t got = read(descriptor_, room_.data(), room_.size());
    if (got > 0) {
      setg(room_.data(), room_.data(), room_.data() + got);
      return traits_type::to_int_type(room_.front());
    }
    if (got == 0) break;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      status_ = WaitForBytes(descriptor_);
    } else {
      status_ =
          Refused(absl::StrCat("it cannot be read: ", std::strerror(errno)));
    }
  }
  return traits_type::eof();
}

absl::StatusOr<std::string> ReadUserFile(const std::string& path,
                                         std::size_t most_bytes) {
  UserFileBuffer file(path);
  std::string text;
  std::vector<char> piece(kPieceBytes);
  while (text.size() <= most_bytes) {
    const std::streamsize got =
        file.sgetn(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  if (!file.status().ok()) return file.status();
  if (text.size() > most_bytes) {
    return Refused(absl::StrCat("it has more than ", most_bytes,
                                " bytes; is it the right file?"));
  }
  constexpr std::string_view kUtf8 = "\xef\xbb\xbf";
  if (text.starts_with(kUtf8)) text.erase(0, kUtf8.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    return Refused("it is UTF-16; save it as UTF-8");
  }
  return text;
}

}  // namespace quorate
