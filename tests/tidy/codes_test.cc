// The registry of rule codes: this tree's, and what the rule finds.
#include "tests/tidy/codes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/texts.h"

namespace quorate::tidy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Put together here, so that this file itself cites nothing.
std::string Written(const std::string& letters, const std::string& number) {
  return letters + number;
}

std::vector<std::string> Names(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& code : CodesIn(text)) names.push_back(code.name);
  return names;
}

TEST(ThisTree, CitesCodesThatAreRegisteredOnce) {
  EXPECT_THAT(Texts(CheckCodes(ReadTree(QUORATE_SOURCE_DIR))), IsEmpty());
}

TEST(CodeRule, KnowsACodeWhenItSeesOne) {
  const std::string r1 = Written("R", "1"), r5 = Written("R", "5");
  EXPECT_THAT(Names("// " + r1 + "-" + r5 + ": (" + r1 + "'), " + r5 + "."),
              ElementsAre(r1, r5, r1, r5));
  const std::string floor = Written("B-R", "1c");
  EXPECT_THAT(Names(floor + "' and " + Written("BM", "15")),
              ElementsAre(floor, Written("BM", "15")));
  EXPECT_THAT(Names("-" + Written("O", "2") + " r1 a." + r1 + " $" + r1 + " " +
                    r1 + ".2 x" + r1 + " " + r1 + "x1 ABCD1 A123"),
              IsEmpty());
}

SourceTree Tree(const std::string& registry, const std::string& text) {
  SourceTree tree;
  tree.files = {{std::string(kCodeRegistry), registry}, {"a/b.cc", text}};
  return tree;
}

TEST(CodeRule, FindsWhatIsNotRegistered) {
  const std::string row = "| " + Written("R", "1") + " | x | y |\n";
  const std::string cites = "// " + Written("R", "1") + "\n";
  EXPECT_THAT(CheckCodes(Tree(row, cites)), IsEmpty());
  EXPECT_THAT(
      Texts(CheckCodes(Tree(row, cites + "// " + Written("R", "2") + "\n"))),
      ElementsAre(AllOf(StartsWith("a/b.cc:2: codes: cites"),
                        HasSubstr("give the rule a row"))));
  EXPECT_THAT(CheckCodes(Tree(row, cites + "int " + Written("R", "2") + ";")),
              IsEmpty())
      << "code is no prose";
  EXPECT_THAT(CheckCodes(Tree(row + "No codes, though they look like some: " +
                                  Written("XXH", "3") + ".\n",
                              cites + "// " + Written("XXH", "3"))),
              IsEmpty());
}

TEST(CodeRule, FindsWhatIsRegisteredTwiceOrForNobody) {
  const std::string row = "| " + Written("R", "1") + " | x | y |\n";
  const std::string cites = "// " + Written("R", "1") + "\n";
  EXPECT_THAT(Texts(CheckCodes(Tree(row + row, cites))),
              ElementsAre(AllOf(HasSubstr(":2: codes: "),
                                HasSubstr("is there already, in line 1"))));
  EXPECT_THAT(Texts(CheckCodes(Tree(row, "// nothing\n"))),
              ElementsAre(HasSubstr("which nobody states or cites")));
}

TEST(CodeRule, FindsAProofThatIsNotThere) {
  const std::string row = "| " + Written("R", "1") + " | x | `wait_ge` |\n";
  const std::string cites = "// " + Written("R", "1") + "\n";
  EXPECT_THAT(CheckCodes(Tree(row, cites + "Mutated(\"wait_ge\")")), IsEmpty());
  EXPECT_THAT(Texts(CheckCodes(Tree(row, cites))),
              ElementsAre(HasSubstr(":1: codes: names wait_ge")));
}

TEST(CodeRule, WantsTheRegistry) {
  EXPECT_EQ(CheckCodes(SourceTree()).size(), 1u);
}

}  // namespace
}  // namespace quorate::tidy
