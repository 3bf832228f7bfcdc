// Answers: which entries did the tables hold at one moment, while they change?
//
// A walk over all slots, a slice at a time. Each entry carries the number of
// the last cut that has it: the walk leaves out what has this cut's, and so
// what was made after the cut. Before an entry changes or goes it is copied if
// it has not been saved yet, and so are those that erasing it moves, perhaps to
// where the walk has been. A table that grew is walked anew. So a slice costs
// its own size whatever the size of the state, and a write one copy at most.
// Pure, copyable with the tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "executor/entry_table.h"
#include "wire/record.h"

namespace quorate {

class EntrySaver {
 public:
  // `cut`: above every number that an entry carries.
  explicit EntrySaver(std::uint32_t cut) : cut_(cut) {}

  void BeforeChange(const EntryTable::Slot& slot);
  void BeforeErase(EntryTable& table, EntryTable::Slot& slot);

  // Moves the next entries into `record`. False when there are no more. The
  // same tables in each call.
  bool Next(std::span<const EntryTable> tables, std::size_t bytes,
            EntriesRecord& record);

 private:
  void Save(const EntryTable::Entry& entry, EntriesRecord& record) const;
  EntriesRecord& Early();
  void Walk(const EntryTable& table, std::size_t bytes, EntriesRecord& record);

  std::uint32_t cut_;
  std::size_t table_ = 0;
  std::size_t slot_ = 0;
  std::size_t slots_ = 0;    // of the table when it was looked at last
  std::size_t visited_ = 0;  // in this slice
  // Copied before they changed, in pieces that a message can carry.
  std::deque<EntriesRecord> early_;
};

}  // namespace quorate
