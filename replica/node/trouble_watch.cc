#include "replica/node/trouble_watch.h"

#include <filesystem>
#include <utility>

#include "replica/system/user_file.h"
#include "wire/fingerprint.h"
#include "wire/text.h"

namespace quorate {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 16;

}  // namespace

std::uint64_t TroubleWatch::DigestOf(std::string_view text) {
  Fingerprint print;
  print.Mix(text.size());
  for (const char c : text) print.Mix(static_cast<unsigned char>(c));
  return print.value();
}

TroubleWatch::TroubleWatch(uv_loop_t* loop, HandleCount& count,
                           const ClusterConfig& config, Changed changed,
                           std::function<void(const std::string&)> log)
    : config_(config),
      changed_(std::move(changed)),
      log_(std::move(log)),
      digest_(DigestOf("")),
      watch_(loop, count, uv_fs_event_init, this) {
  const std::filesystem::path path(config.wan.trouble);
  file_name_ = path.filename().string();
  std::string folder = path.parent_path().string();
  if (folder.empty()) folder = ".";
  // The folder: a file that is replaced is another file.
  const int error = uv_fs_event_start(
      watch_.get(),
      [](uv_fs_event_t* handle, const char* name, int, int) {
        TroubleWatch& self = OwnerOf<TroubleWatch>(handle);
        if (name == nullptr || self.file_name_ == name) self.Look();
      },
      folder.c_str(), 0);
  if (error != 0) {
    problem_ = Concat("cannot watch \"", folder, "\": ", uv_strerror(error));
    log_(Concat("trouble: ", problem_,
                "; ways stay as they are until the node is started again"));
  }
  Look();
}

void TroubleWatch::Look() {
  absl::StatusOr<std::string> text =
      ReadUserFile(config_.wan.trouble, kMostBytes);
  if (absl::IsNotFound(text.status())) text = std::string();
  absl::StatusOr<TroubleTable> read =
      text.ok() ? ParseTrouble(*text, config_) : text.status();
  if (!read.ok()) {
    const std::string problem =
        Concat("\"", config_.wan.trouble,
               "\": ", std::string(read.status().message()));
    if (problem != problem_) log_(Concat("trouble: ", problem));
    problem_ = problem;
    return;
  }
  problem_.clear();
  digest_ = DigestOf(*text);
  if (*read == troubles_) return;
  troubles_ = *std::move(read);
  changed_(troubles_);
}

}  // namespace quorate
