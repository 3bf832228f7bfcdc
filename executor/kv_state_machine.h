// Answers: what do operations do to the keys, and what do they give?
//
// A map from keys to values. Apply runs the operations of one command in order
// with nothing in between. Each operation reports its own status: one that
// fails (a cas that does not match, an add to text) changes nothing itself and
// undoes nothing of the others. A command that must do all or nothing is one
// operation, or puts alone.
//
// Operations bring their key's hash, so no key is hashed here. The map is split
// by that hash, so that growing stalls for one part at a time. Scans need an
// ordered index; it is built at the first scan (all keys copied and sorted) and
// from then on costs every new or deleted key a tree step. Pure, copyable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "wire/command.h"
#include "wire/result.h"

namespace quorate {

class KvStateMachine {
 public:
  // Appends one result an operation to `results`.
  void Apply(std::span<const Operation> operations, CommandResult& results);

  // The value of a key; null when it is missing. Valid until the next Apply.
  const std::string* Find(std::string_view key) const;
  std::uint64_t size() const { return size_; }

  // Starts to fetch what Apply will need for this operation. A hint.
  void Prefetch(const Operation& operation) const {
    PartOf(operation.key_hash)
        .prefetch(KeyView{operation.key, operation.key_hash});
  }

  // Equal exactly (but for collisions) when keys and values are equal, however
  // the state came about: the sum of one hash an entry. Kept up to date, so
  // asking costs nothing.
  std::uint64_t state_hash() const { return hash_; }

 private:
  struct KeyView {
    std::string_view text;
    std::uint64_t hash;
  };
  struct Key {
    explicit Key(KeyView view) : text(view.text), hash(view.hash) {}
    std::string text;
    std::uint64_t hash;
  };
  struct Value {
    std::string text;
    std::uint64_t entry_hash = 0;
  };
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>(key.hash);
    }
    std::size_t operator()(const KeyView& key) const {
      return static_cast<std::size_t>(key.hash);
    }
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      return a.hash == b.hash && a.text == b.text;
    }
  };
  using Part = absl::flat_hash_map<Key, Value, KeyHash, KeyEqual>;
  // The table takes its position from the low bits of the hash, the part comes
  // from the high ones.
  static constexpr int kPartBits = 8;

  const Part& PartOf(std::uint64_t hash) const {
    return parts_[static_cast<std::size_t>(hash >> (64 - kPartBits))];
  }
  Part& PartOf(std::uint64_t hash) {
    return parts_[static_cast<std::size_t>(hash >> (64 - kPartBits))];
  }

  void Get(const Operation& operation, OperationResult& result) const;
  void Put(const Operation& operation);
  void Delete(const Operation& operation, OperationResult& result);
  void CompareAndSet(const Operation& operation, OperationResult& result);
  void Add(const Operation& operation, OperationResult& result);
  void Append(const Operation& operation, OperationResult& result);
  void Scan(const Operation& operation, OperationResult& result);

  Value* FindValue(const Operation& operation);
  Value& FindOrInsert(const Operation& operation);
  // After every change of a value's text.
  void Rehash(const Operation& operation, Value& value);
  void BuildOrderedIndex();

  std::array<Part, std::size_t{1} << kPartBits> parts_;
  std::uint64_t size_ = 0;
  std::uint64_t hash_ = 0;
  // Key to its hash; absent until the first scan.
  std::optional<absl::btree_map<std::string, std::uint64_t, std::less<>>>
      ordered_;
};

}  // namespace quorate
