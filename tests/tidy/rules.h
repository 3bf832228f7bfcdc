// Answers: which rules of this code base does a machine enforce?
//
// One function a rule. Each looks at a file (or at the whole tree) and gives
// its findings with place and remedy. Only what must never slip is here: the
// include ranks, the purity below the shell, and that folders and headers say
// what they are. All else is taste, and judged by reading.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/source_tree.h"

namespace quorate::tidy {

struct Finding {
  std::string path;
  std::size_t line = 0;  // 0: the file or folder as a whole
  std::string rule;
  std::string text;  // what was found; what to do
};

// "graph/a.h:12: include ranks: ...".
std::string ToString(const Finding& finding);

// Does the top-level folder belong to the source?
bool IsSourceFolder(std::string_view name);

// A file includes strictly lower ranks or its own folder; capnp, sqlite and
// libuv are seen in one place each.
std::vector<Finding> CheckIncludes(const SourceFile& file);

// No clock, thread, randomness, I/O or environment below the shell.
std::vector<Finding> CheckPurity(const SourceFile& file);

// No timer of the product has a number beside the table of timers.
std::vector<Finding> CheckTimers(const SourceFile& file);

// What somebody names is read by the one reader that bears whatever it is.
std::vector<Finding> CheckReaders(const SourceFile& file);

// A protocol is named by its row, its maker and its own folder, and by tests.
std::vector<Finding> CheckProtocols(const SourceFile& file);

// The product knows nothing of mutants: none is asked for, and what its rules.h
// say is seen by sources alone, since a mutant's library has others. Each file
// of tests/mutants stands for a rules.h that is there and names its mutants.
std::vector<Finding> CheckRules(const SourceTree& tree);

// "// Answers:" in the first line, and #pragma once.
std::vector<Finding> CheckHeader(const SourceFile& file);

// "protocol.md 2.6" names a page of replica/docs and a section that it has.
std::vector<Finding> CheckCitations(const SourceFile& file,
                                    const SourceTree& tree);

// Words that say that something is not finished.
std::vector<Finding> CheckWords(const SourceFile& file);

// Nothing at the top but what belongs there.
std::vector<Finding> CheckTopLevel(const SourceTree& tree);

// A folder with code and tests has a README.md.
std::vector<Finding> CheckReadmes(const SourceTree& tree);

}  // namespace quorate::tidy
