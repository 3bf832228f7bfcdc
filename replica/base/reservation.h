// Answers: which slots may a replica give out, and from when on?
//
// No slot is used in two lives: one may be spoken of once a record that
// reserves it is durable, and a life goes on above all that earlier ones have
// reserved. Slots are reserved by the block, the next one well before the one
// in front of it runs out, so that hardly anybody waits for the disk; not
// further ahead, because what is not used is filled with noops after a crash.
// The caller writes the record. Pure, copyable.
#pragma once

#include <cstdint>

#include "wire/ids.h"

namespace quorate {

class Reservation {
 public:
  // Does `slot` need a further block, with `ahead` slots likely to follow?
  bool IsShort(std::uint64_t slot, std::uint64_t ahead) const {
    return slot + ahead > newest_.through;
  }
  // How far the block goes that is reserved then.
  static std::uint64_t BlockFor(std::uint64_t slot, std::uint64_t ahead) {
    return slot + 2 * ahead;
  }
  // `record` reserves all up to `through`, which is at least what is reserved.
  void Extend(std::uint64_t through, RecordSequence record) {
    earlier_ = newest_;
    newest_ = {.through = through, .record = record};
  }

  // The record that must be durable before anybody hears of `slot`.
  RecordSequence RecordOf(std::uint64_t slot) const {
    return slot <= earlier_.through ? earlier_.record : newest_.record;
  }
  // In this life; 0: nothing.
  std::uint64_t through() const { return newest_.through; }
  bool has_record() const { return newest_.record != 0; }

 private:
  struct Block {
    std::uint64_t through = 0;
    RecordSequence record = 0;
  };
  Block newest_;
  Block earlier_;  // The one before, still of use.
};

}  // namespace quorate
