// Answers: does what crosses the wire or the disk survive its encoding?
//
// Puts a value through the real codec, frame included, and goes on with what
// came out; a difference is a violation.
#pragma once

#include <vector>

#include "tests/sim/verdict.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate::sim {

void MessageThroughCodec(int columns, Message& message, Verdict& verdict);
void RecordsThroughCodec(int columns, std::vector<Record>& records,
                         Verdict& verdict);

}  // namespace quorate::sim
