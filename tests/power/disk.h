// Answers: what does a disk hold after the power was cut?
//
// One directory of files in memory. Of each file it keeps what was synced and,
// in order, what was only written; of the names likewise. The running program
// sees everything at once. After Cut() and PowerOn() only what was synced is
// certain: of the rest each 512-byte sector of each write survives or not, as
// the tear says, names come back as a prefix of their changes (a file system
// with a journal), and all of it is the same for equal seeds. A write whose
// sync failed can be read until then and is never made durable by a later sync
// (reliability.md ENV3). A copy of a disk is a disk of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/random.h"

namespace quorate::power {

inline constexpr std::size_t kSectorBytes = 512;

// Which of the sectors that were written but not synced survive.
enum class Tear : std::uint8_t {
  kNothing,
  kEverything,
  kHalf,       // each with a chance of one in two
  kBeginning,  // those written first
  kEnd,        // those written last: the disk reordered its queue
  kAllButOne,
  kOnlyOne,
  // Like kHalf, and where the file grew the others hold garbage, not zeros.
  kGarbage,
};
inline constexpr int kTears = 8;

inline constexpr std::uint64_t kNever =
    std::numeric_limits<std::uint64_t>::max();

// What goes wrong, and when. Operations are counted from 0: creations, renames,
// removals, writes, changes of length and syncs; with `count_reads` reads too.
struct Trouble {
  // The power fails during this operation; nothing works afterwards.
  std::uint64_t cut_at = kNever;
  // This operation fails with `error`, and with `for_good` all after it.
  std::uint64_t fail_at = kNever;
  int error = 0;
  bool for_good = false;
  bool count_reads = false;
  // Syncs report success and do nothing.
  bool lying_sync = false;
};

class Disk {
 public:
  using Inode = int;

  // Starts counting operations anew.
  void Prepare(const Trouble& trouble);
  std::uint64_t operations() const { return operations_; }
  bool has_power() const { return has_power_; }
  // What went wrong went wrong: the operation of `trouble` was reached.
  bool troubled() const { return troubled_; }

  // Nothing works any more; what is not synced is in danger.
  void Cut() { has_power_ = false; }
  // Decides what survived.
  void PowerOn(Tear tear, std::uint64_t seed);
  // It was not the power: the program died. All it wrote can be read, and what
  // was not synced is in danger still.
  void GoOn();

  // Each returns 0, or the errno of its failure.
  int Open(const std::string& name, bool create, bool empty, Inode& inode);
  int Rename(const std::string& from, const std::string& to);
  int Unlink(const std::string& name);
  int Write(Inode inode, std::uint64_t offset, std::string_view bytes);
  int Truncate(Inode inode, std::uint64_t size);
  int Sync(Inode inode);
  int SyncNames();
  // `bytes` is valid until the next change.
  int Read(Inode inode, std::uint64_t offset, std::size_t count,
           std::string_view& bytes);

  // Equal of disks that no later life can tell apart.
  std::uint64_t Fingerprint() const;

  std::optional<Inode> Find(const std::string& name) const;
  std::uint64_t SizeOf(Inode inode) const;
  // Rewrites a file between two lives, durably; `edit` may change anything.
  template <typename Edit>
  void Alter(const std::string& name, const Edit& edit) {
    if (const auto inode = Find(name)) {
      File& file = files_.at(*inode);
      edit(file.visible);
      file.durable = file.visible;
    }
  }

 private:
  struct Change {
    bool is_truncation = false;
    bool lost = false;         // its sync failed
    std::uint64_t offset = 0;  // or the new size
    std::string bytes;
  };
  struct File {
    std::string durable;
    std::string visible;
    std::vector<Change> unsynced;
  };
  using Names = std::map<std::string, Inode>;
  // A name and what it means from now on; a rename has two in one.
  using NameChange = std::vector<std::pair<std::string, std::optional<Inode>>>;

  enum class Fate : std::uint8_t { kWorks, kFails, kCut };
  Fate Next();
  int Refusal(Fate fate) const;
  void ChangeNames(NameChange change);
  void Survive(File& file, Tear tear, sim::Random& random) const;

  Trouble trouble_;
  std::uint64_t operations_ = 0;
  bool has_power_ = true;
  bool troubled_ = false;
  std::map<Inode, File> files_;
  Inode next_inode_ = 1;
  Names visible_names_;
  Names durable_names_;
  std::vector<NameChange> unsynced_names_;
};

}  // namespace quorate::power
