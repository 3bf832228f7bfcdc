#include "tests/sim/bugs.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/model/mutants.h"
#include "tests/sim/plan.h"
#include "tests/sim/toy_machine.h"

namespace quorate::sim {
namespace {

constexpr char kMutants[] = "quorate-sim-mutants";
constexpr char kExplorer[] = "quorate-explore-mutants";
constexpr char kUnitTests[] = "quorate-unit-mutants";

// By ToyBug. With three replicas one vote of another is a majority, however
// often it is counted; without r1 the toy does nothing, so nobody dies.
std::string OptionsOf(ToyBug bug) {
  static constexpr std::array<int, kToyBugs> kSeeds = {0, 1, 1, 1, 1, 12, 2,
                                                       1, 2, 1, 1, 1, 1};
  FaultSet faults = FaultSet::All();
  faults.Erase(FaultKind::kDeath);
  return absl::StrCat("--protocol toy --replicas 5 --operations 300 --faults ",
                      faults.ToString(), " --seed ",
                      kSeeds[static_cast<std::size_t>(bug)]);
}

std::vector<Bug> BugsOfTheToy() {
  std::vector<Bug> bugs;
  for (int i = 1; i < kToyBugs; ++i) {
    const auto bug = static_cast<ToyBug>(i);
    bugs.push_back({.name = std::string(Name(bug)),
                    .about = "of the toy machine",
                    .found_by = OptionsOf(bug)});
  }
  return bugs;
}

std::vector<Bug> AllBugs() {
  std::vector<Bug> bugs = BugsOfTheToy();
  for (const model::Mutation& mutation : model::Mutations()) {
    bugs.push_back({.name = std::string(mutation.name),
                    .about = std::string(mutation.about),
                    .found_by = std::string(mutation.found_by)});
  }
  return bugs;
}

std::filesystem::path OwnFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

}  // namespace

std::optional<Bug> FindBug(std::string_view name) {
  const std::vector<Bug> bugs = AllBugs();
  const auto found = std::ranges::find(bugs, name, &Bug::name);
  if (found == bugs.end()) return std::nullopt;
  return *found;
}

std::string BugList() {
  std::string list;
  for (const Bug& bug : AllBugs()) {
    absl::StrAppendFormat(&list, "%-22s %s\n%22s   %s\n", bug.name, bug.about,
                          "", bug.found_by);
  }
  return list;
}

std::string BugAmong(const std::vector<std::string>& arguments) {
  static constexpr std::string_view kOption = "--bug";
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& each = arguments[i];
    if (each == kOption && i + 1 < arguments.size()) return arguments[i + 1];
    if (each.starts_with(kOption) && each.size() > kOption.size() &&
        each[kOption.size()] == '=') {
      return each.substr(kOption.size() + 1);
    }
  }
  return {};
}

void HandOver(char** argv) {
  if (!model::Mutations().empty()) return;
  // The name stays that of this program: a replay line comes back here.
  execv((OwnFolder() / kMutants).c_str(), argv);
}

void FindElsewhere(const Bug& bug) {
  const std::size_t space =
      std::min(bug.found_by.find(' '), bug.found_by.size());
  const std::string how = bug.found_by.substr(0, space);
  const std::string what =
      bug.found_by.substr(std::min(space + 1, bug.found_by.size()));
  const std::filesystem::path model =
      (OwnFolder() / ".." / "model").lexically_normal();
  std::vector<std::string> words;
  if (how == "unit") {
    words = {(model / kUnitTests).string(), "--gtest_filter=" + what};
    setenv("QUORATE_MUTATION", bug.name.c_str(), /*overwrite=*/1);
  } else {
    words = {(model / kExplorer).string(), "--mutation", bug.name, "--endings",
             "0"};
    const std::string schedule =
        absl::StrCat(QUORATE_SCENARIOS "/", bug.name, ".txt");
    words.push_back(how == "replay" ? "--replay" : "--scope");
    words.push_back(how == "replay" ? schedule : what);
  }
  std::string line = how == "unit" ? "QUORATE_MUTATION=" + bug.name : "";
  std::vector<char*> argv;
  for (std::string& word : words) {
    const bool quoted = word.find(' ') != std::string::npos;
    absl::StrAppend(&line, line.empty() ? "" : " ", quoted ? "'" : "", word,
                    quoted ? "'" : "");
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  std::printf("no seed of the simulator finds %s, this does\nreplay: %s\n",
              bug.name.c_str(), line.c_str());
  std::fflush(stdout);
  execv(argv[0], argv.data());
}

}  // namespace quorate::sim
