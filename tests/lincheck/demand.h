// Answers: can everything that is still to be read still come about?
//
// For every value that some operation has to find at a key (a get, a cas, a row
// of a scan) and for the values these are built from by appends: how many
// operations that need it are left, and how many that could produce it? When a
// needed value is not there and cannot come back, the search is at a dead end
// and need not walk to the return that shows it. Without this a hot key costs
// exponentially many wrong orders of concurrent writes; with it most writes
// have one place. In doubt a value counts as attainable, so that nothing
// possible is ever excluded.
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tests/lincheck/component.h"
#include "tests/lincheck/map_state.h"

namespace quorate::lincheck {

class Demand {
 public:
  explicit Demand(const Component& component);

  // Operation number `operation` of the component is put in order, or put back.
  void Take(int operation) { Change(operation, -1); }
  void GiveBack(int operation) { Change(operation, 1); }

  // After Take(operation), which made `state` and overwrote what `state` has in
  // its log since `mark`: false when something needed can no longer come about.
  // True when all is well or it is not known.
  bool CanBeMet(int operation, const MapState& state, std::size_t mark) const;

  // Has nobody any use for what was written since `mark`, nor for anything that
  // could be built on it? Then an operation that need not have happened can be
  // left out: nobody looks between it and the next write.
  bool IsUseless(const MapState& state, std::size_t mark) const;

 private:
  using At =
      std::tuple<int, std::uint64_t, std::uint64_t>;  // key, hash, length
  static constexpr int kNone = -1;
  // How many appends deep a value is taken apart, and how many deep its fate is
  // followed at each step of the search.
  static constexpr int kDeep = 16;
  static constexpr int kFollowed = 4;

  // Operations of one effect that are left; `feeds`: the values they end in.
  struct Supply {
    int left = 0;
    std::vector<int> feeds;
  };
  // One more append of `supply` makes the value from the value `prefix`; kNone:
  // from one that is not followed.
  struct Making {
    int supply = kNone;
    int prefix = kNone;
  };
  struct Wanted {
    int key = 0;
    Value value;
    int needed = 0;  // operations left that have to find it
    std::vector<Making> makings;
    std::vector<int> longer;  // values that this one is the prefix of
  };

  // A missing key and "" are one here: more is then taken to be attainable than
  // is.
  static At Where(int key, const Value& value) {
    return {key, value.hash(), value.length()};
  }
  void Change(int operation, int by);
  const Supply& Get(int supply) const {
    return supplies_[static_cast<std::size_t>(supply)];
  }
  const Wanted& Find(int wanted) const {
    return wanted_[static_cast<std::size_t>(wanted)];
  }

  void AddNeeds(int operation, const Step& step);
  void Need(int operation, int key, const Value& value, std::string_view text);
  void AddAppends(int operation, const Step& step);
  void AddNumbers(int operation, const Step& step);
  void AddOther(int operation, const Step& step, bool unknown);
  void AddTo(int supply, int operation);
  int SupplyAt(absl::flat_hash_map<At, int>& table, const At& at);
  int WantedAt(int key, const Value& value, std::string_view text, int depth);
  void Connect(int wanted, int supply, int prefix);
  void ConnectAppends(int wanted, std::string_view text, int depth);

  bool Attainable(int wanted, const MapState& state, int depth) const;
  bool Fine(int wanted, const MapState& state, int depth) const;

  struct PerOperation {
    std::vector<int> needs;
    std::vector<int> supplies;
  };
  std::vector<PerOperation> of_operation_;
  std::vector<Supply> supplies_;
  std::vector<Wanted> wanted_;
  absl::flat_hash_map<At, int> wanted_at_;
  // Supplies: of a whole value, of a suffix (the empty one: of any), of adds.
  absl::flat_hash_map<At, int> puts_;
  absl::flat_hash_map<At, int> appends_;
  absl::flat_hash_map<At, int> adds_;
  std::vector<std::vector<std::size_t>> suffix_lengths_;  // by key, distinct
  // By key: somebody may have a use for values that are not in wanted_at_.
  std::vector<bool> open_;
  // By key: somebody has found it there, whatever its value.
  std::vector<bool> presence_;
};

}  // namespace quorate::lincheck
