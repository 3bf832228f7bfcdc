#include "executor/entry_saver.h"

#include <utility>

#include "wire/limits.h"

namespace quorate {
namespace {

// What looking at a slot counts in bytes: empty ones cost time as well.
constexpr std::size_t kSlotBytes = 8;
// An entry is elsewhere: so many slots ahead it is fetched.
constexpr std::size_t kFetchAhead = 8;

}  // namespace

void EntrySaver::BeforeChange(const EntryTable::Slot& slot) {
  if (slot.entry->saved_in == cut_) return;
  slot.entry->saved_in = cut_;
  Save(*slot.entry, Early());
}

EntriesRecord& EntrySaver::Early() {
  if (early_.empty() || early_.back().bytes.size() >= kPieceBytes) {
    early_.emplace_back();
  }
  return early_.back();
}

void EntrySaver::BeforeErase(EntryTable& table, EntryTable::Slot& slot) {
  BeforeChange(slot);
  table.ForRunAfter(slot,
                    [this](EntryTable::Slot& moved) { BeforeChange(moved); });
}

bool EntrySaver::Next(std::span<const EntryTable> tables, std::size_t bytes,
                      EntriesRecord& record) {
  record = {};
  if (!early_.empty()) {
    record = std::move(early_.front());
    early_.pop_front();
    if (!early_.empty()) return true;
  }
  visited_ = 0;
  for (; table_ < tables.size(); ++table_, slot_ = slots_ = 0) {
    Walk(tables[table_], bytes, record);
    if (slot_ < tables[table_].slots().size()) return true;
  }
  return !record.key_sizes.empty();
}

// Stops behind the table's end, or where the slice is full.
void EntrySaver::Walk(const EntryTable& table, std::size_t bytes,
                      EntriesRecord& record) {
  const std::vector<EntryTable::Slot>& slots = table.slots();
  if (slots.size() != slots_) slot_ = 0;
  slots_ = slots.size();
  for (; slot_ < slots.size(); ++slot_) {
    if (record.bytes.size() + visited_ * kSlotBytes >= bytes) return;
    ++visited_;
    if (slot_ + kFetchAhead < slots.size()) {
      __builtin_prefetch(slots[slot_ + kFetchAhead].entry.get());
    }
    EntryTable::Entry* entry = slots[slot_].entry.get();
    if (entry == nullptr || entry->saved_in == cut_) continue;
    entry->saved_in = cut_;
    Save(*entry, record);
  }
}

void EntrySaver::Save(const EntryTable::Entry& entry,
                      EntriesRecord& record) const {
  record.key_sizes.push_back(static_cast<std::uint32_t>(entry.key().size()));
  record.value_sizes.push_back(
      static_cast<std::uint32_t>(entry.value().size()));
  record.bytes.append(entry.key());
  record.bytes.append(entry.value());
}

}  // namespace quorate
