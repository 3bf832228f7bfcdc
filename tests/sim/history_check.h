// Answers: is what the clients saw linearizable?
//
// Puts the history into the form of tests/lincheck and asks both of its
// algorithms, the search beginning with the order in which commands were
// executed: with a few dozen answers missing at keys that commands join, it
// would not end otherwise. Commands that were refused leave no trace in it, so
// an effect of one of them shows as a value that nobody wrote.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "tests/sim/clients.h"

namespace quorate::sim {

// Empty when it is; otherwise what is wrong.
std::string CheckLinearizable(const std::vector<HistoryEntry>& history,
                              std::span<const CommandId> executed = {});

// One line an operation, as quorate-lincheck reads it.
void WriteHistory(const std::vector<HistoryEntry>& history, std::FILE* file);

// Changes with any time, operation or result.
std::uint64_t Digest(const std::vector<HistoryEntry>& history);

}  // namespace quorate::sim
