#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tests/tidy/code_text.h"

namespace quorate::tidy {
namespace {

// ---- protocols --------------------------------------------------------------

constexpr std::array<std::string_view, 2> kPlacesOfProtocols = {
    "replica/base/protocols.h",
    "replica/host/replica.cc",
};

// ---- files that somebody names ----------------------------------------------

constexpr std::string_view kReader = "replica/system/user_file.h";
// Of the tests those that are programs; others read what they wrote.
constexpr std::array<std::string_view, 4> kProgramsOfTests = {
    "tests/fuzz/", "tests/lincheck/", "tests/model/", "tests/sim/"};
// What a node and `quorate local` have written themselves, of which they say
// more than that.
constexpr std::array<std::string_view, 2> kOwnFiles = {
    "storage/known_peers.cc", "replica/cli/process.cc"};

// "ifstream" of a line that opens a file to read it and is not one of the
// kernel's.
std::string_view PlainReadIn(std::string_view line) {
  if (line.find("\"/proc/") != std::string_view::npos) return {};
  for (const std::string_view name : {"ifstream", "parse_file"}) {
    if (FindWord(line, name) != std::string_view::npos) return name;
  }
  const bool reads =
      Calls(line, "fopen") && line.find("\"w") == std::string_view::npos;
  return reads ? "fopen" : std::string_view();
}

// ---- timers -----------------------------------------------------------------

constexpr std::string_view kTimerTable = "wire/timers.h";
// Where the product waits; what programs read from pipes is not it.
constexpr std::array<std::string_view, 11> kTimedFolders = {
    "wire/",
    "storage/",
    "executor/",
    "replica/base/",
    "replica/epaxos/",
    "replica/bpaxos/",
    "replica/multipaxos/",
    "replica/host/",
    "replica/node/",
    "replica/client/",
    "replica/cli/"};
// How a name ends that counts time.
constexpr std::array<std::string_view, 6> kTimeEndings = {
    "_ms", "_us", "_ticks", "Ms", "Us", "Ticks"};

// "hedge_ms" of "int hedge_ms = 80;": a time that gets a number of its own, but
// for 0 and 1, with which counting begins.
std::string TimerSetIn(std::string_view line) {
  for (std::size_t at = 0; at < line.size();) {
    if (!IsWordCharacter(line[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < line.size() && IsWordCharacter(line[end])) ++end;
    const std::string_view word = line.substr(at, end - at);
    at = end;
    if (std::ranges::none_of(kTimeEndings, [&](std::string_view ending) {
          return word.ends_with(ending);
        })) {
      continue;
    }
    std::size_t next = line.find_first_not_of(' ', end);
    if (next == std::string_view::npos ||
        (line[next] != '=' && line[next] != '{')) {
      continue;
    }
    next = line.find_first_not_of(' ', next + 1);
    if (next == std::string_view::npos) continue;
    const std::string_view value =
        line.substr(next, line.find_first_not_of("0123456789'", next) - next);
    if (!value.empty() && value != "0" && value != "1") {
      return std::string(word);
    }
  }
  return {};
}

// ---- rules, and what if they were missing -----------------------------------

constexpr std::string_view kMutants = "tests/mutants";
constexpr std::string_view kRules = "/rules.h";

// A file of the product.
void CheckAsked(const SourceFile& file, std::vector<Finding>& findings) {
  const auto find = [&](std::size_t number, std::string text) {
    findings.push_back({file.path, number, "rules", std::move(text)});
  };
  const std::string code = BlankOut(file.text, /*strings=*/true);
  ForLines(code, [&](std::string_view line, std::size_t number) {
    for (const std::string_view name : {"Mutated", "QUORATE_MUTATIONS"}) {
      if (FindWord(line, name) == std::string_view::npos) continue;
      find(number, "has " + std::string(name) +
                       "; make what is taken away a rule of the folder's "
                       "rules.h, and plant it in tests/mutants");
    }
  });
  if (!file.is_header()) return;
  ForLines(BlankOut(file.text, /*strings=*/false),
           [&](std::string_view line, std::size_t number) {
             if (!IncludedHeader(line).ends_with(kRules)) return;
             find(number,
                  "is a header and includes a rules.h; ask in a source, which "
                  "is compiled once with the rules and once with the mutants");
           });
}

// What stands before a rules.h.
void CheckPlanted(const SourceFile& file, const SourceTree& tree,
                  std::vector<Finding>& findings) {
  if (!file.path.ends_with(kRules)) return;
  const std::string path = file.path.substr(kMutants.size() + 1);
  const auto product = std::ranges::find(tree.files, path, &SourceFile::path);
  if (product == tree.files.end()) {
    findings.push_back({file.path, 0, "rules",
                        "stands before " + path +
                            ", which is not there; move both, or neither"});
    return;
  }
  ForLines(file.text, [&](std::string_view line, std::size_t number) {
    if (!IncludedHeader(line).empty()) return;
    for (std::size_t open = line.find('"'); open != line.npos;
         open = line.find('"')) {
      line.remove_prefix(open + 1);
      const std::string_view name = line.substr(0, line.find('"'));
      line.remove_prefix(std::min(name.size() + 1, line.size()));
      const bool is_mutant = std::ranges::all_of(name, IsWordCharacter) &&
                             name.find('_') != name.npos;
      if (!is_mutant || FindWord(product->text, name) != name.npos) continue;
      findings.push_back({file.path, number, "rules",
                          "plants " + std::string(name) + ", which " + path +
                              " does not name; name it beside the rule that "
                              "it takes away"});
    }
  });
}

}  // namespace

std::vector<Finding> CheckProtocols(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.is_cpp() || file.path.starts_with("tests/") ||
      Contains(kPlacesOfProtocols, file.path)) {
    return findings;
  }
  ForLines(BlankOut(file.text, /*strings=*/true),
           [&](std::string_view line, std::size_t number) {
             if (line.find("Protocol::k") == std::string_view::npos) return;
             findings.push_back(
                 {file.path, number, "protocols",
                  "names a protocol; ask what its row says "
                  "(replica/base/protocols.h), or give the rows a field"});
           });
  return findings;
}

std::vector<Finding> CheckTimers(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.is_cpp() || file.path == kTimerTable ||
      std::ranges::none_of(kTimedFolders, [&](std::string_view folder) {
        return file.path.starts_with(folder);
      })) {
    return findings;
  }
  const std::string code = BlankOut(file.text, /*strings=*/true);
  ForLines(code, [&](std::string_view line, std::size_t number) {
    const std::string name = TimerSetIn(line);
    if (name.empty()) return;
    findings.push_back({file.path, number, "timers",
                        "sets " + name + " to a number; give it a row in " +
                            std::string(kTimerTable) +
                            " and ask for that by name"});
  });
  return findings;
}

std::vector<Finding> CheckReaders(const SourceFile& file) {
  std::vector<Finding> findings;
  const bool program = std::ranges::any_of(
      kProgramsOfTests,
      [&](std::string_view folder) { return file.path.starts_with(folder); });
  if (!file.is_cpp() || file.path.ends_with("_test.cc") ||
      (IsInside(file.path, "tests") && !program) ||
      Contains(kOwnFiles, file.path)) {
    return findings;
  }
  const std::string code = BlankOut(file.text, /*strings=*/false);
  ForLines(code, [&](std::string_view line, std::size_t number) {
    const std::string_view name = PlainReadIn(line);
    if (name.empty()) return;
    findings.push_back({file.path, number, "readers",
                        "reads by " + std::string(name) +
                            ", to which a directory is an empty text and a "
                            "device has no end; use what " +
                            std::string(kReader) + " offers"});
  });
  return findings;
}

std::vector<Finding> CheckRules(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree.files) {
    if (!file.is_cpp()) continue;
    if (IsInside(file.path, kMutants)) {
      CheckPlanted(file, tree, findings);
    } else if (!IsInside(file.path, "tests")) {
      CheckAsked(file, findings);
    }
  }
  return findings;
}

std::vector<Finding> CheckHeader(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.is_header()) return findings;
  if (!file.text.starts_with("// Answers: ")) {
    findings.push_back({file.path, 1, "header",
                        "does not open with \"// Answers: <question>\"; say "
                        "which question the file answers"});
  }
  const std::string code = BlankOut(file.text, /*strings=*/true);
  const std::vector<std::string_view> lines = Lines(code);
  if (std::ranges::find(lines, "#pragma once") == lines.end()) {
    findings.push_back({file.path, 0, "header", "has no #pragma once; add it"});
  }
  return findings;
}

std::vector<Finding> CheckWords(const SourceFile& file) {
  // In two parts, or this file would report itself.
  static const std::array<std::string, 2> words = {std::string("TO") + "DO",
                                                   std::string("FIX") + "ME"};
  std::vector<Finding> findings;
  ForLines(file.text, [&](std::string_view line, std::size_t number) {
    for (const std::string& word : words) {
      if (FindWord(line, word) == std::string_view::npos) continue;
      findings.push_back({file.path, number, "words",
                          "says " + word + "; do it, or leave it out"});
    }
  });
  return findings;
}

}  // namespace quorate::tidy
