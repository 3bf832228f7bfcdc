// Answers: where do test histories come from whose verdict is known?
//
// A simulated store: every operation takes effect at one moment between its
// call and its return, in the order of these moments, on a map of strings
// (written for this purpose, not shared with the checker). Such a history is
// linearizable. Equal parameters give equal histories.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/lincheck/history.h"

namespace quorate::lincheck {

struct Shape {
  int clients = 4;
  int operations = 20;
  int keys = 1;
  // How often each function is drawn, in the order of
  // kClientOperations.
  std::vector<int> weights = {4, 3, 1, 1, 1, 1, 0};
  // Every put writes a value of its own; otherwise one of three.
  bool unique_values = false;
  // Or a text that is hard to tell from a number, or from nothing.
  bool nasty_values = false;
  // Of 100 operations: get no reply (half of these take effect); have several
  // actions.
  int unknown_percent = 0;
  int batch_percent = 0;
};

History MakeLinearizable(const Shape& shape, std::uint32_t seed);

// Changes what one get read (or, without one, whether something else was done)
// to another value of the history. False when there is nothing to change.
bool ChangeOneReply(History& history, std::mt19937& random);

// Tries every order: for at most about eight operations.
bool LinearizableByPermutation(const History& history);

}  // namespace quorate::lincheck
