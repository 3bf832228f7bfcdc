#include "storage/known_peers.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/descriptor.h"
#include "storage/store_directory.h"

namespace quorate {
namespace {

constexpr const char kFileName[] = "peers";
constexpr const char kHeardName[] = "heard";

// A line a replica: its number, from 1 on, its incarnation, life and process in
// hexadecimal digits, and the record. Before there were lives: number and
// incarnation.
bool ParseLine(const std::string& line, std::size_t& number, KnownPeer& peer) {
  std::istringstream words(line);
  std::array<std::string, 4> fields{"", "0", "0", "0"};
  std::string rest;
  if (!(words >> number >> fields[0])) return false;
  if (words >> fields[1] && !(words >> fields[2] >> fields[3])) return false;
  words.clear();
  if (words >> rest) return false;
  return absl::SimpleHexAtoi(fields[0], &peer.incarnation) &&
         absl::SimpleHexAtoi(fields[1], &peer.life) &&
         absl::SimpleHexAtoi(fields[2], &peer.process) &&
         absl::SimpleHexAtoi(fields[3], &peer.record);
}

}  // namespace

absl::StatusOr<KnownPeers> KnownPeers::Load(const std::string& directory) {
  KnownPeers peers;
  peers.path_ = (std::filesystem::path(directory) / kFileName).string();
  absl::Status status = peers.ReadPeers();
  if (status.ok()) {
    status = peers.ReadHeard(
        (std::filesystem::path(directory) / kHeardName).string());
  }
  if (!status.ok()) return status;
  return peers;
}

absl::Status KnownPeers::ReadPeers() {
  std::error_code error;
  if (!std::filesystem::exists(path_, error) && !error) {
    return absl::OkStatus();
  }
  std::ifstream file(path_);
  std::string line;
  while (std::getline(file, line)) {
    std::size_t number = 0;
    KnownPeer peer;
    if (!ParseLine(line, number, peer) || number < 1 ||
        number > peers_.size()) {
      return absl::DataLossError(
          absl::StrCat("cannot read \"", path_, "\": \"", line,
                       "\" is not what this program wrote; ", kBringBack));
    }
    peers_[number - 1] = peer;
  }
  // Who cannot read whom it knew must not take everybody for new.
  if (!file.is_open() || !file.eof()) {
    return absl::DataLossError(absl::StrCat(
        "cannot read \"", path_, "\": check its permissions and the disk, or ",
        kBringBack));
  }
  return absl::OkStatus();
}

absl::Status KnownPeers::ReadHeard(const std::string& path) {
  absl::StatusOr<std::optional<MarkFile>> mark = MarkFile::Open(path);
  if (!mark.ok()) return mark.status();
  if (!mark->has_value()) return absl::OkStatus();
  heard_ = *std::move(*mark);
  std::array<RecordSequence, kMaxNodes> records{};
  static_assert(sizeof(records) <= MarkFile::kMostBytes);
  const std::string& bytes = heard_->contents();
  std::memcpy(records.data(), bytes.data(),
              std::min(sizeof(records), bytes.size()));
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]) peers_[i]->record = std::max(peers_[i]->record, records[i]);
  }
  return absl::OkStatus();
}

std::string KnownPeers::HeardBytes() const {
  std::array<RecordSequence, kMaxNodes> records{};
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]) records[i] = peers_[i]->record;
  }
  std::string bytes(sizeof(records), '\0');
  std::memcpy(bytes.data(), records.data(), sizeof(records));
  return bytes;
}

absl::Status KnownPeers::Remember(ReplicaId peer, const KnownPeer& known) {
  auto peers = peers_;
  peers[static_cast<std::size_t>(Index(peer))] = known;
  std::string text;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (!peers[i]) continue;
    absl::StrAppend(&text, i + 1);
    for (const std::uint64_t field : {peers[i]->incarnation, peers[i]->life,
                                      peers[i]->process, peers[i]->record}) {
      absl::StrAppend(&text, " ", absl::StrCat(absl::Hex(field)));
    }
    absl::StrAppend(&text, "\n");
  }
  if (!path_.empty()) {
    absl::Status status = WriteDurably(path_, text);
    const auto folder = std::filesystem::path(path_).parent_path();
    if (status.ok() && !heard_) {
      absl::StatusOr<MarkFile> mark =
          MarkFile::Create((folder / kHeardName).string(), HeardBytes());
      if (!mark.ok()) return mark.status();
      heard_ = *std::move(mark);
    }
    if (status.ok()) status = SyncDirectory(folder.string());
    if (!status.ok()) return status;
  }
  peers_ = peers;
  return absl::OkStatus();
}

void KnownPeers::Hear(ReplicaId peer, RecordSequence record) {
  std::optional<KnownPeer>& known =
      peers_[static_cast<std::size_t>(Index(peer))];
  if (!known || record <= known->record) return;
  known->record = record;
  heard_more_ = true;
}

absl::Status KnownPeers::WriteHeard() {
  if (!heard_more_ || !heard_) return absl::OkStatus();
  heard_more_ = false;
  return heard_->Write(HeardBytes());
}

}  // namespace quorate
