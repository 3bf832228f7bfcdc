#include "tests/power/disk.h"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>

#include "wire/fingerprint.h"

namespace quorate::power {
namespace {

void WriteAt(std::string& content, std::uint64_t offset, std::string_view bytes,
             char filling) {
  const std::size_t end = static_cast<std::size_t>(offset) + bytes.size();
  if (content.size() < end) content.resize(end, filling);
  content.replace(static_cast<std::size_t>(offset), bytes.size(), bytes);
}

// Calls `piece(offset, bytes)` for the part of a write in each sector. Bytes of
// a sector that the write does not touch are safe, as SQLite assumes of every
// disk (SQLITE_IOCAP_POWERSAFE_OVERWRITE).
template <typename Piece>
void ForEachSector(std::uint64_t offset, std::string_view bytes,
                   const Piece& piece) {
  while (!bytes.empty()) {
    const std::size_t room =
        kSectorBytes - static_cast<std::size_t>(offset % kSectorBytes);
    const std::string_view part = bytes.substr(0, room);
    piece(offset, part);
    offset += part.size();
    bytes.remove_prefix(part.size());
  }
}

// Tells for the first, second, ... of `count` units whether it survives.
class Judge {
 public:
  Judge(Tear tear, std::uint64_t count, sim::Random& random)
      : tear_(tear), random_(random) {
    if (count > 0) edge_ = random_.Below(count);
  }

  bool Next() {
    const std::uint64_t unit = unit_++;
    switch (tear_) {
      case Tear::kNothing: return false;
      case Tear::kEverything: return true;
      case Tear::kHalf:
      case Tear::kGarbage: return random_.Pick(2) == 0;
      case Tear::kBeginning: return unit < edge_;
      case Tear::kEnd: return unit >= edge_;
      case Tear::kAllButOne: return unit != edge_;
      case Tear::kOnlyOne: return unit == edge_;
    }
    return false;
  }

 private:
  Tear tear_;
  sim::Random& random_;
  std::uint64_t edge_ = 0;
  std::uint64_t unit_ = 0;
};

}  // namespace

void Disk::Prepare(const Trouble& trouble) {
  trouble_ = trouble;
  operations_ = 0;
  troubled_ = false;
}

Disk::Fate Disk::Next() {
  if (!has_power_) return Fate::kFails;
  const std::uint64_t number = operations_++;
  if (number == trouble_.cut_at) {
    troubled_ = true;
    has_power_ = false;
    return Fate::kCut;
  }
  if (number == trouble_.fail_at ||
      (trouble_.for_good && number > trouble_.fail_at)) {
    troubled_ = true;
    return Fate::kFails;
  }
  return Fate::kWorks;
}

int Disk::Refusal(Fate fate) const {
  if (fate == Fate::kWorks) return 0;
  return has_power_ ? trouble_.error : EIO;
}

std::optional<Disk::Inode> Disk::Find(const std::string& name) const {
  const auto found = visible_names_.find(name);
  if (found == visible_names_.end()) return std::nullopt;
  return found->second;
}

std::uint64_t Disk::SizeOf(Inode inode) const {
  return files_.at(inode).visible.size();
}

void Disk::ChangeNames(NameChange change) {
  for (const auto& [name, inode] : change) {
    if (inode) {
      visible_names_[name] = *inode;
    } else {
      visible_names_.erase(name);
    }
  }
  unsynced_names_.push_back(std::move(change));
}

int Disk::Open(const std::string& name, bool create, bool empty, Inode& inode) {
  if (!has_power_) return EIO;
  if (const auto found = Find(name)) {
    inode = *found;
    return empty && SizeOf(inode) > 0 ? Truncate(inode, 0) : 0;
  }
  if (!create) return ENOENT;
  // Cut in the middle: the name may or may not be there.
  const Fate fate = Next();
  if (fate == Fate::kFails) return Refusal(fate);
  inode = next_inode_++;
  files_[inode];
  ChangeNames({{name, inode}});
  return Refusal(fate);
}

int Disk::Rename(const std::string& from, const std::string& to) {
  const auto inode = Find(from);
  if (!inode) return ENOENT;
  const Fate fate = Next();
  if (fate != Fate::kFails) ChangeNames({{from, std::nullopt}, {to, *inode}});
  return Refusal(fate);
}

int Disk::Unlink(const std::string& name) {
  if (!Find(name)) return ENOENT;
  const Fate fate = Next();
  if (fate != Fate::kFails) ChangeNames({{name, std::nullopt}});
  return Refusal(fate);
}

int Disk::Write(Inode inode, std::uint64_t offset, std::string_view bytes) {
  const bool had_power = has_power_;
  const Fate fate = Next();
  if (!had_power) return Refusal(fate);
  // A write that fails has come half way.
  if (fate == Fate::kFails) bytes = bytes.substr(0, bytes.size() / 2);
  File& file = files_.at(inode);
  WriteAt(file.visible, offset, bytes, '\0');
  file.unsynced.push_back({.offset = offset, .bytes = std::string(bytes)});
  return Refusal(fate);
}

int Disk::Truncate(Inode inode, std::uint64_t size) {
  const Fate fate = Next();
  if (fate == Fate::kFails) return Refusal(fate);
  File& file = files_.at(inode);
  file.visible.resize(static_cast<std::size_t>(size), '\0');
  file.unsynced.push_back({.is_truncation = true, .offset = size, .bytes = {}});
  return Refusal(fate);
}

int Disk::Sync(Inode inode) {
  const Fate fate = Next();
  if (fate == Fate::kCut || !has_power_) return Refusal(fate);
  File& file = files_.at(inode);
  if (fate == Fate::kFails) {
    for (Change& change : file.unsynced) change.lost = true;
    return Refusal(fate);
  }
  if (trouble_.lying_sync) return 0;
  for (const Change& change : file.unsynced) {
    if (change.lost) continue;
    if (change.is_truncation) {
      file.durable.resize(static_cast<std::size_t>(change.offset), '\0');
    } else {
      WriteAt(file.durable, change.offset, change.bytes, '\0');
    }
  }
  std::erase_if(file.unsynced,
                [](const Change& change) { return !change.lost; });
  return 0;
}

int Disk::SyncNames() {
  const Fate fate = Next();
  if (fate != Fate::kWorks) return Refusal(fate);
  if (trouble_.lying_sync) return 0;
  durable_names_ = visible_names_;
  unsynced_names_.clear();
  return 0;
}

int Disk::Read(Inode inode, std::uint64_t offset, std::size_t count,
               std::string_view& bytes) {
  const Fate fate = trouble_.count_reads ? Next() : Fate::kWorks;
  if (fate != Fate::kWorks || !has_power_) return Refusal(Fate::kFails);
  const std::string& content = files_.at(inode).visible;
  const std::size_t from =
      std::min(static_cast<std::size_t>(offset), content.size());
  bytes = std::string_view(content).substr(from, count);
  return 0;
}

// Replays the changes in their order, without those that did not survive.
void Disk::Survive(File& file, Tear tear, sim::Random& random) const {
  std::uint64_t units = 0;
  for (const Change& change : file.unsynced) {
    if (change.is_truncation) ++units;
    ForEachSector(change.offset, change.bytes, [&](auto, auto) { ++units; });
  }
  Judge judge(tear, units, random);
  const char filling = tear == Tear::kGarbage ? '\xa5' : '\0';
  for (const Change& change : file.unsynced) {
    if (change.is_truncation) {
      if (judge.Next() && !change.lost) {
        file.durable.resize(static_cast<std::size_t>(change.offset), '\0');
      }
      continue;
    }
    ForEachSector(change.offset, change.bytes,
                  [&](std::uint64_t offset, std::string_view bytes) {
                    if (judge.Next() && !change.lost) {
                      WriteAt(file.durable, offset, bytes, filling);
                    }
                  });
  }
  file.unsynced.clear();
  file.visible = file.durable;
}

void Disk::PowerOn(Tear tear, std::uint64_t seed) {
  sim::Random random(seed);
  for (auto& [inode, file] : files_) Survive(file, tear, random);
  std::uint64_t kept = random.Below(unsynced_names_.size() + 1);
  if (tear == Tear::kNothing) kept = 0;
  if (tear == Tear::kEverything) kept = unsynced_names_.size();
  visible_names_ = durable_names_;
  const std::vector<NameChange> changes = std::move(unsynced_names_);
  unsynced_names_.clear();
  for (std::uint64_t i = 0; i < kept; ++i) {
    ChangeNames(changes[static_cast<std::size_t>(i)]);
  }
  unsynced_names_.clear();
  durable_names_ = visible_names_;
  std::erase_if(files_, [this](const auto& entry) {
    return std::ranges::none_of(visible_names_, [&](const auto& name) {
      return name.second == entry.first;
    });
  });
  has_power_ = true;
  Prepare({});
}

void Disk::GoOn() {
  has_power_ = true;
  Prepare({});
}

std::uint64_t Disk::Fingerprint() const {
  quorate::Fingerprint print;
  const auto mix_text = [&print](std::string_view text) {
    print.Mix(text.size());
    print.Mix(XXH3_64bits(text.data(), text.size()));
  };
  const auto mix_names = [&](const auto& names) {
    print.Mix(names.size());
    for (const auto& [name, inode] : names) {
      mix_text(name);
      print.Mix(
          static_cast<std::uint64_t>(std::optional<Inode>(inode).value_or(0)));
    }
  };
  print.Mix(has_power_ ? 1 : 0);
  for (const auto& [inode, file] : files_) {
    print.Mix(static_cast<std::uint64_t>(inode));
    mix_text(file.durable);
    mix_text(file.visible);
    print.Mix(file.unsynced.size());
    for (const Change& change : file.unsynced) {
      print.Mix((change.is_truncation ? 2u : 0u) | (change.lost ? 1u : 0u));
      print.Mix(change.offset);
      mix_text(change.bytes);
    }
  }
  mix_names(visible_names_);
  mix_names(durable_names_);
  print.Mix(unsynced_names_.size());
  for (const NameChange& change : unsynced_names_) mix_names(change);
  return print.value();
}

}  // namespace quorate::power
