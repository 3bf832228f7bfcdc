// Answers: what may a replica be told that is not true?
//
// Anything that can be read. A lie begins with a message that some replica
// really sent and changes a field or two of it; or it is a message of any type
// with anything in it.
#pragma once

#include "tests/fuzz/machine_script.h"
#include "wire/message.h"

namespace quorate::fuzz {

// The choice of field and of what is in it is the script's.
void ChangeField(Script& script, int columns, Message& message);
Message AnyMessage(Script& script, int columns);

}  // namespace quorate::fuzz
