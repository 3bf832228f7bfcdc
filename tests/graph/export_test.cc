#include "graph/export.h"

#include "gtest/gtest.h"

namespace quorate {
namespace {

ExportedGraph TwoAndOne() {
  ExportedGraph graph;
  graph.vertices = {{"r1.1", 1, "put a"}, {"r2.1", 0, ""}, {"r3.1", 1, ""}};
  graph.edges = {{0, 2}, {2, 0}, {0, 1}};
  return graph;
}

TEST(ExportTest, WritesDotWithABoxAroundAComponent) {
  EXPECT_EQ(ToDot(TwoAndOne()),
            "digraph dependencies {\n"
            "  rankdir=RL;\n"
            "  \"r2.1\";\n"
            "  subgraph cluster_1 {\n"
            "    \"r1.1\" [label=\"r1.1\\nput a\"];\n"
            "    \"r3.1\";\n"
            "  }\n"
            "  \"r1.1\" -> \"r3.1\";\n"
            "  \"r3.1\" -> \"r1.1\";\n"
            "  \"r1.1\" -> \"r2.1\";\n"
            "}\n");
}

TEST(ExportTest, WritesJson) {
  EXPECT_EQ(ToJson(TwoAndOne()),
            "{\"vertices\":["
            "{\"name\":\"r1.1\",\"component\":1,\"note\":\"put a\"},"
            "{\"name\":\"r2.1\",\"component\":0},"
            "{\"name\":\"r3.1\",\"component\":1}],"
            "\"edges\":[[\"r1.1\",\"r3.1\"],[\"r3.1\",\"r1.1\"],"
            "[\"r1.1\",\"r2.1\"]]}");
}

TEST(ExportTest, WritesAnEmptyGraph) {
  EXPECT_EQ(ToDot({}), "digraph dependencies {\n  rankdir=RL;\n}\n");
  EXPECT_EQ(ToJson({}), "{\"vertices\":[],\"edges\":[]}");
}

TEST(ExportTest, EscapesWhatKeysMayContain) {
  ExportedGraph graph;
  graph.vertices = {{"a", 0, "put \"q\\\"\n\x01"}};
  EXPECT_EQ(ToJson(graph),
            "{\"vertices\":[{\"name\":\"a\",\"component\":0,"
            "\"note\":\"put \\\"q\\\\\\\"\\n\\u0001\"}],\"edges\":[]}");
}

}  // namespace
}  // namespace quorate
