// Answers: is each rule code that somebody cites in the registry, once?
//
// A code is letters that tell its kind, a number, and perhaps a small letter:
// the fifteenth rule of bugs, rule 1c of floors. replica/docs/rules.md is the
// registry, a row of a table each. Read are comments and strings of C++ and all
// of other text files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace quorate::tidy {

inline constexpr std::string_view kCodeRegistry = "replica/docs/rules.md";

struct Code {
  std::string name;
  std::size_t line = 0;  // from 1
};

// The codes that stand in a text.
std::vector<Code> CodesIn(std::string_view text);

// Codes that are cited and not registered, registered twice, or registered and
// not cited; and names in the registry that stand nowhere else in the tree: a
// test or a mutant that is not there.
std::vector<Finding> CheckCodes(const SourceTree& tree);

}  // namespace quorate::tidy
