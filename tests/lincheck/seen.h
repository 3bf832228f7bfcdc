// Answers: has anybody seen what this write wrote?
//
// A write that no remaining operation has seen can be left out of a violation
// and the rest still proves it: where the whole could be put in order, the rest
// could too, because between such a write and the next one nobody looks. A
// write whose value was read must stay, or its reader would read from nowhere
// and any history would look wrong. Answers "yes" when in doubt.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/lincheck/history.h"

namespace quorate::lincheck {

class SeenValues {
 public:
  // Operations later than `until` or without a reply have seen nothing, but an
  // unknown cas may have found what it expected.
  // `silent`: see Selected.
  void Add(const Operation& operation, bool heard, bool silent);
  // What it may write, though nobody cares what it has seen.
  void AddWrites(const Operation& operation);

  bool Saw(const Operation& writer) const;

 private:
  struct OfKey {
    std::vector<std::string_view> texts;
    bool number = false;    // some text is a number
    bool appended = false;  // the key has appends
    bool added = false;     // the key has adds
    bool unclear = false;   // somebody has seen what no text tells
    bool add_done = false;  // an add has found a number, or nothing
    bool append_done = false;
    // What may be written, in all.
    bool text = false;  // some of it no number
    std::uint64_t bytes = 0;
  };
  static void See(OfKey& of_key, std::string_view text);
  bool SawAction(const Action& write) const;

  std::map<std::string_view, OfKey> keys_;
  bool scanned_ = false;
};

}  // namespace quorate::lincheck
