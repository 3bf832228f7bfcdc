// Answers: what do operations do to the keys, and what do they give?
//
// A map from keys to values. Apply runs the operations of one command in order
// with nothing in between. Each operation reports its own status: one that
// fails (a cas that does not match, an add to text) changes nothing itself and
// undoes nothing of the others. A command that must do all or nothing is one
// operation, or puts alone. Only a command whose results would be too large is
// undone as a whole: nobody could be told what it did.
//
// Operations bring their key's hash, so no key is hashed here. The map is split
// by that hash, so that growing stalls for one part at a time. Scans need an
// ordered index; it is built at the first scan (all keys copied and sorted) and
// from then on costs every new or deleted key a tree step. Pure, copyable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "executor/entry_saver.h"
#include "executor/entry_table.h"
#include "wire/command.h"
#include "wire/meaning.h"
#include "wire/record.h"
#include "wire/result.h"

namespace quorate {

class KvStateMachine {
 public:
  // Adds one result an operation to `results`, which is empty. False if they
  // would be more than `most_bytes` (BytesOf): then there are none, and nothing
  // has changed.
  bool Apply(std::span<const Operation> operations, CommandResult& results,
             std::size_t most_bytes = std::numeric_limits<std::size_t>::max());

  // The value of a key, if it is there. Valid until the next Apply.
  std::optional<std::string_view> Find(std::string_view key) const;
  std::uint64_t size() const { return size_; }

  // A cut: from here on NextEntries gives the keys and values of this moment,
  // whatever is applied meanwhile. Ends a cut that was not read to its end.
  void BeginSave();
  // Moves the next entries, about `bytes` of them and their slots, into
  // `record`; every entry comes once. False when there are no more and the cut
  // is over.
  bool NextEntries(std::size_t bytes, EntriesRecord& record);
  void EndSave() { saver_.reset(); }
  // Puts entries of a cut back. A key comes once.
  void Restore(const EntriesRecord& record);

  // Start to fetch what Apply will need for this operation: PrefetchSlot some
  // operations ahead, PrefetchEntry a few operations later. Hints.
  [[gnu::always_inline]] void PrefetchSlot(const Operation& operation) const {
    PartOf(operation.key_hash).PrefetchSlot(operation.key_hash);
  }
  [[gnu::always_inline]] void PrefetchEntry(const Operation& operation) const {
    PartOf(operation.key_hash).PrefetchEntry(operation.key_hash);
  }

  // Equal exactly (but for collisions) when keys and values are equal, however
  // the state came about: the sum of one hash an entry. Kept up to date, so
  // asking costs nothing.
  std::uint64_t state_hash() const { return hash_; }

 private:
  // A part takes its position from the low bits of the hash; the part itself
  // comes from the high ones.
  static constexpr int kPartBits = 6;

  const EntryTable& PartOf(std::uint64_t hash) const {
    return parts_[static_cast<std::size_t>(hash >> (64 - kPartBits))];
  }
  EntryTable& PartOf(std::uint64_t hash) {
    return parts_[static_cast<std::size_t>(hash >> (64 - kPartBits))];
  }

  // What a key held before an operation of the command changed it.
  struct Before {
    const Operation* operation = nullptr;
    std::optional<std::string> value;
  };

  void ApplyOne(const Operation& operation, OperationResult& result);
  bool ApplySeveral(std::span<const Operation> operations,
                    CommandResult& results, std::size_t most_bytes);
  void Undo(const Before& before);
  template <OperationKind kKind>
  void ApplyKind(const Operation& operation, OperationResult& result);
  void Change(const Operation& operation, const Meaning& meaning,
              EntryTable::Slot* found);
  void Remove(const Operation& operation, EntryTable::Slot& slot);
  void Scan(const Operation& operation, OperationResult& result);

  const EntryTable::Entry* FindEntry(const Operation& operation) const;
  // Its entry may be changed: it is saved, if it has to be.
  EntryTable::Slot& FindOrInsert(const Operation& operation);
  // After every change of a value.
  void Rehash(EntryTable::Slot& slot);
  void BuildOrderedIndex();
  EntryTable::Slot& Insert(std::string_view key, std::uint64_t hash,
                           std::size_t value_size, bool& inserted);

  std::array<EntryTable, std::size_t{1} << kPartBits> parts_;
  std::uint64_t size_ = 0;
  std::uint64_t hash_ = 0;
  // Cuts so far; entries made after one do not belong to it.
  std::uint32_t cuts_ = 0;
  std::optional<EntrySaver> saver_;
  // Key to its hash; absent until the first scan.
  std::optional<absl::btree_map<std::string, std::uint64_t, std::less<>>>
      ordered_;
};

}  // namespace quorate
