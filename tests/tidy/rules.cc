#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

namespace quorate::tidy {
namespace {

// ---- include ranks ----------------------------------------------------------

// A row of the ranks: what a folder (with those below it that have no row of
// their own) may include beside itself. An entry is a folder, exactly, or a
// file; "= folder" stands for that folder and all that it may include. Lowest
// rank first.
struct Area {
  std::string_view folder;
  std::vector<std::string_view> may_include;
};

const std::vector<Area>& Areas() {
  static const std::vector<Area> areas = {
      {"wire", {}},
      {"wire/codec", {"= wire"}},
      {"wire/net", {"= wire", "wire/wan"}},
      // Pure but for load.cc, which reads what somebody named.
      {"wire/wan", {"= wire", "replica/system"}},
      {"graph", {"= wire"}},
      {"depsvc", {"= wire"}},
      {"storage", {"= wire"}},
      {"storage/journal", {"= storage", "= wire/codec", "= wire/net"}},
      // Nobody's: for programs.
      {"replica/system", {}},
      {"executor", {"= graph", "executor/order"}},
      {"executor/order", {"= graph", "executor"}},
      {"replica/base", {"= wire"}},
      {"replica/base/floors", {"= replica/base"}},
      {"replica/epaxos", {"= depsvc", "= replica/base/floors"}},
      {"replica/bpaxos", {"= depsvc", "= replica/base/floors"}},
      {"replica/multipaxos", {"= depsvc", "= replica/base/floors"}},
      {"replica/host",
       {"= executor", "= replica/epaxos", "= replica/bpaxos",
        "= replica/multipaxos"}},
      // Reads cluster.toml, for nodes and for clients. A plain value header of
      // wire/net may be seen from where nothing has a socket.
      {"replica/config",
       {"= replica/base", "= wire/wan", "replica/system",
        "wire/net/endpoint.h"}},
      {"replica/node",
       {"= replica/host", "= replica/config", "= storage/journal"}},
      {"replica/client", {"= replica/config", "= wire/codec", "= wire/net"}},
      // The program: puts node and client together.
      {"replica/cli", {"= replica/node", "= replica/client"}},
      {"experiments", {"= replica/cli"}},
      {"tests", {"= experiments"}},
  };
  return areas;
}

bool IsInside(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() &&
         path[folder.size()] == '/';
}

// The most specific row the file is in; null outside of all.
const Area* FindArea(std::string_view path) {
  const Area* best = nullptr;
  for (const Area& area : Areas()) {
    if (IsInside(path, area.folder) &&
        (best == nullptr || area.folder.size() > best->folder.size())) {
      best = &area;
    }
  }
  return best;
}

bool MayInclude(const Area& from, std::string_view folder,
                std::string_view header) {
  return std::ranges::any_of(from.may_include, [&](std::string_view entry) {
    if (!entry.starts_with("= ")) return entry == folder || entry == header;
    entry.remove_prefix(2);
    const auto area = std::ranges::find(Areas(), entry, &Area::folder);
    return entry == folder ||
           (area != Areas().end() && MayInclude(*area, folder, header));
  });
}

// Headers from outside that only some may see.
struct Restricted {
  std::string_view prefix;
  std::vector<std::string_view> seen_by;  // beginnings of paths
};

const std::vector<Restricted>& RestrictedHeaders() {
  static const std::vector<Restricted> headers = {
      {"capnp/", {"wire/codec/"}},
      {"kj/", {"wire/codec/"}},
      {"sqlite3.h", {"storage/sqlite_", "tests/power/"}},
      {"uv.h",
       {"wire/net/", "storage/journal/", "replica/node/", "replica/client/",
        "replica/cli/", "experiments/", "tests/"}},
  };
  return headers;
}

std::string Join(const std::vector<std::string_view>& parts) {
  std::string text;
  for (std::string_view part : parts) {
    if (part.starts_with("= ")) part.remove_prefix(2);
    if (!text.empty()) text += ", ";
    text += part;
  }
  return text.empty() ? "nothing else" : text;
}

// The header an #include line names; empty for any other line.
std::string_view IncludedHeader(std::string_view line) {
  const auto skip_spaces = [&] {
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) {
      line.remove_prefix(1);
    }
  };
  skip_spaces();
  if (!line.starts_with('#')) return {};
  line.remove_prefix(1);
  skip_spaces();
  if (!line.starts_with("include")) return {};
  const std::size_t open = line.find_first_of("<\"");
  if (open == std::string_view::npos) return {};
  const char close = line[open] == '<' ? '>' : '"';
  const std::size_t end = line.find(close, open + 1);
  if (end == std::string_view::npos) return {};
  return line.substr(open + 1, end - open - 1);
}

std::string RankFault(const SourceFile& file, std::string_view header) {
  const Area* from = FindArea(file.path);
  const Area* to = FindArea(header);
  if (from == nullptr || to == nullptr || from == to) return {};
  if (MayInclude(*from, to->folder, header)) return {};
  return "includes " + std::string(header) + ", but " +
         std::string(from->folder) + " may include only itself and " +
         Join(from->may_include) +
         "; move the code to the rank it needs, or pass in what is wanted";
}

// Generated headers of the wire format count as capnp.
std::string RestrictionFault(const SourceFile& file, std::string_view header) {
  for (const Restricted& restricted : RestrictedHeaders()) {
    const bool generated =
        restricted.prefix == "capnp/" && header.ends_with(".capnp.h");
    if (!header.starts_with(restricted.prefix) && !generated) continue;
    const auto sees = [&](std::string_view beginning) {
      return file.path.starts_with(beginning);
    };
    if (std::ranges::any_of(restricted.seen_by, sees)) return {};
    return "includes " + std::string(header) + ", which only " +
           Join(restricted.seen_by) + " may see; use what that code offers";
  }
  return {};
}

// ---- purity -----------------------------------------------------------------

constexpr std::array<std::string_view, 12> kPureFolders = {
    "wire",
    "wire/wan",
    "graph",
    "depsvc",
    "executor",
    "executor/order",
    "replica/base",
    "replica/base/floors",
    "replica/epaxos",
    "replica/bpaxos",
    "replica/multipaxos",
    "replica/host"};

constexpr std::array<std::string_view, 14> kImpureHeaders = {
    "chrono",   "thread",  "mutex",    "shared_mutex", "condition_variable",
    "future",   "random",  "ctime",    "time.h",       "sys/time.h",
    "iostream", "fstream", "unistd.h", "uv.h"};

// Names that are wrong wherever they stand, and those that are wrong when
// called (a member of that name is somebody else's).
constexpr std::array<std::string_view, 3> kImpureNames = {
    "std::cout", "std::cerr", "std::clog"};
constexpr std::array<std::string_view, 10> kImpureCalls = {
    "rand",   "srand",   "time", "clock_gettime", "gettimeofday",
    "printf", "fprintf", "puts", "fopen",         "getenv"};

bool IsPure(const SourceFile& file) {
  const Area* area = FindArea(file.path);
  if (area == nullptr) return false;
  return area->folder == "wire/codec" ||
         std::ranges::find(kPureFolders, area->folder) != kPureFolders.end();
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Where `word` stands as a whole word at or after `from`; npos if nowhere.
std::size_t FindWord(std::string_view line, std::string_view word,
                     std::size_t from = 0) {
  for (std::size_t at = line.find(word, from); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !IsWordCharacter(line[at - 1])) &&
        (end == line.size() || !IsWordCharacter(line[end]))) {
      return at;
    }
  }
  return std::string_view::npos;
}

bool Calls(std::string_view line, std::string_view name) {
  for (std::size_t at = FindWord(line, name); at != std::string_view::npos;
       at = FindWord(line, name, at + 1)) {
    const bool member = (at >= 1 && line[at - 1] == '.') ||
                        (at >= 2 && line.substr(at - 2, 2) == "->");
    const std::size_t next = line.find_first_not_of(' ', at + name.size());
    if (!member && next != std::string_view::npos && line[next] == '(') {
      return true;
    }
  }
  return false;
}

std::string ImpureName(std::string_view line) {
  for (const std::string_view name : kImpureNames) {
    if (FindWord(line, name) != std::string_view::npos) {
      return std::string(name);
    }
  }
  for (const std::string_view name : kImpureCalls) {
    if (Calls(line, name)) return std::string(name) + "()";
  }
  return {};
}

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

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& names,
              std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Calls `check(line, number)` for each line of the file's code.
template <typename Check>
void ForLines(std::string_view text, Check check) {
  std::size_t number = 0;
  for (const std::string_view line : Lines(text)) check(line, ++number);
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

std::string ToString(const Finding& finding) {
  std::string place = finding.path;
  if (finding.line != 0) place += ":" + std::to_string(finding.line);
  return place + ": " + finding.rule + ": " + finding.text;
}

bool IsSourceFolder(std::string_view name) {
  return Contains(kSourceFolders, name);
}

std::vector<Finding> CheckIncludes(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.is_cpp()) return findings;
  const std::string code = BlankOut(file.text, /*strings=*/false);
  ForLines(code, [&](std::string_view line, std::size_t number) {
    const std::string_view header = IncludedHeader(line);
    if (header.empty()) return;
    for (std::string fault :
         {RankFault(file, header), RestrictionFault(file, header)}) {
      if (fault.empty()) continue;
      findings.push_back(
          {file.path, number, "include ranks", std::move(fault)});
    }
  });
  return findings;
}

std::vector<Finding> CheckPurity(const SourceFile& file) {
  std::vector<Finding> findings;
  if (!file.is_cpp() || !IsPure(file)) return findings;
  const auto report = [&](std::size_t number, const std::string& what) {
    findings.push_back({file.path, number, "purity below the shell",
                        "uses " + what +
                            "; let it arrive as an event or leave as an "
                            "effect, and do it in replica/node"});
  };
  const std::string includes = BlankOut(file.text, /*strings=*/false);
  ForLines(includes, [&](std::string_view line, std::size_t number) {
    const std::string_view header = IncludedHeader(line);
    if (Contains(kImpureHeaders, header)) {
      report(number, "<" + std::string(header) + ">");
    }
  });
  // The one place that may speak: an invariant was broken.
  if (file.path == "wire/check.h") return findings;
  const std::string code = BlankOut(file.text, /*strings=*/true);
  ForLines(code, [&](std::string_view line, std::size_t number) {
    const std::string name = ImpureName(line);
    if (!name.empty()) report(number, name);
  });
  return findings;
}

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

std::vector<Finding> CheckTopLevel(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const std::string& name : tree.top_level) {
    if (Contains(kSourceFolders, name) || Contains(kTopLevelFiles, name) ||
        Contains(kIgnored, name)) {
      continue;
    }
    findings.push_back({name, 0, "top level",
                        "does not belong there; move it into the folder it "
                        "serves, or allow it in tests/tidy/rules.cc"});
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
