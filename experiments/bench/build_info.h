// Answers: which build made this result?
//
// Written by build_info.cmake at every build: the project's version, the source
// as `git describe` names it ("unknown" outside a git checkout, "-dirty" with
// uncommitted changes), build type and compiler.
#pragma once

#include <string_view>

namespace quorate::bench {

struct BuildInfo {
  std::string_view version;
  std::string_view source;
  std::string_view type;
  std::string_view compiler;
};
extern const BuildInfo kBuildInfo;

}  // namespace quorate::bench
