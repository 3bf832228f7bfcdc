#include "storage/known_peers.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/checked_text.h"
#include "storage/descriptor.h"
#include "storage/store_directory.h"

namespace quorate {
namespace {

constexpr char kPeersTitle[] =
    "quorate peers 2 - do not edit, copy or remove\n";

// A line a replica: its number, from 1 on, its incarnation, life and process in
// hexadecimal digits, and the record. Before there were lives: number and
// incarnation.
bool ParsePeerLine(const std::string& line, std::size_t& number,
                   KnownPeer& peer) {
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

std::string_view BytesOfHeard(const auto& heard) {
  return {static_cast<const char*>(static_cast<const void*>(&heard)),
          sizeof(heard)};
}

absl::Status LostFile(const std::string& path, const std::string& what) {
  return absl::DataLossError(
      absl::StrCat("cannot read \"", path, "\": ", what, "; ", kBringBack));
}

absl::Status IsGone(const std::string& path) {
  return LostFile(path,
                  "it is gone, and with it whom this node has met and how far "
                  "they had come");
}

absl::Status OfAnotherDirectory(const std::string& path, std::uint64_t found,
                                std::uint64_t expected) {
  return absl::FailedPreconditionError(absl::StrCat(
      "cannot read \"", path, "\": it belongs to a directory of incarnation ",
      found, ", not to this one of ", expected,
      "; files of two nodes were mixed: put back those of this one"));
}

}  // namespace

KnownPeers::KnownPeers(const std::string& directory, std::uint64_t incarnation)
    : directory_(directory), incarnation_(incarnation) {}

std::string KnownPeers::PeersPath() const { return directory_ + "/peers"; }
std::string KnownPeers::HeardPath() const { return directory_ + "/heard"; }

absl::StatusOr<KnownPeers> KnownPeers::Load(const std::string& directory,
                                            std::uint64_t incarnation) {
  KnownPeers peers(directory, incarnation);
  const auto bytes = peers.ReadPeersFile();
  if (!bytes.ok()) return bytes.status();
  if (!bytes->has_value()) return IsGone(peers.PeersPath());
  absl::Status status = peers.ParsePeers(**bytes);
  if (status.ok()) status = peers.ReadHeard();
  if (!status.ok()) return status;
  return peers;
}

absl::Status KnownPeers::Create(const std::string& directory,
                                std::uint64_t incarnation) {
  KnownPeers peers(directory, incarnation);
  const absl::Status status =
      WriteDurably(peers.PeersPath(), peers.PeersBytes({}, 0));
  return status.ok() ? peers.CreateHeard() : status;
}

absl::Status KnownPeers::TakeOver(const std::string& directory,
                                  std::uint64_t incarnation) {
  KnownPeers peers(directory, incarnation);
  const auto bytes = peers.ReadPeersFile();
  if (!bytes.ok()) return bytes.status();
  absl::Status status;
  if (bytes->has_value()) {
    // A crash may have come while this was being done.
    const bool done = (*bytes)->starts_with(kPeersTitle);
    status = done ? peers.ParsePeers(**bytes) : peers.ParsePeerLines(**bytes);
  }
  if (status.ok()) status = peers.ReadFormerHeard();
  if (!status.ok()) return status;
  status = WriteDurably(peers.PeersPath(),
                        peers.PeersBytes(peers.peers_, peers.meetings_));
  return status.ok() ? peers.CreateHeard() : status;
}

// Nullopt when there is none.
absl::StatusOr<std::optional<std::string>> KnownPeers::ReadPeersFile() const {
  std::error_code error;
  if (!std::filesystem::exists(PeersPath(), error) && !error) {
    return std::nullopt;
  }
  std::ifstream file(PeersPath(), std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  // Who cannot read whom it knew must not take everybody for new.
  std::error_code of_size;
  const auto size = std::filesystem::file_size(PeersPath(), of_size);
  if (!file.is_open() || of_size || bytes.str().size() != size) {
    return LostFile(PeersPath(), "check its permissions and the disk");
  }
  return bytes.str();
}

absl::Status KnownPeers::ParsePeers(const std::string& bytes) {
  const std::optional<std::string_view> text = WithoutChecksum(bytes);
  if (!text || !text->starts_with(kPeersTitle)) {
    return LostFile(PeersPath(), "it is damaged");
  }
  std::istringstream lines(std::string(text->substr(std::strlen(kPeersTitle))));
  std::string of, written;
  std::uint64_t incarnation = 0;
  std::string line;
  std::getline(lines, of);
  std::getline(lines, written);
  if (!of.starts_with("of ") || !absl::SimpleAtoi(of.substr(3), &incarnation) ||
      !written.starts_with("meetings ") ||
      !absl::SimpleAtoi(written.substr(9), &meetings_)) {
    return LostFile(PeersPath(), "it is not what this program wrote");
  }
  if (incarnation != incarnation_) {
    return OfAnotherDirectory(PeersPath(), incarnation, incarnation_);
  }
  std::ostringstream rest;
  rest << lines.rdbuf();
  return ParsePeerLines(rest.str());
}

absl::Status KnownPeers::ParsePeerLines(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  while (std::getline(lines, line)) {
    std::size_t number = 0;
    KnownPeer peer;
    if (!ParsePeerLine(line, number, peer) || number < 1 ||
        number > peers_.size()) {
      return LostFile(PeersPath(), absl::StrCat("it is damaged: \"", line,
                                                "\" is not what this program "
                                                "wrote"));
    }
    peers_[number - 1] = peer;
  }
  return absl::OkStatus();
}

absl::Status KnownPeers::ReadHeard() {
  absl::StatusOr<std::optional<MarkFile>> mark = MarkFile::Open(HeardPath());
  if (!mark.ok()) return mark.status();
  if (!mark->has_value()) return IsGone(HeardPath());
  heard_ = *std::move(*mark);
  Heard heard;
  if (heard_->contents().size() != sizeof(heard)) {
    return LostFile(HeardPath(), "it is not what this program wrote");
  }
  std::memcpy(&heard, heard_->contents().data(), sizeof(heard));
  if (heard.incarnation != incarnation_) {
    return OfAnotherDirectory(HeardPath(), heard.incarnation, incarnation_);
  }
  // It is written after `peers`, and never synced.
  if (heard.meetings > meetings_) {
    return LostFile(
        PeersPath(),
        absl::StrCat("it is older than the file \"heard\" beside "
                     "it: it tells of ",
                     meetings_, " meetings, that of ", heard.meetings));
  }
  Raise(heard.records);
  return absl::OkStatus();
}

// Records alone, or nothing at all.
absl::Status KnownPeers::ReadFormerHeard() {
  absl::StatusOr<std::optional<MarkFile>> mark = MarkFile::Open(HeardPath());
  if (!mark.ok()) return mark.status();
  if (!mark->has_value()) return absl::OkStatus();
  const std::string& bytes = (*mark)->contents();
  if (bytes.size() == sizeof(Heard)) return ReadHeard();
  std::array<RecordSequence, kMaxNodes> records{};
  std::memcpy(records.data(), bytes.data(),
              std::min(sizeof(records), bytes.size()));
  Raise(records);
  return absl::OkStatus();
}

void KnownPeers::Raise(const std::array<RecordSequence, kMaxNodes>& records) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]) peers_[i]->record = std::max(peers_[i]->record, records[i]);
  }
}

KnownPeers::Heard KnownPeers::WhatIsHeard() const {
  Heard heard{.incarnation = incarnation_, .meetings = meetings_};
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i]) heard.records[i] = peers_[i]->record;
  }
  return heard;
}

std::string KnownPeers::PeersBytes(const Peers& peers,
                                   std::uint64_t meetings) const {
  std::string text = absl::StrCat(kPeersTitle, "of ", incarnation_,
                                  "\nmeetings ", meetings, "\n");
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (!peers[i]) continue;
    absl::StrAppend(&text, i + 1);
    for (const std::uint64_t field : {peers[i]->incarnation, peers[i]->life,
                                      peers[i]->process, peers[i]->record}) {
      absl::StrAppend(&text, " ", absl::StrCat(absl::Hex(field)));
    }
    absl::StrAppend(&text, "\n");
  }
  return WithChecksum(std::move(text));
}

absl::Status KnownPeers::CreateHeard() {
  const Heard heard = WhatIsHeard();
  absl::StatusOr<MarkFile> mark =
      MarkFile::Create(HeardPath(), BytesOfHeard(heard));
  if (!mark.ok()) return mark.status();
  heard_ = *std::move(mark);
  return absl::OkStatus();
}

absl::Status KnownPeers::Remember(ReplicaId peer, const KnownPeer& known) {
  Peers peers = peers_;
  peers[static_cast<std::size_t>(Index(peer))] = known;
  if (!directory_.empty()) {
    absl::Status status =
        WriteDurably(PeersPath(), PeersBytes(peers, meetings_ + 1));
    if (status.ok()) status = SyncDirectory(directory_);
    if (!status.ok()) return status;
    ++meetings_;
    heard_more_ = true;
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
  const Heard heard = WhatIsHeard();
  return heard_->Write(BytesOfHeard(heard));
}

}  // namespace quorate
