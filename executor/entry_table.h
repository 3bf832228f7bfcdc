// Answers: where are the keys and values, with as few cache misses as can be?
//
// A hash table from keys to values for callers that bring the key's hash. A
// slot is a hash and a pointer; key and value lie together in one block behind
// it. So a lookup misses twice, at addresses that are known early: PrefetchSlot
// some operations ahead and PrefetchEntry a few operations later hide both.
// Growing moves slots only. Linear probing without tombstones. Pure, copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace quorate {

class EntryTable {
 public:
  // One key and its value; in one block with their bytes.
  class Entry {
   public:
    std::string_view key() const { return {bytes(), key_size_}; }
    std::string_view value() const {
      return {bytes() + key_size_, value_size_};
    }
    // For the caller; 0 when the entry is new. Kept when the value changes.
    std::uint64_t entry_hash = 0;
    // The last cut that has it (entry_saver.h). Fills what padding would.
    std::uint32_t saved_in = 0;

   private:
    friend class EntryTable;
    const char* bytes() const {
      return reinterpret_cast<const char*>(this + 1);
    }
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    std::uint32_t key_size_ = 0;
    std::uint32_t value_size_ = 0;
    std::uint32_t value_capacity_ = 0;
  };

 private:
  struct Free {
    void operator()(Entry* entry) const;
  };
  using EntryPtr = std::unique_ptr<Entry, Free>;

 public:
  struct Slot {
    std::uint64_t hash = 0;
    EntryPtr entry;  // Null when the slot is empty.
  };

  EntryTable() = default;
  EntryTable(const EntryTable& other);
  EntryTable& operator=(const EntryTable& other);
  EntryTable(EntryTable&&) = default;
  EntryTable& operator=(EntryTable&&) = default;

  // Null when the key is missing. Slots move when a key is inserted or erased.
  const Entry* Find(std::string_view key, std::uint64_t hash) const;
  Slot* FindSlot(std::string_view key, std::uint64_t hash);
  // The key's slot; inserted with an empty value when it was missing, with room
  // for `value_capacity` bytes.
  Slot& FindOrInsert(std::string_view key, std::uint64_t hash,
                     std::size_t value_capacity, bool& inserted);
  void Erase(Slot& slot);

  // `value` and `suffix` must not lie in this table.
  static void SetValue(Slot& slot, std::string_view value);
  static void AppendValue(Slot& slot, std::string_view suffix);

  // Inlined by force: g++ takes a function that only prefetches for one without
  // effects and drops calls to it.
  [[gnu::always_inline]] void PrefetchSlot(std::uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[Home(hash)]);
  }
  [[gnu::always_inline]] void PrefetchEntry(std::uint64_t hash) const {
    if (slots_.empty()) return;
    std::size_t place = Home(hash);
    while (slots_[place].hash != hash && slots_[place].entry != nullptr) {
      place = (place + 1) & (slots_.size() - 1);
    }
    __builtin_prefetch(slots_[place].entry.get());
  }

  std::size_t size() const { return size_; }
  // In no meaningful order; empty ones among them.
  const std::vector<Slot>& slots() const { return slots_; }
  // Calls visit(slot) for every entry that Erase(slot) may move.
  template <typename Visit>
  void ForRunAfter(Slot& slot, const Visit& visit) {
    const std::size_t wrap = slots_.size() - 1;
    auto next = static_cast<std::size_t>(&slot - slots_.data() + 1) & wrap;
    for (; slots_[next].entry != nullptr; next = (next + 1) & wrap) {
      visit(slots_[next]);
    }
  }

 private:
  static EntryPtr NewEntry(std::string_view key, std::size_t value_capacity);
  static void MoveValue(Slot& slot, std::size_t value_capacity);

  std::size_t Home(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
  }
  // The slot of the key, or the empty slot at which the search ended.
  std::size_t Place(std::string_view key, std::uint64_t hash) const;
  void Grow();

  std::vector<Slot> slots_;  // Empty, or a power of two, at most 2/3 full.
  std::size_t size_ = 0;
};

}  // namespace quorate
