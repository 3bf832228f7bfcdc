// Answers: how does a dependency graph look to people and to other programs?
//
// Writes a graph of named vertices as Graphviz DOT (components as boxes) and as
// JSON. The output is a pure function of the graph: vertices and edges appear
// in the order given, components by number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quorate {

struct ExportedGraph {
  struct Vertex {
    std::string name;
    // Number of its strongly connected component, from 0.
    std::uint32_t component = 0;
    // Free text below the name ("put k7", "waits for r3.4"); may be empty.
    std::string note;
  };
  // From the vertex that depends to the one it depends on, as indices.
  struct Edge {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
  };
  std::vector<Vertex> vertices;
  std::vector<Edge> edges;
};

std::string ToDot(const ExportedGraph& graph);

// {"vertices":[{"name":"r1.1","component":0,"note":"put a"}],
//  "edges":[["r1.2","r1.1"]]} on one line.
std::string ToJson(const ExportedGraph& graph);

}  // namespace quorate
