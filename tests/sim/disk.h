// Answers: what does a node find on its disk after a crash?
//
// A journal in memory that behaves like a disk: appended records are not
// durable until a sync that began after them has ended, records that arrive
// during a sync join the next one (group commit), and a crash keeps the durable
// records and a prefix, of any length, of the others. A checkpoint takes the
// place of the records it stands for once it is whole and they are durable; a
// crash before that leaves nothing of it. The whole journal is kept all the
// same, for checkers. Time is the caller's. With a StoreDisk beneath it, what a
// crash leaves is for the real store to say, and this class keeps the books.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/marks.h"
#include "tests/sim/random.h"
#include "tests/sim/store_disk.h"
#include "wire/ids.h"
#include "wire/record.h"

namespace quorate::sim {

class SimulatedDisk {
 public:
  // From the first life on.
  void UseStore(std::unique_ptr<StoreDisk> store) { store_ = std::move(store); }

  void Append(Record record) { journal_.push_back(std::move(record)); }

  // The newest record appended, and the newest that would survive now.
  RecordSequence last() const { return journal_.size(); }
  RecordSequence durable() const { return durable_; }
  bool syncing() const { return syncing_through_ > durable_; }
  bool has_unsynced() const { return last() > durable_; }

  // A sync of everything appended so far begins. None may be under way.
  void BeginSync();
  // It ends well: returns the records that became durable.
  std::span<const Record> EndSync();
  // The disk refuses the sync under way: the crash that follows is the node's
  // own stop.
  void FailSync() { sync_fails_ = true; }
  // It ends with the node (crash or failed sync): each record after the durable
  // ones survives only if all before it do. Returns the survivors that were not
  // durable before. `power`: as StoreDisk's.
  std::span<const Record> Crash(Random& random, bool power = false);
  // The last crash took the power of a real store.
  bool power_was_cut() const {
    return store_ != nullptr && store_->power_was_cut();
  }

  // The node's memory had records, asked for and not yet appended.
  void NoteLost(std::span<const Record> records);

  // Every record there ever was.
  std::span<const Record> journal() const { return journal_; }

  // A checkpoint of this node, or of a peer's state, written piece by piece. It
  // stands for the records up to `through`.
  void BeginCheckpoint();
  void AppendCheckpoint(std::vector<Record> records);
  void FinishCheckpoint(RecordSequence through, bool is_snapshot);
  // It is whole, and waits for records that it stands for.
  bool finishes_checkpoint() const { return written_.whole; }
  // True once after a peer's state has become this node's checkpoint.
  bool TakeInstalled() { return std::exchange(installed_, false); }

  // What the real store gave back after the last crash, checkpoint and tail;
  // null without one.
  const std::vector<Record>* found() const {
    return found_.has_value() ? &*found_ : nullptr;
  }
  // The store and the books agree on what can be there.
  bool found_is_possible() const { return found_is_possible_; }
  // A part of the last whole checkpoint, encoded, and of how many; nullopt when
  // it has no such part.
  struct Chunk {
    std::string entries;
    std::uint64_t of = 0;
  };
  std::uint64_t chunks() const;
  std::optional<Chunk> ReadChunk(std::uint64_t index);

  Marks marks() const;

  // What a restart finds: a checkpoint, or none, and the records after it.
  std::span<const Record> checkpoint() const { return checkpoint_.records; }
  RecordSequence checkpoint_through() const { return checkpoint_.through; }
  std::span<const Record> tail() const {
    return journal().subspan(checkpoint_.through);
  }
  // For checkers, what the state follows from without checkpoints of this
  // node's own: the last snapshot, or nothing, and the records after it.
  std::span<const Record> snapshot() const { return snapshot_.records; }
  std::span<const Record> after_snapshot() const {
    return journal().subspan(snapshot_.through);
  }

 private:
  struct Checkpoint {
    RecordSequence through = 0;
    std::vector<Record> records;
    bool whole = false;
    bool is_snapshot = false;
  };

  std::span<const Record> CrashInMemory(Random& random);
  std::span<const Record> CrashStore(Random& random, bool power);
  void LoseUnsynced();
  void FinishInStore();
  void TakeOverCheckpoint();
  std::span<const Record> Since(RecordSequence through) const {
    return std::span<const Record>(journal_).subspan(through,
                                                     durable_ - through);
  }

  std::vector<Record> journal_;  // record i has sequence i + 1
  RecordSequence durable_ = 0;
  RecordSequence syncing_through_ = 0;
  Checkpoint checkpoint_;
  Checkpoint written_;
  Checkpoint snapshot_;
  bool installed_ = false;
  bool sync_fails_ = false;
  std::unique_ptr<StoreDisk> store_;
  std::optional<std::vector<Record>> found_;
  bool found_is_possible_ = true;
  Marks marks_;
};

}  // namespace quorate::sim
