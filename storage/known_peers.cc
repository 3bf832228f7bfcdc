#include "storage/known_peers.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/store_directory.h"

namespace quorate {
namespace {

constexpr const char kFileName[] = "peers";

}  // namespace

// A line a replica: its number, from 1 on, and its incarnation.
absl::StatusOr<KnownPeers> KnownPeers::Load(const std::string& directory) {
  KnownPeers peers;
  peers.path_ = (std::filesystem::path(directory) / kFileName).string();
  std::error_code error;
  if (!std::filesystem::exists(peers.path_, error) && !error) return peers;
  std::ifstream file(peers.path_);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::size_t number = 0;
    std::string incarnation;
    std::string rest;
    std::uint64_t value = 0;
    if (!(words >> number >> incarnation) || (words >> rest) || number < 1 ||
        number > peers.incarnations_.size() ||
        !absl::SimpleHexAtoi(incarnation, &value)) {
      return absl::DataLossError(absl::StrCat(
          "cannot read \"", peers.path_, "\": \"", line,
          "\" is not what this program wrote; restore it from a backup, or "
          "remove it if no node of the cluster has lost its directory"));
    }
    peers.incarnations_[number - 1] = value;
  }
  // Who cannot read whom it knew must not take everybody for new.
  if (!file.is_open() || !file.eof()) {
    return absl::DataLossError(absl::StrCat(
        "cannot read \"", peers.path_,
        "\": check its permissions and the disk, or restore it from a backup"));
  }
  return peers;
}

absl::Status KnownPeers::Remember(ReplicaId peer, std::uint64_t incarnation) {
  auto incarnations = incarnations_;
  incarnations[static_cast<std::size_t>(Index(peer))] = incarnation;
  std::string text;
  for (std::size_t i = 0; i < incarnations.size(); ++i) {
    if (!incarnations[i]) continue;
    absl::StrAppend(&text, i + 1, " ",
                    absl::StrCat(absl::Hex(*incarnations[i])), "\n");
  }
  if (!path_.empty()) {
    if (absl::Status status = WriteDurably(path_, text); !status.ok()) {
      return status;
    }
    const auto folder = std::filesystem::path(path_).parent_path().string();
    if (absl::Status status = SyncDirectory(folder); !status.ok()) {
      return status;
    }
  }
  incarnations_ = incarnations;
  return absl::OkStatus();
}

}  // namespace quorate
