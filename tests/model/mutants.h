// Answers: which bugs can be planted in the program that asks?
//
// Two programs are built from the same sources: one against the shipped core,
// in which nothing can be planted, one against the core built with the hooks of
// wire/mutation.h.
#pragma once

#include <string>

namespace quorate::model {

// From here on the core has this bug. False when there is no such hook.
bool PlantMutation(const std::string& name);

}  // namespace quorate::model
