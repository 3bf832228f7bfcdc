#include "tests/model/mutants.h"

namespace quorate::model {

bool PlantMutation(const std::string&) { return false; }

}  // namespace quorate::model
