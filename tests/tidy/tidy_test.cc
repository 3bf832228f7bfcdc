// The rules on this very source tree, and each rule on a snippet that breaks
// it.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"
#include "tests/tidy/texts.h"

namespace quorate::tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// ---- this tree --------------------------------------------------------------

const SourceTree& ThisTree() {
  static const SourceTree tree = ReadTree(QUORATE_SOURCE_DIR);
  return tree;
}

template <typename Rule>
std::vector<std::string> OnEveryFile(Rule rule) {
  std::vector<std::string> texts;
  for (const SourceFile& file : ThisTree().files) {
    for (const Finding& finding : rule(file)) {
      texts.push_back(ToString(finding));
    }
  }
  return texts;
}

TEST(ThisTree, WasRead) {
  EXPECT_TRUE(ThisTree().Has("CMakeLists.txt"));
  EXPECT_TRUE(ThisTree().Has("wire/ids.h"));
  EXPECT_TRUE(ThisTree().Has("tests/tidy/tidy_test.cc"));
}

TEST(ThisTree, KeepsTheIncludeRanks) {
  EXPECT_THAT(OnEveryFile(CheckIncludes), IsEmpty());
}

TEST(ThisTree, IsPureBelowTheShell) {
  EXPECT_THAT(OnEveryFile(CheckPurity), IsEmpty());
}

TEST(ThisTree, HasHeadersThatSayWhatTheyAnswer) {
  EXPECT_THAT(OnEveryFile(CheckHeader), IsEmpty());
}

TEST(ThisTree, HasEachTimerInTheTable) {
  EXPECT_THAT(OnEveryFile(CheckTimers), IsEmpty());
}

TEST(ThisTree, ReadsWhatSomebodyNamesByItsOneReader) {
  EXPECT_THAT(OnEveryFile(CheckReaders), IsEmpty());
}

TEST(ThisTree, NamesAProtocolInItsTwoPlaces) {
  EXPECT_THAT(OnEveryFile(CheckProtocols), IsEmpty());
}

TEST(ThisTree, AsksItsRulesByName) {
  EXPECT_THAT(Texts(CheckRules(ThisTree())), IsEmpty());
}

TEST(ThisTree, CitesWhatIsThere) {
  EXPECT_THAT(OnEveryFile([](const SourceFile& file) {
                return CheckCitations(file, ThisTree());
              }),
              IsEmpty());
}

TEST(ThisTree, LeavesNothingForLater) {
  EXPECT_THAT(OnEveryFile(CheckWords), IsEmpty());
}

TEST(ThisTree, HasOnlyWhatBelongsAtTheTop) {
  EXPECT_THAT(Texts(CheckTopLevel(ThisTree())), IsEmpty());
}

TEST(ThisTree, HasAReadmeInEveryFolder) {
  EXPECT_THAT(Texts(CheckReadmes(ThisTree())), IsEmpty());
}

// ---- the rules themselves ---------------------------------------------------

std::vector<std::string> Includes(const std::string& path,
                                  const std::string& text) {
  return Texts(CheckIncludes({path, text}));
}

TEST(IncludeRule, NamesPlaceFaultAndRemedy) {
  EXPECT_THAT(
      Includes("graph/a.h", "#pragma once\n\n#include \"executor/b.h\"\n"),
      ElementsAre(
          AllOf(StartsWith("graph/a.h:3: include ranks: includes executor/b.h"),
                HasSubstr("graph may include only itself and wire;"))));
}

TEST(IncludeRule, RefusesEveryHigherRank) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"wire/a.h", "wire/codec/b.h"},
           {"wire/codec/a.h", "graph/b.h"},
           {"depsvc/a.h", "graph/b.h"},
           {"storage/a.cc", "executor/b.h"},
           {"executor/a.cc", "depsvc/b.h"},
           {"replica/base/a.h", "depsvc/b.h"},
           {"replica/epaxos/a.h", "executor/b.h"},
           {"replica/epaxos/a.h", "replica/host/replica.h"},
           {"replica/epaxos/a.h", "replica/bpaxos/b.h"},
           {"replica/host/a.cc", "storage/b.h"},
           {"replica/host/a.cc", "wire/codec/b.h"},
           {"replica/host/a.cc", "wire/net/b.h"},
           {"replica/config/a.cc", "wire/net/handles.h"},
           {"replica/client/a.cc", "storage/b.h"},
           {"replica/client/a.cc", "replica/epaxos/b.h"},
           {"replica/client/a.cc", "replica/host/b.h"},
           {"replica/host/a.cc", "replica/node/b.h"},
           {"replica/node/a.cc", "replica/client/b.h"},
           {"replica/client/a.cc", "replica/node/server.h"},
           {"replica/client/a.cc", "replica/cli/b.h"},
           {"replica/node/a.cc", "tests/b.h"},
           {"experiments/a.cc", "tests/b.h"},
       }) {
    EXPECT_EQ(Includes(from, "#include \"" + to + "\"\n").size(), 1u)
        << from << " includes " << to;
  }
}

TEST(IncludeRule, AcceptsLowerRanksAndTheOwnFolder) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{
           {"wire/codec/a.h", "wire/b.h"},
           {"wire/codec/a.h", "wire/codec/schema/b.h"},
           {"executor/a.cc", "graph/b.h"},
           {"replica/base/a.h", "replica/base/settings.h"},
           {"replica/epaxos/a.h", "replica/base/b.h"},
           {"replica/host/a.cc", "executor/b.h"},
           {"replica/node/a.cc", "storage/b.h"},
           {"replica/client/a.cc", "replica/config/config.h"},
           {"replica/config/a.h", "wire/net/endpoint.h"},
           {"replica/node/a.cc", "wire/net/b.h"},
           {"replica/cli/a.cc", "replica/epaxos/b.h"},
           {"replica/cli/a.cc", "replica/node/server.h"},
           {"tests/bench/a.cc", "experiments/bench/b.h"},
           {"tests/sim/a.cc", "tests/lincheck/b.h"},
           {"experiments/bench/a.cc", "replica/client/b.h"},
           {"graph/a.cc", "absl/status/status.h"},
       }) {
    EXPECT_THAT(Includes(from, "#include \"" + to + "\"\n"), IsEmpty())
        << from << " includes " << to;
  }
}

TEST(IncludeRule, KeepsEachLibraryInItsPlace) {
  EXPECT_EQ(Includes("graph/a.cc", "#include <capnp/message.h>").size(), 1u);
  EXPECT_EQ(Includes("tests/wire/a.cc", "#include <kj/array.h>").size(), 1u);
  EXPECT_EQ(Includes("replica/node/a.cc",
                     "#include \"wire/codec/schema/quorate.capnp.h\"")
                .size(),
            1u);
  EXPECT_EQ(Includes("storage/memory_store.cc", "#include <sqlite3.h>").size(),
            1u);
  EXPECT_EQ(Includes("replica/host/a.cc", "  #  include <uv.h>").size(), 1u);
  EXPECT_THAT(Includes("storage/sqlite_a.cc", "#include <sqlite3.h>"),
              IsEmpty());
  EXPECT_THAT(Includes("tests/node/a.cc", "#include <uv.h>"), IsEmpty());
}

TEST(IncludeRule, IgnoresComments) {
  EXPECT_THAT(Includes("graph/a.cc",
                       "// #include \"executor/b.h\"\n"
                       "/*\n#include \"executor/b.h\"\n*/\n"),
              IsEmpty());
}

std::vector<std::string> Purity(const std::string& path,
                                const std::string& text) {
  return Texts(CheckPurity({path, text}));
}

TEST(PurityRule, NamesPlaceFaultAndRemedy) {
  EXPECT_THAT(Purity("depsvc/a.cc", "\n#include <chrono>\n"),
              ElementsAre(AllOf(
                  StartsWith("depsvc/a.cc:2: purity below the shell: uses "
                             "<chrono>;"),
                  HasSubstr("do it in replica/node"))));
}

TEST(PurityRule, RefusesClocksThreadsRandomnessAndOutput) {
  for (const std::string line :
       {"#include <thread>", "#include <mutex>", "#include <random>",
        "#include <ctime>", "#include <iostream>", "#include <fstream>",
        "int x = rand();", "auto now = time (nullptr);",
        "clock_gettime(CLOCK_MONOTONIC, &now);", "std::cout << x;",
        "std::printf(\"%d\", x);", "f(getenv(\"HOME\"));"}) {
    for (const std::string path :
         {"wire/a.h", "wire/codec/a.cc", "graph/a.cc", "depsvc/a.cc",
          "executor/a.cc", "replica/host/a.cc", "replica/base/a.h",
          "replica/epaxos/a.cc"}) {
      EXPECT_EQ(Purity(path, line + "\n").size(), 1u) << path << ": " << line;
    }
  }
}

TEST(PurityRule, LeavesTheShellTheStoreAndTheTestsAlone) {
  for (const std::string path :
       {"replica/node/a.cc", "replica/client/a.cc", "storage/a.cc",
        "tests/sim/a.cc", "experiments/bench/a.cc", "wire/README.md"}) {
    EXPECT_THAT(Purity(path, "#include <chrono>\nrand();\n"), IsEmpty());
  }
}

TEST(PurityRule, IgnoresCommentsStringsMembersAndLongerNames) {
  EXPECT_THAT(Purity("graph/a.cc",
                     "// rand() and <chrono>\n"
                     "auto text = \"printf(\";\n"
                     "auto raw = R\"(getenv(\"x\"))\";\n"
                     "x = queue.time() + queue->time();\n"
                     "x = operand(1'000) + lifetime(x);\n"
                     "Time time{};\n"),
              IsEmpty());
}

TEST(PurityRule, LetsABrokenInvariantSpeak) {
  EXPECT_THAT(Purity("wire/check.h", "std::fprintf(stderr, \"x\");"),
              IsEmpty());
  EXPECT_EQ(Purity("wire/check.h", "#include <chrono>").size(), 1u);
}

TEST(TimerRule, FindsANumberBesideTheTable) {
  const auto check = [](const std::string& path, const std::string& text) {
    return Texts(CheckTimers({path, text}));
  };
  EXPECT_THAT(
      check("replica/node/a.h", "x;\nstd::int64_t hedge_ms = 80;\n"),
      ElementsAre(AllOf(StartsWith("replica/node/a.h:2: timers: sets hedge"),
                        HasSubstr("give it a row"))));
  for (const char* line :
       {"constexpr int kQuietTicks{30};", "options.meeting_ms=1'000;",
        "constexpr auto kPauseUs = 16;", "f({.tick_ms = 10})"}) {
    EXPECT_EQ(check("replica/epaxos/a.cc", line).size(), 1u) << line;
    EXPECT_THAT(check("tests/a.cc", line), IsEmpty()) << line;
  }
  for (const char* line :
       {"int hedge_ms = MillisecondsOf<\"client.hedge\">;", "age_ticks = 0;",
        "if (age_ms == 80) x();", "// tick_ms = 10", "stuck_ticks = n;"}) {
    EXPECT_THAT(check("replica/host/a.cc", line), IsEmpty()) << line;
  }
}

TEST(ReaderRule, FindsAPlainReadOfAFile) {
  const auto check = [](const std::string& path, const std::string& text) {
    return Texts(CheckReaders({path, text}));
  };
  EXPECT_THAT(check("experiments/bench/a.cc", "x;\nstd::ifstream f(path);\n"),
              ElementsAre(AllOf(
                  StartsWith("experiments/bench/a.cc:2: readers: reads by "
                             "ifstream"),
                  HasSubstr("replica/system/user_file.h"))));
  for (const char* line :
       {"std::ifstream file{path};", "f = std::fopen(path, \"re\");",
        "toml::parse_file(path)"}) {
    EXPECT_EQ(check("replica/cli/a.cc", line).size(), 1u) << line;
    EXPECT_EQ(check("tests/sim/main.cc", line).size(), 1u) << line;
    EXPECT_THAT(check("tests/bench/a_test.cc", line), IsEmpty()) << line;
  }
  for (const char* line :
       {"std::ifstream file(\"/proc/cpuinfo\");", "// an ifstream",
        "std::fopen(path.c_str(), \"we\");", "#include <fstream>"}) {
    EXPECT_THAT(check("replica/cli/a.cc", line), IsEmpty()) << line;
  }
}

TEST(ProtocolRule, WantsTraitsAndNoNames) {
  const auto check = [](const char* path, const char* text) {
    return Texts(CheckProtocols({path, text}));
  };
  EXPECT_THAT(
      check("replica/node/a.cc", "x;\nif (p == Protocol::kBpaxos) y;\n"),
      ElementsAre(AllOf(StartsWith("replica/node/a.cc:2: protocols: "),
                        HasSubstr("ask what its row says"))));
  EXPECT_THAT(check("replica/node/a.cc", "// Protocol::kBpaxos\n"), IsEmpty());
  EXPECT_THAT(check("replica/host/replica.cc", "Protocol::kBpaxos\n"),
              IsEmpty());
  EXPECT_THAT(check("tests/sim/a.cc", "Protocol::kBpaxos\n"), IsEmpty());
}

TEST(RulesRule, FindsMutantsInTheProduct) {
  SourceTree tree;
  tree.files = {
      {"graph/a.cc", "// Mutated\nif (Mutated(\"b_c\")) x();\n"},
      {"graph/b.h", "#include \"graph/rules.h\"\n"},
      {"graph/c.cc", "#include \"graph/rules.h\"\nauto x = \"Mutated\";\n"},
      {"tests/a.cc", "Mutated(\"b_c\");\n"}};
  EXPECT_THAT(Texts(CheckRules(tree)),
              ElementsAre(AllOf(StartsWith("graph/a.cc:2: rules: has Mutated"),
                                HasSubstr("plant it in tests/mutants")),
                          StartsWith("graph/b.h:1: rules: is a header")));
}

TEST(RulesRule, WantsEachMutantNamedBesideItsRule) {
  SourceTree tree;
  tree.files = {{"tests/mutants/graph/rules.h",
                 "#include \"../../../graph/rules.h\"\n"
                 "Mutated(\"b_c\") || Mutated(\"d_e\")\n"},
                {"graph/rules.h", "// Some rule (b_c).\n"},
                {"tests/mutants/wire/rules.h", "Mutated(\"b_c\")\n"}};
  EXPECT_THAT(
      Texts(CheckRules(tree)),
      ElementsAre(
          StartsWith("tests/mutants/graph/rules.h:2: rules: plants d_e"),
          StartsWith("tests/mutants/wire/rules.h: rules: stands before")));
}

TEST(HeaderRule, WantsAQuestionAndAGuard) {
  EXPECT_THAT(Texts(CheckHeader({"graph/a.h", "// Things.\nint x;\n"})),
              ElementsAre(StartsWith("graph/a.h:1: header: does not open"),
                          "graph/a.h: header: has no #pragma once; add it"));
  EXPECT_THAT(
      CheckHeader({"graph/a.h", "// Answers: what?\n//\n#pragma once\n"}),
      IsEmpty());
  EXPECT_THAT(CheckHeader({"graph/a.cc", "int x;\n"}), IsEmpty());
}

TEST(HeaderRule, DoesNotTakeAGuardInACommentForOne) {
  EXPECT_EQ(
      CheckHeader({"graph/a.h", "// Answers: what?\n// #pragma once\n"}).size(),
      1u);
}

// Written in two parts, so that this file itself cites nothing.
std::string Cite(const std::string& page, const std::string& rest) {
  return page + std::string(".m") + "d" + rest;
}

TEST(CitationRule, WantsThePageAndTheSection) {
  SourceTree tree;
  tree.files = {{"replica/docs/protocol.md",
                 "# P\n## 2. Path\n### 2.6 Recovery\n**1.3 Overlap.**\n"
                 "| ENV3 | fsync |\n"}};
  const auto check = [&](const std::string& text) {
    return Texts(CheckCitations({"a/b.h", text}, tree));
  };
  for (const char* section :
       {" 2", " 2.6,", " 1.3)", " ENV3", " SQL", "\n// 2.6", " is"}) {
    EXPECT_THAT(check("// see (" + Cite("protocol", section)), IsEmpty())
        << section;
  }
  EXPECT_THAT(check("//\n// " + Cite("protocol", " 2.5")),
              ElementsAre(StartsWith("a/b.h:2: citations: cites section 2.5")));
  EXPECT_EQ(check(Cite("protocol", " 1")).size(), 1u) << "1.3 is not 1";
  EXPECT_THAT(check(Cite("nowhere", " 2")),
              ElementsAre(HasSubstr("there is no replica/docs/nowhere")));
  EXPECT_THAT(check("wire/" + Cite("protocol", " 9")), IsEmpty()) << "a link";
}

TEST(WordRule, FindsWholeWordsInAnyFile) {
  const std::string word = std::string("TO") + "DO";
  EXPECT_THAT(Texts(CheckWords({"a/README.md", "x\n" + word + ": y\n"})),
              ElementsAre(StartsWith("a/README.md:2: words: says " + word)));
  EXPECT_EQ(CheckWords({"a.cc",
                        "// FIX"
                        "ME(x)\n"})
                .size(),
            1u);
  EXPECT_THAT(CheckWords({"a.cc", "int " + word + "_LIST;\n"}), IsEmpty());
}

TEST(TopLevelRule, RefusesWhatIsNotListed) {
  SourceTree tree;
  tree.top_level = {".git", "CMakeLists.txt", "build", "notes.txt", "wire"};
  EXPECT_THAT(Texts(CheckTopLevel(tree)),
              ElementsAre(StartsWith("notes.txt: top level: does not belong")));
}

TEST(ReadmeRule, WantsOneWhereThereIsCodeWithTests) {
  SourceTree tree;
  tree.files = {{"graph/a.cc", ""}, {"replica/node/a.cc", ""}};
  EXPECT_THAT(CheckReadmes(tree), IsEmpty()) << "no tests yet";
  tree.files.push_back({"tests/graph/CMakeLists.txt", ""});
  tree.files.push_back({"tests/node/CMakeLists.txt", ""});
  EXPECT_THAT(Texts(CheckReadmes(tree)),
              ElementsAre(StartsWith("graph/README.md: readme: is missing"),
                          StartsWith("replica/node/README.md: readme")));
  tree.files.push_back({"graph/README.md", ""});
  EXPECT_THAT(Texts(CheckReadmes(tree)),
              ElementsAre(StartsWith("replica/node/README.md: readme")));
}

}  // namespace
}  // namespace quorate::tidy
