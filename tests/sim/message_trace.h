// Answers: how does a message look in a trace?
#pragma once

#include "tests/sim/trace.h"
#include "wire/message.h"

namespace quorate::sim {

TraceEntry EntryOf(const Message& message, Micros time, const char* what,
                   int node, int peer);

}  // namespace quorate::sim
