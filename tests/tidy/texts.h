// Answers: what do findings say?
#pragma once

#include <string>
#include <vector>

#include "tests/tidy/rules.h"

namespace quorate::tidy {

inline std::vector<std::string> Texts(const std::vector<Finding>& findings) {
  std::vector<std::string> texts;
  for (const Finding& finding : findings) texts.push_back(ToString(finding));
  return texts;
}

}  // namespace quorate::tidy
