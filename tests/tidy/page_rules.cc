#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

#include "tests/tidy/code_text.h"

namespace quorate::tidy {
namespace {

// ---- citations --------------------------------------------------------------

constexpr std::string_view kDocs = "replica/docs/";

// "protocol.md 2.6" in a text: the page, and the section if one is named.
struct Citation {
  std::string page;
  std::string section;
  std::size_t line = 0;
};

bool IsPageCharacter(char c) {
  return std::islower(static_cast<unsigned char>(c)) != 0 || c == '-';
}

// Where the next word begins, over the end of a line and the marks with which
// the next line of a comment begins.
std::size_t SkipToWord(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(" \n/#*", at), text.size());
}

// "2.6", "B.3", "A2", "ENV3"; empty for any other word.
std::string SectionAt(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() &&
         std::isupper(static_cast<unsigned char>(text[end])) != 0) {
    ++end;
  }
  const auto is_digit = [&](std::size_t i) {
    return i < text.size() &&
           std::isdigit(static_cast<unsigned char>(text[i])) != 0;
  };
  while (is_digit(end) || (end > at && end < text.size() && text[end] == '.' &&
                           is_digit(end + 1))) {
    ++end;
  }
  if (end < text.size() && IsWordCharacter(text[end])) return {};
  const std::string_view section = text.substr(at, end - at);
  const bool is_word = std::ranges::none_of(section, [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  return is_word && section.size() > 1 ? std::string() : std::string(section);
}

std::vector<Citation> CitationsIn(std::string_view text) {
  std::vector<Citation> citations;
  constexpr std::string_view kEnding = ".md";
  for (std::size_t at = text.find(kEnding); at != std::string_view::npos;
       at = text.find(kEnding, at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && IsPageCharacter(text[begin - 1])) --begin;
    const std::size_t end = at + kEnding.size();
    // README.md and names of other folders' files are links, not citations.
    const bool other =
        begin == at ||
        (begin > 0 && (IsWordCharacter(text[begin - 1]) ||
                       text[begin - 1] == '/' || text[begin - 1] == '"')) ||
        (end < text.size() && IsWordCharacter(text[end]));
    if (other) continue;
    citations.push_back({std::string(text.substr(begin, end - begin)),
                         SectionAt(text, SkipToWord(text, end)),
                         1 + static_cast<std::size_t>(std::ranges::count(
                                 text.substr(0, begin), '\n'))});
  }
  return citations;
}

// A line that begins with the section's number, whatever marks stand before it:
// a heading, a paragraph in bold, a row of a table.
bool HasSection(std::string_view page, std::string_view section) {
  return std::ranges::any_of(Lines(page), [&](std::string_view line) {
    line.remove_prefix(std::min(line.find_first_not_of("#*| "), line.size()));
    if (!line.starts_with(section)) return false;
    line.remove_prefix(section.size());
    const bool goes_on =
        !line.empty() &&
        (IsWordCharacter(line[0]) ||
         (line[0] == '.' && line.size() > 1 && IsWordCharacter(line[1])));
    return !goes_on;
  });
}

// ---- folders ----------------------------------------------------------------

constexpr std::array<std::string_view, 8> kSourceFolders = {
    "depsvc",  "executor", "experiments", "graph",
    "replica", "storage",  "tests",       "wire"};

constexpr std::array<std::string_view, 11> kTopLevelFiles = {
    ".ci",     ".clang-format", ".clang-tidy",    ".git",
    ".github", ".gitignore",    "CMakeLists.txt", "CMakePresets.json",
    "LICENSE", "README.md",     "findings"};

// What .gitignore keeps out.
constexpr std::array<std::string_view, 3> kIgnored = {
    "build", "compile_commands.json", "out"};

// A folder, and the file whose presence says that the folder's part is there
// with its tests.
struct Documented {
  std::string_view folder;
  std::string_view sign;
};
constexpr std::array<Documented, 22> kDocumented = {{
    {"wire", "tests/wire/CMakeLists.txt"},
    {"wire/net", "tests/node/CMakeLists.txt"},
    {"wire/wan", "tests/wan/CMakeLists.txt"},
    {"graph", "tests/graph/CMakeLists.txt"},
    {"depsvc", "tests/depsvc/CMakeLists.txt"},
    {"storage", "tests/storage/CMakeLists.txt"},
    {"storage/journal", "tests/node/CMakeLists.txt"},
    {"replica/system", "tests/system/CMakeLists.txt"},
    {"executor", "tests/executor/CMakeLists.txt"},
    {"executor/order", "tests/executor/CMakeLists.txt"},
    {"replica", "tests/replica/CMakeLists.txt"},
    {"replica/base", "tests/replica/CMakeLists.txt"},
    {"replica/base/floors", "tests/replica/CMakeLists.txt"},
    {"replica/epaxos", "tests/replica/CMakeLists.txt"},
    {"replica/bpaxos", "tests/replica/CMakeLists.txt"},
    {"replica/multipaxos", "tests/replica/CMakeLists.txt"},
    {"replica/host", "tests/replica/CMakeLists.txt"},
    {"replica/config", "tests/config/CMakeLists.txt"},
    {"replica/node", "tests/node/CMakeLists.txt"},
    {"replica/client", "tests/client/CMakeLists.txt"},
    {"experiments", "tests/bench/CMakeLists.txt"},
    {"tests", "tests/run.sh"},
}};

}  // namespace

std::string ToString(const Finding& finding) {
  std::string place = finding.path;
  if (finding.line != 0) place += ":" + std::to_string(finding.line);
  return place + ": " + finding.rule + ": " + finding.text;
}

bool IsSourceFolder(std::string_view name) {
  return Contains(kSourceFolders, name);
}

std::vector<Finding> CheckCitations(const SourceFile& file,
                                    const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const Citation& citation : CitationsIn(file.text)) {
    const std::string path = std::string(kDocs) + citation.page;
    const auto page = std::ranges::find(tree.files, path, &SourceFile::path);
    if (page == tree.files.end()) {
      findings.push_back({file.path, citation.line, "citations",
                          "cites " + citation.page + ", but there is no " +
                              path + "; name a page that is there"});
    } else if (!citation.section.empty() &&
               !HasSection(page->text, citation.section)) {
      findings.push_back({file.path, citation.line, "citations",
                          "cites section " + citation.section + " of " + path +
                              ", which has none of that number; correct one "
                              "of the two"});
    }
  }
  return findings;
}

std::vector<Finding> CheckTopLevel(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const std::string& name : tree.top_level) {
    if (Contains(kSourceFolders, name) || Contains(kTopLevelFiles, name) ||
        Contains(kIgnored, name)) {
      continue;
    }
    findings.push_back({name, 0, "top level",
                        "does not belong there; move it into the folder it "
                        "serves, or allow it in tests/tidy/page_rules.cc"});
  }
  return findings;
}

std::vector<Finding> CheckReadmes(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const Documented& documented : kDocumented) {
    const std::string readme = std::string(documented.folder) + "/README.md";
    const bool has_code =
        std::ranges::any_of(tree.files, [&](const SourceFile& file) {
          return file.is_cpp() && IsInside(file.path, documented.folder);
        });
    if (!has_code || !tree.Has(documented.sign) || tree.Has(readme)) continue;
    findings.push_back({readme, 0, "readme",
                        "is missing; one page: what it is, contract, what it "
                        "is not, invariants, read first"});
  }
  return findings;
}

}  // namespace quorate::tidy
