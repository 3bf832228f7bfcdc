#include "tests/tidy/codes.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace quorate::tidy {
namespace {

constexpr std::string_view kRule = "codes";
// Letters of a kind, digits of a number: more of either is a name.
constexpr std::size_t kMostLetters = 3;
constexpr std::size_t kMostDigits = 2;
// What the line of the registry begins with that lists what only looks so.
constexpr std::string_view kNoCodes = "No codes, though they look like some: ";

bool IsUpper(char c) {
  return std::isupper(static_cast<unsigned char>(c)) != 0;
}
bool IsLower(char c) {
  return std::islower(static_cast<unsigned char>(c)) != 0;
}
bool IsDigit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool IsWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool LooksLikeCode(std::string_view word) {
  std::size_t at = 0;
  while (at < word.size() && IsUpper(word[at])) ++at;
  const std::size_t letters = at;
  while (at < word.size() && IsDigit(word[at])) ++at;
  const std::size_t digits = at - letters;
  if (at < word.size() && IsLower(word[at])) ++at;
  return at == word.size() && letters > 0 && letters <= kMostLetters &&
         digits > 0 && digits <= kMostDigits;
}

// A part of what hyphens join: the two ends of a range, or a kind that is
// itself two, "B-" and the rest.
void AddCodes(std::string_view joined, std::size_t line,
              std::vector<Code>& codes) {
  std::string before;
  while (!joined.empty()) {
    const std::size_t hyphen = std::min(joined.find('-'), joined.size());
    const std::string part(joined.substr(0, hyphen));
    joined.remove_prefix(std::min(hyphen + 1, joined.size()));
    if (LooksLikeCode(part)) {
      codes.push_back({before == "B" ? before + "-" + part : part, line});
    }
    before = part;
  }
}

// Of C++ only what is for readers: comments and strings.
std::string Prose(const SourceFile& file) {
  if (!file.is_cpp()) return file.text;
  const std::string code = BlankOut(file.text, /*strings=*/true);
  std::string prose = file.text;
  for (std::size_t i = 0; i < prose.size(); ++i) {
    if (prose[i] != '\n' && prose[i] == code[i]) prose[i] = ' ';
  }
  return prose;
}

// "| X1 | ...": what the row of a table is about, if that is a code.
std::string RowOf(std::string_view line) {
  if (!line.starts_with("| ")) return {};
  const std::string_view cell = line.substr(2, line.find(" |") - 2);
  const std::vector<Code> codes = CodesIn(cell);
  return codes.size() == 1 && codes[0].name == cell ? codes[0].name : "";
}

struct Registry {
  std::map<std::string, std::size_t> lines;
  std::set<std::string> no_codes;
};

Registry ReadRegistry(const SourceFile& page, std::vector<Finding>& findings) {
  Registry registry;
  std::size_t number = 0;
  for (const std::string_view line : Lines(page.text)) {
    ++number;
    if (line.starts_with(kNoCodes)) {
      for (const Code& code : CodesIn(line))
        registry.no_codes.insert(code.name);
    }
    const std::string code = RowOf(line);
    if (code.empty() || registry.lines.emplace(code, number).second) continue;
    findings.push_back(
        {page.path, number, std::string(kRule),
         code + " is there already, in line " +
             std::to_string(registry.lines[code]) +
             "; one code, one meaning: give the newer one a number or letters "
             "of its own"});
  }
  return registry;
}

// `wait_ge`, `power_test`, `storage/a.cc`: words between backticks.
std::vector<Code> NamesIn(std::string_view text) {
  std::vector<Code> names;
  std::size_t number = 0;
  for (std::string_view line : Lines(text)) {
    ++number;
    for (std::size_t open = line.find('`'); open != std::string_view::npos;
         open = line.find('`')) {
      line.remove_prefix(open + 1);
      const std::size_t close = std::min(line.find('`'), line.size());
      names.push_back({std::string(line.substr(0, close)), number});
      line.remove_prefix(std::min(close + 1, line.size()));
    }
  }
  return names;
}

bool IsName(std::string_view name) {
  return std::ranges::all_of(name, IsWord) && name.find('_') != name.npos;
}

void CheckNames(const SourceFile& page, const SourceTree& tree,
                std::vector<Finding>& findings) {
  for (const Code& name : NamesIn(page.text)) {
    const bool known =
        !IsName(name.name) ||
        std::ranges::any_of(tree.files, [&](const SourceFile& file) {
          return file.path != page.path &&
                 (file.text.find(name.name) != std::string::npos ||
                  file.path.find("/" + name.name + ".") != std::string::npos);
        });
    if (known) continue;
    findings.push_back({page.path, name.line, std::string(kRule),
                        "names " + name.name +
                            ", which stands nowhere else; name what shows the "
                            "rule today"});
  }
}

}  // namespace

std::vector<Code> CodesIn(std::string_view text) {
  std::vector<Code> codes;
  std::size_t line = 1;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\n') ++line;
    if (!IsWord(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() &&
           (IsWord(text[end]) || (text[end] == '-' && end + 1 < text.size() &&
                                  IsWord(text[end + 1])))) {
      ++end;
    }
    // "-O2", "$R1", "a.B1" and "B3.1" are options, variables and numbers.
    const bool part_of_name =
        (at > 0 &&
         (text[at - 1] == '-' || text[at - 1] == '$' || text[at - 1] == '.')) ||
        (end + 1 < text.size() && text[end] == '.' && IsDigit(text[end + 1]));
    if (!part_of_name) AddCodes(text.substr(at, end - at), line, codes);
    at = end;
  }
  return codes;
}

std::vector<Finding> CheckCodes(const SourceTree& tree) {
  std::vector<Finding> findings;
  const auto page =
      std::ranges::find(tree.files, kCodeRegistry, &SourceFile::path);
  if (page == tree.files.end()) {
    return {{std::string(kCodeRegistry), 0, std::string(kRule),
             "is missing; it is the registry of rule codes"}};
  }
  const Registry registry = ReadRegistry(*page, findings);
  std::set<std::string> cited;
  for (const SourceFile& file : tree.files) {
    if (file.path == page->path) continue;
    for (const Code& code : CodesIn(Prose(file))) {
      cited.insert(code.name);
      if (registry.lines.contains(code.name) ||
          registry.no_codes.contains(code.name)) {
        continue;
      }
      findings.push_back({file.path, code.line, std::string(kRule),
                          "cites " + code.name + ", which is not in " +
                              page->path +
                              "; correct it, or give the rule a row there"});
    }
  }
  for (const auto& [code, line] : registry.lines) {
    if (cited.contains(code)) continue;
    findings.push_back({page->path, line, std::string(kRule),
                        "has " + code +
                            ", which nobody states or cites; take the row "
                            "out, or name the code where it holds"});
  }
  CheckNames(*page, tree, findings);
  return findings;
}

}  // namespace quorate::tidy
