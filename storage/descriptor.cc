#include "storage/descriptor.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace quorate {

absl::Status FileError(const char* action, const std::string& path, int error) {
  std::string text = absl::StrCat("cannot ", action, " \"", path,
                                  "\": ", std::strerror(error));
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(
          absl::StrCat(text, "; free space on this disk and start again"));
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(absl::StrCat(
          text, "; let this user write there or give the node another `dir`"));
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return absl::FailedPreconditionError(absl::StrCat(
          text, "; give the node another `dir`, or move away what is there"));
    case EMFILE:
    case ENFILE:
      return absl::UnavailableError(absl::StrCat(
          text, "; allow more open files (ulimit -n) and start again"));
    default:
      return absl::InternalError(
          absl::StrCat(text, "; check the disk and its mount"));
  }
}

}  // namespace quorate
