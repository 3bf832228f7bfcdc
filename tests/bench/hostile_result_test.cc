// Results come from other people: whatever stands in their strings is shown and
// never obeyed, and whatever is wrong in them is named.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "experiments/bench/text.h"
#include "experiments/plot/gnuplot_text.h"
#include "experiments/plot/pictures.h"
#include "experiments/plot/result_check.h"
#include "experiments/plot/result_text.h"
#include "experiments/plot/terminal_plot.h"
#include "gtest/gtest.h"

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// A folder of its own whose name is as hostile as a path can be.
class HostileResultTest : public testing::Test {
 protected:
  HostileResultTest() { fs::create_directories(pictures()); }
  ~HostileResultTest() override { fs::remove_all(folder_); }

  fs::path folder() const { return folder_; }
  fs::path pictures() const {
    return folder_ / "| it's `touch made`\" $(touch made) %d @x";
  }
  // What a string would create if somebody evaluated it.
  fs::path made() const { return folder_ / "made"; }
  std::string Read(const fs::path& path) const {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Runs gnuplot on a script; what it printed. Skips nothing: the package is
  // among those that tests need.
  std::string Gnuplot(const std::string& script) const {
    std::ofstream(folder_ / "script") << script;
    const std::string command =
        "cd '" + folder_.string() +
        "' && gnuplot -d script >printed 2>&1 </dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << Read(folder_ / "printed");
    return Read(folder_ / "printed");
  }

 private:
  fs::path folder_ = fs::path(testing::TempDir()) /
                     ("hostile_" + std::to_string(std::random_device{}()));
};

std::vector<std::string> HostileTexts(const std::string& made) {
  const std::string touch = "touch " + made;
  return {"`" + touch + "`",
          "'`" + touch + "`'",
          "\"`" + touch + "`\"",
          "$(" + touch + ")",
          "' ; system '" + touch + "' ; x='",
          "\" ; system \"" + touch + "\" ; x=\"",
          "a\nsystem '" + touch + "'\n",
          "a'\nsystem '" + touch + "'\n",
          "a\r! " + touch + "\r",
          "| " + touch,
          "@made",
          "{/=40 large} x_1 ^2 ~a{b} &{c}",
          "}}}{{{",
          "\\",
          "'",
          "\\' \\\" \\n \\140" + touch + "\\140",
          "%s %d %n %lc",
          "</text><script>x</script>&amp;",
          "EOD\nsystem '" + touch + "'\nEOD",
          "\x1b]0;title\x07\x1b[2J\xc2\x9b"
          "31m",
          "\xff\xfe\xc0\x80 \xed\xa0\x80",
          std::string("nul\0nul", 7),
          "caf\xc3\xa9 \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x98\x80",
          "\xe2\x80\xae"
          "turned"};
}

TEST(PrintableTest, KeepsWhatOnlyShows) {
  const std::string text = "caf\xc3\xa9 \xe6\x9d\xb1 \xf0\x9f\x98\x80 '\"`{}";
  EXPECT_EQ(Printable(text), text);
  EXPECT_EQ(Printable("a\x1b[2J\n\x7f\xc2\x9b"), "a [2J   ");
  EXPECT_EQ(Printable("\xff"
                      "a\xc3"),
            "\xef\xbf\xbd"
            "a\xef\xbf\xbd");
  EXPECT_EQ(Printable("\xe2\x80\xae"
                      "a"),
            " a");
}

// Random texts made of pieces that mean something to gnuplot or to a shell: it
// prints each as it is, and nothing is evaluated.
TEST_F(HostileResultTest, GnuplotTakesAQuotedTextAsText) {
  const std::vector<std::string> pieces = HostileTexts(made().string());
  std::mt19937 random(7);
  std::string script = "set print '-'\n";
  std::string expected;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (std::size_t n = random() % 4 + 1; n > 0; --n) {
      const std::string& piece = pieces[random() % pieces.size()];
      const std::size_t from = random() % piece.size();
      text += random() % 2 == 0 ? piece : piece.substr(from, random() % 8);
    }
    script += "print " + QuoteForGnuplot(text) + "\n";
    expected += Printable(text) + "\n";
  }
  EXPECT_EQ(Gnuplot(script), expected);
  EXPECT_FALSE(fs::exists(made()));
}

Json BucketsOf(int count) { return {{990'000, 1'000'000, count}}; }

// A result with every field that a report reads, and `text` wherever a text may
// stand, names of members included.
Json ResultWith(const std::string& text) {
  const Json latency = {{"p50", 1.0},  {"p95", 1.0}, {"p99", 1.0},
                        {"p999", 1.0}, {"max", 1.0}, {"mean", 1.0},
                        {"count", 100}};
  const Json histograms = {{"commit", BucketsOf(100)},
                           {"execute", BucketsOf(100)}};
  Json result = {{"schema", 1},
                 {"system", text},
                 {"protocol", text},
                 {"nodes", 3},
                 {"durability", text},
                 {"clients", 8},
                 {"pipeline", 2},
                 {"connections", 2},
                 {"rate", 100.0},
                 {"arrivals", text},
                 {"seed", 1},
                 {"workload", text},
                 {"conflict", 2.0},
                 {"duration_s", 1.0},
                 {"warmup_s", 0.5},
                 {"throughput_ops_s", 12345.0},
                 {"offered_ops_s", 100.0},
                 {"overloaded", true},
                 {"errors", 1},
                 {"latency_ms", {{"commit", latency}, {"execute", latency}}},
                 {"fast_path_share", 1.0},
                 {"largest_component", 1},
                 {"state_hash_equal", true},
                 {"state_hash_note", text},
                 {"longest_silence_ms", 1.0},
                 {"bottleneck", text},
                 {"busiest_role", text},
                 {"client_cores", 0.1},
                 {"workload_settings", {{"description", text}}},
                 {"machine", {{"busy", 0.5}}},
                 {"histogram_ns", histograms}};
  result["errors_by_kind"][text] = 1;
  result["cpu_us_per_command"][text] = 1.0;
  result["cost_by_role"][text] = {
      {"parts", 2}, {"cpu_us_per_command", 0.5}, {"messages_per_command", 0.5}};
  result["cost_by_role"]["other"] = {{"parts", 1}};
  result["node_details"] = {
      {{"name", text}, {"address", text}, {"site", text}, {"up", false}}};
  result["sites"][text] = {{"latency_ms", {{"execute", latency}}},
                           {"histogram_ns", histograms}};
  result["timeline"] = {{{"at_s", 0.0},
                         {"ops_s", 100.0},
                         {"p50_ms", 1.0},
                         {"p99_ms", 10.0},
                         {"errors", 2}}};
  result["marks"] = {{{"at_s", 0.5}, {"text", text}}};
  return result;
}

// Everything that is made of one result, but for the pictures.
std::string AllTexts(const Json& result) {
  const NamedResult named[] = {{"run", result}};
  return FormatResult(result) + FormatTable(named) + FormatRoleTable(named) +
         DrawLatencyCdf(result, {.utf8 = false}) + LatencyScript(result) +
         TimelineScript(result);
}

TEST_F(HostileResultTest, PicturesOfAStrangersResultRunNothing) {
  std::string all;
  for (const std::string& text : HostileTexts(made().string())) all += text;
  std::vector<std::string> texts = HostileTexts(made().string());
  texts.push_back(all);
  std::string dump;
  // One result a text would be one gnuplot a text: marks hold them all.
  Json result = ResultWith(all);
  result["marks"] = Json::array();
  for (const std::string& text : texts) {
    result["marks"].push_back({{"at_s", 0.5}, {"text", text}});
  }
  const auto files = DrawPictures(result, pictures().string());
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 4u);
  for (const std::string& file : *files) EXPECT_TRUE(fs::exists(file)) << file;
  EXPECT_FALSE(fs::exists(made()));
  EXPECT_FALSE(fs::exists(pictures() / "made"));
  const std::string svg = Read(pictures() / "timeline.svg");
  EXPECT_NE(svg.find("`touch "), svg.npos);
  EXPECT_NE(svg.find("{/=40 large}"), svg.npos);
  EXPECT_EQ(svg.find("<script"), svg.npos);
}

TEST_F(HostileResultTest, ATerminalIsNotTold) {
  for (const std::string& text : HostileTexts(made().string())) {
    const std::string shown = AllTexts(ResultWith(text));
    for (const char c : shown) {
      EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
    }
    EXPECT_EQ(shown.find("\xc2\x9b"), shown.npos);
  }
}

TEST_F(HostileResultTest, ACellCannotBeginAnotherOne) {
  const NamedResult named[] = {{"a|b", ResultWith("x | y")}};
  const std::string table = FormatTable(named);
  const std::string row = table.substr(table.rfind('\n', table.size() - 2) + 1);
  std::size_t columns = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    columns += row[i] == '|' && (i == 0 || row[i - 1] != '\\');
  }
  EXPECT_EQ(columns, 13u) << table;
}

// Replaces every value of a full result, whatever its depth, by something that
// does not belong there: the error names the field, or all that is made of the
// result is made without a crash.
void Mutate(Json& root, Json& here, int& refused) {
  static const Json kWrong[] = {
      nullptr,
      true,
      -1,
      1e308,
      -1e308,
      "text",
      "",
      Json::array(),
      Json::object(),
      18446744073709551615ull,
      Json::array({1}),
      Json::array({Json::array({-1, 1e300, 1})}),
      Json::array({Json::array({5, 1, 1}), Json::array({1, 5, 0})}),
      {{"a", {{"b", {{"c", "d"}}}}}}};
  const Json kept = here;
  for (const Json& wrong : kWrong) {
    here = wrong;
    const auto parsed = ParseResult(root.dump(), "theirs.json");
    if (parsed.ok()) {
      EXPECT_FALSE(AllTexts(*parsed).empty());
    } else {
      ++refused;
    }
  }
  here = kept;
  if (!here.is_structured()) return;
  for (auto& [name, value] : here.items()) Mutate(root, value, refused);
}

TEST_F(HostileResultTest, WhateverIsWrongIsAnErrorAndNoCrash) {
  Json result = ResultWith("x");
  ASSERT_TRUE(ParseResult(result.dump(), "mine.json").ok());
  int refused = 0;
  for (auto& [name, value] : result.items()) Mutate(result, value, refused);
  EXPECT_GT(refused, 1000);
}

std::string ErrorOf(const Json& result) {
  const auto parsed = ParseResult(result.dump(), "theirs.json");
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST_F(HostileResultTest, AnErrorNamesTheField) {
  Json result = ResultWith("x");
  result["workload_settings"]["description"] = 7;
  EXPECT_EQ(ErrorOf(result),
            "\"theirs.json\": field \"workload_settings.description\" is 7, "
            "expected a text");
  result = ResultWith("x");
  result["timeline"][0]["p99_ms"] = 1e300;
  EXPECT_EQ(ErrorOf(result),
            "\"theirs.json\": field \"timeline.0.p99_ms\" is 1e+300, expected "
            "a number from 0 to 1e18");
  result = ResultWith("x");
  result["sites"]["x"]["histogram_ns"]["execute"] = {{2, 3, 1}, {1, 2, 1}};
  EXPECT_NE(ErrorOf(result).find("\"sites.x.histogram_ns.execute\" is a list"),
            std::string::npos);
}

TEST_F(HostileResultTest, SaysWhatAFileIsThatIsNoResult) {
  const std::pair<const char*, const char*> kinds[] = {
      {"", "it is empty"},
      {" \n", "it is empty"},
      {"hello", "it is no JSON"},
      {"[1]", "it is JSON, but no object"},
      {"{}", "it has no field \"schema\""}};
  for (const auto& [text, why] : kinds) {
    const auto parsed = ParseResult(text, "theirs.json");
    ASSERT_FALSE(parsed.ok());
    const std::string message(parsed.status().message());
    EXPECT_NE(message.find(why), message.npos) << message;
  }
}

TEST_F(HostileResultTest, AFileWithoutEndIsRefused) {
  std::string deep = "{\"schema\":1,\"x\":";
  for (int i = 0; i < 200'000; ++i) deep += "[";
  EXPECT_FALSE(ParseResult(deep, "deep.json").ok());
  for (int i = 0; i < 200'000; ++i) deep += "]";
  EXPECT_FALSE(ParseResult(deep + "}", "deep.json").ok());
  EXPECT_FALSE(ParseResult("{\"schema\":1,\"errors\":1e999}", "x").ok());
  EXPECT_FALSE(ReadResult(folder().string()).ok());
  EXPECT_FALSE(ReadResult((folder() / "none").string()).ok());
}

}  // namespace
}  // namespace quorate::bench
