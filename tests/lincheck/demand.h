// Answers: can everything that is still to be read still come about?
//
// For every value that some operation has to find at a key (a get, a cas, a row
// of a scan): how many operations that need it are left, and how many that
// could produce it? When a value goes, is still needed and nobody left can
// bring it back, the search is at a dead end and need not walk to the return
// that shows it. Without this a hot key costs exponentially many wrong orders
// of concurrent writes; with it most writes have one place. Producers are
// counted generously, so nothing possible is ever excluded.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tests/lincheck/component.h"

namespace quorate::lincheck {

class Demand {
 public:
  explicit Demand(const Component& component);

  // Operation number `operation` of the component is put in order, or put back.
  void Take(int operation) { Change(operation, -1); }
  void GiveBack(int operation) { Change(operation, 1); }

  // Is it possible that `key` no longer has `value`?
  bool MayGo(int key, const Value& value) const;

 private:
  // Counters of remaining operations, by index.
  using Counter = int;
  using At =
      std::tuple<int, std::uint64_t, std::uint64_t>;  // key, hash, length
  struct Needed {
    Counter needed_by = 0;
    std::vector<Counter> produced_by;
  };

  static At Where(int key, const Value& value) {
    return {key, value.hash(), value.length()};
  }
  Counter NewCounter();
  void Count(int operation, Counter counter);
  void Change(int operation, int by);

  void AddNeeds(int operation, const Step& step);
  void Need(int operation, int key, const Value& value, std::string_view text);
  void AddProducer(int operation, const Step& step, bool unknown);
  void ProduceExactly(int operation, int key, const Value& value);
  void ProduceSuffix(int operation, const Step& step);
  void ConnectSuffixes();

  std::vector<int> counters_;
  std::vector<std::vector<Counter>> of_operation_;
  absl::flat_hash_map<At, Needed> needed_;
  absl::flat_hash_map<At, std::string_view> texts_;
  // Adds, and appends by suffix, of each key.
  absl::flat_hash_map<int, Counter> adds_;
  absl::flat_hash_map<At, Counter> suffixes_;
  std::vector<std::vector<std::size_t>> suffix_lengths_;  // by key, distinct
};

}  // namespace quorate::lincheck
