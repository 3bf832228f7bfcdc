#include "experiments/bench/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "fmt/format.h"

namespace quorate::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kMostTries = 1000;

// "a/result.json", 2 -> "a/result-2.json".
std::string Numbered(const std::string& path, int number) {
  const fs::path whole(path);
  const std::string name = fmt::format("{}-{}{}", whole.stem().string(), number,
                                       whole.extension().string());
  return (whole.parent_path() / name).string();
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Open(std::string_view what,
                                            const std::string& path,
                                            bool force) {
  const auto cannot = [&](const std::string& why) {
    return absl::PermissionDeniedError(
        fmt::format("cannot write {} \"{}\": {}", what, path, why));
  };
  OutputFile output;
  output.what_ = what;
  output.path_ = path;
  output.force_ = force;
  std::error_code error;
  const fs::file_status there = fs::status(path, error);
  error.clear();  // That it is not there is no error.
  if (fs::is_directory(there)) return cannot("it is a directory");
  const bool regular = fs::is_regular_file(there);
  if (fs::exists(there) && !regular) {
    output.file_ = std::fopen(path.c_str(), "we");
    if (output.file_ == nullptr) return cannot(std::strerror(errno));
    return output;
  }
  if (regular && !force) {
    return absl::AlreadyExistsError(fmt::format(
        "{} \"{}\" exists already; give another name, or --force to replace it",
        what, path));
  }
  // A link stays one, and what it points to is replaced.
  if (regular) output.path_ = fs::canonical(path, error).string();
  if (error) return cannot(error.message());
  const fs::path folder = fs::path(output.path_).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error) return cannot(error.message());
  output.partial_ = fmt::format("{}.{}.partial", output.path_, getpid());
  output.file_ = std::fopen(output.partial_.c_str(), "we");
  if (output.file_ == nullptr) return cannot(std::strerror(errno));
  return output;
}

OutputFile::OutputFile(OutputFile&& other) noexcept {
  *this = std::move(other);
}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this == &other) return *this;
  Discard();
  what_ = std::move(other.what_);
  path_ = std::move(other.path_);
  partial_ = std::move(other.partial_);
  force_ = other.force_;
  file_ = std::exchange(other.file_, nullptr);
  error_ = other.error_;
  return *this;
}

void OutputFile::Write(std::string_view bytes) {
  if (file_ == nullptr || error_ != 0) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    error_ = errno;
  }
}

absl::Status OutputFile::Commit() {
  if (std::fclose(std::exchange(file_, nullptr)) != 0 && error_ == 0) {
    error_ = errno;
  }
  if (error_ != 0) {
    // Half of it is of no use to anybody.
    if (!partial_.empty()) unlink(partial_.c_str());
    return absl::DataLossError(fmt::format(
        "cannot write {} \"{}\": {}; {}", what_, path_, std::strerror(error_),
        partial_.empty() ? "part of it may be there"
                         : "nothing is left of it"));
  }
  return partial_.empty() ? absl::OkStatus() : Name();
}

absl::Status OutputFile::Name() {
  const std::string wanted = path_;
  for (int number = 2; number < kMostTries; ++number) {
    const int failed = force_ ? std::rename(partial_.c_str(), path_.c_str())
                              : renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD,
                                          path_.c_str(), RENAME_NOREPLACE);
    if (failed == 0) return absl::OkStatus();
    if (errno != EEXIST) break;
    path_ = Numbered(wanted, number);
  }
  return absl::DataLossError(
      fmt::format("{} \"{}\" keeps this name, not \"{}\": {}", what_, partial_,
                  wanted, std::strerror(errno)));
}

void OutputFile::Discard() {
  if (file_ == nullptr) return;
  std::fclose(std::exchange(file_, nullptr));
  if (!partial_.empty()) unlink(partial_.c_str());
}

absl::StatusOr<std::string> NewFolder(const std::string& prefix) {
  std::error_code error;
  const fs::path parent = fs::path(prefix).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  std::string folder = prefix;
  for (int number = 2; !error && number < kMostTries; ++number) {
    if (fs::create_directory(folder, error)) return folder;
    folder = fmt::format("{}-{}", prefix, number);
  }
  return absl::PermissionDeniedError(
      fmt::format("cannot create \"{}\": {}", prefix,
                  error ? error.message() : "every name of it is taken"));
}

}  // namespace quorate::bench
