// Answers: what does the tidy test read?
//
// Every text file below the source tree's own folders, with a copy of C++ files
// in which comments, or comments and strings, are blanked out, so that a rule
// about code does not trip over prose. Lines keep their numbers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/words.h"

namespace quorate::tidy {

struct SourceFile {
  std::string path;  // relative to the root, with '/'
  std::string text;

  std::string folder() const;  // "" at the top
  bool is_header() const { return path.ends_with(".h"); }
  bool is_cpp() const { return is_header() || path.ends_with(".cc"); }
};

struct SourceTree {
  // Names directly below the root, hidden ones included, sorted.
  std::vector<std::string> top_level;
  std::vector<SourceFile> files;

  bool Has(std::string_view path) const;
};

// Reads the folders named in rules.h and the files at the top.
SourceTree ReadTree(const std::string& root);

// Replaces comments by spaces; with `strings`, string and character literals as
// well.
std::string BlankOut(std::string_view code, bool strings);

}  // namespace quorate::tidy
