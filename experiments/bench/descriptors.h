// Answers: can this process open as many connections as it is asked for?
//
// Raises the soft limit of open files as far as need be. A run that went on
// without half of its connections would measure something else.
#pragma once

#include <cstddef>

#include "absl/status/status.h"

namespace quorate::bench {

// Names both numbers and the remedy if the hard limit is too low.
absl::Status EnsureDescriptors(std::size_t connections);

}  // namespace quorate::bench
