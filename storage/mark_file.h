// Answers: how far had something come when nobody synced the news of it?
//
// A fact that changes with every commit and costs no sync: two sectors that are
// written in turn, each with a number and a checksum. After SIGKILL the newest
// one is there, because the kernel has it. After a power loss it may be an
// older one, never one that was not written: so a mark says "at least so far".
// A sector that was torn or damaged leaves the other. Used by one thread at a
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/descriptor.h"

namespace quorate {

class MarkFile {
 public:
  static constexpr std::size_t kMostBytes = 480;

  // The mark at `path`: nullopt when there is no such file, DataLoss when it
  // has another size or neither sector makes sense.
  static absl::StatusOr<std::optional<MarkFile>> Open(const std::string& path);
  // Makes the file, durably but for its name. In place of one that is there.
  static absl::StatusOr<MarkFile> Create(const std::string& path,
                                         std::string_view contents);

  const std::string& path() const { return path_; }
  // As they were when it was opened.
  const std::string& contents() const { return contents_; }
  // At most kMostBytes. What was written last is what the next Open finds, if
  // the power stays; Sync makes it so in any case.
  absl::Status Write(std::string_view contents);
  absl::Status Sync();

 private:
  MarkFile(std::string path, Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  bool Read(int sector);

  std::string path_;
  Descriptor file_;
  std::uint64_t number_ = 0;  // of the newest sector
  std::string contents_;
};

}  // namespace quorate
