// Answers: what is on the way between the machines of a test?
#pragma once

#include "wire/message.h"

namespace quorate {

struct InFlight {
  ReplicaId from{};
  ReplicaId to{};
  Message message;
};

}  // namespace quorate
