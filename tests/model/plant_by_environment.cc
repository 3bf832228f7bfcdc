// A unit test whose main is GoogleTest's gets its bug from the environment.
#include <cstdio>
#include <cstdlib>

#include "tests/model/mutants.h"

namespace quorate::model {
namespace {

constexpr int kWrongUsage = 2;

[[maybe_unused]] const bool planted = [] {
  const char* name = std::getenv("QUORATE_MUTATION");
  if (name == nullptr) return false;
  if (PlantMutation(name)) return true;
  std::fprintf(stderr, "no mutation \"%s\"\n", name);
  std::_Exit(kWrongUsage);
}();

}  // namespace
}  // namespace quorate::model
