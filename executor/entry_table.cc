#include "executor/entry_table.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "wire/check.h"

namespace quorate {
namespace {

void CopyBytes(char* to, std::string_view from) {
  // memcpy must not be given a null pointer, even for no bytes.
  if (!from.empty()) std::memcpy(to, from.data(), from.size());
}

// Values below this are not worth giving memory back for.
constexpr std::size_t kSmallValue = 256;

}  // namespace

void EntryTable::Free::operator()(Entry* entry) const {
  static_assert(std::is_trivially_destructible_v<Entry>);
  std::free(entry);
}

EntryTable::EntryPtr EntryTable::NewEntry(std::string_view key,
                                          std::size_t value_capacity) {
  void* memory = std::malloc(sizeof(Entry) + key.size() + value_capacity);
  QUORATE_CHECK(memory != nullptr, "memory for a new entry");
  EntryPtr entry(new (memory) Entry);
  entry->key_size_ = static_cast<std::uint32_t>(key.size());
  entry->value_capacity_ = static_cast<std::uint32_t>(value_capacity);
  CopyBytes(entry->bytes(), key);
  return entry;
}

EntryTable::EntryTable(const EntryTable& other)
    : slots_(other.slots_.size()), size_(other.size_) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& from = other.slots_[i];
    if (from.entry == nullptr) continue;
    slots_[i].hash = from.hash;
    slots_[i].entry = NewEntry(from.entry->key(), from.entry->value_size_);
    slots_[i].entry->entry_hash = from.entry->entry_hash;
    slots_[i].entry->saved_in = from.entry->saved_in;
    SetValue(slots_[i], from.entry->value());
  }
}

EntryTable& EntryTable::operator=(const EntryTable& other) {
  EntryTable copy(other);
  *this = std::move(copy);
  return *this;
}

std::size_t EntryTable::Place(std::string_view key, std::uint64_t hash) const {
  std::size_t place = Home(hash);
  for (;; place = (place + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[place];
    if (slot.entry == nullptr) return place;
    if (slot.hash == hash && slot.entry->key() == key) return place;
  }
}

const EntryTable::Entry* EntryTable::Find(std::string_view key,
                                          std::uint64_t hash) const {
  return slots_.empty() ? nullptr : slots_[Place(key, hash)].entry.get();
}

EntryTable::Slot* EntryTable::FindSlot(std::string_view key,
                                       std::uint64_t hash) {
  if (slots_.empty()) return nullptr;
  Slot& slot = slots_[Place(key, hash)];
  return slot.entry == nullptr ? nullptr : &slot;
}

EntryTable::Slot& EntryTable::FindOrInsert(std::string_view key,
                                           std::uint64_t hash,
                                           std::size_t value_capacity,
                                           bool& inserted) {
  if (slots_.empty()) Grow();
  std::size_t place = Place(key, hash);
  inserted = slots_[place].entry == nullptr;
  if (!inserted) return slots_[place];
  if (3 * (size_ + 1) > 2 * slots_.size()) {
    Grow();
    place = Place(key, hash);
  }
  ++size_;
  slots_[place].hash = hash;
  slots_[place].entry = NewEntry(key, value_capacity);
  return slots_[place];
}

// Moves back whoever was pushed past the hole, so that no tombstone is needed.
void EntryTable::Erase(Slot& slot) {
  const std::size_t wrap = slots_.size() - 1;
  std::size_t hole = static_cast<std::size_t>(&slot - slots_.data());
  slots_[hole].entry = nullptr;
  --size_;
  for (std::size_t next = (hole + 1) & wrap; slots_[next].entry != nullptr;
       next = (next + 1) & wrap) {
    // Its home lies at or before the hole, seen from where it is.
    const std::size_t distance = (next - Home(slots_[next].hash)) & wrap;
    if (distance >= ((next - hole) & wrap)) {
      slots_[hole] = std::move(slots_[next]);
      hole = next;
    }
  }
}

void EntryTable::Grow() {
  std::vector<Slot> before = std::exchange(
      slots_, std::vector<Slot>(std::max<std::size_t>(8, 2 * slots_.size())));
  const std::size_t wrap = slots_.size() - 1;
  for (Slot& slot : before) {
    if (slot.entry == nullptr) continue;
    std::size_t place = Home(slot.hash);
    while (slots_[place].entry != nullptr) place = (place + 1) & wrap;
    slots_[place] = std::move(slot);
  }
}

// To a block with another capacity, not below the value's size.
void EntryTable::MoveValue(Slot& slot, std::size_t value_capacity) {
  EntryPtr entry = NewEntry(slot.entry->key(), value_capacity);
  entry->entry_hash = slot.entry->entry_hash;
  entry->saved_in = slot.entry->saved_in;
  entry->value_size_ = slot.entry->value_size_;
  CopyBytes(entry->bytes() + entry->key_size_, slot.entry->value());
  slot.entry = std::move(entry);
}

void EntryTable::SetValue(Slot& slot, std::string_view value) {
  const std::size_t capacity = slot.entry->value_capacity_;
  const bool wasteful = capacity > kSmallValue && value.size() < capacity / 4;
  if (value.size() > capacity || wasteful) {
    slot.entry->value_size_ = 0;  // Not worth copying.
    MoveValue(slot, value.size());
  }
  CopyBytes(slot.entry->bytes() + slot.entry->key_size_, value);
  slot.entry->value_size_ = static_cast<std::uint32_t>(value.size());
}

void EntryTable::AppendValue(Slot& slot, std::string_view suffix) {
  const std::size_t size = slot.entry->value_size_ + suffix.size();
  if (size > slot.entry->value_capacity_) MoveValue(slot, size + size / 2);
  Entry& entry = *slot.entry;
  CopyBytes(entry.bytes() + entry.key_size_ + entry.value_size_, suffix);
  entry.value_size_ = static_cast<std::uint32_t>(size);
}

}  // namespace quorate
