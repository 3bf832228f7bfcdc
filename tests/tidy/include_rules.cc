#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>

#include "tests/tidy/code_text.h"

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

}  // namespace

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

}  // namespace quorate::tidy
