#include "graph/export.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <numeric>
#include <string_view>

namespace quorate {
namespace {

// Quoted and escaped; the same rules serve DOT and JSON.
std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string DotVertex(const ExportedGraph::Vertex& vertex) {
  std::string line = Quote(vertex.name);
  if (!vertex.note.empty()) {
    line += " [label=" + Quote(vertex.name + "\n" + vertex.note) + "]";
  }
  return line + ";\n";
}

}  // namespace

std::string ToDot(const ExportedGraph& graph) {
  std::vector<std::size_t> order(graph.vertices.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto component = [&graph](std::size_t i) {
    return graph.vertices[i].component;
  };
  std::ranges::stable_sort(order, {}, component);

  std::string out = "digraph dependencies {\n  rankdir=RL;\n";
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && component(order[end]) == component(order[i])) {
      ++end;
    }
    // A vertex alone needs no box.
    const bool box = end - i > 1;
    if (box) {
      out +=
          "  subgraph cluster_" + std::to_string(component(order[i])) + " {\n";
    }
    for (; i < end; ++i) {
      out += (box ? "    " : "  ") + DotVertex(graph.vertices[order[i]]);
    }
    if (box) out += "  }\n";
  }
  for (const ExportedGraph::Edge& edge : graph.edges) {
    out += "  " + Quote(graph.vertices[edge.from].name) + " -> " +
           Quote(graph.vertices[edge.to].name) + ";\n";
  }
  return out + "}\n";
}

std::string ToJson(const ExportedGraph& graph) {
  std::string out = "{\"vertices\":[";
  for (std::size_t i = 0; i < graph.vertices.size(); ++i) {
    const ExportedGraph::Vertex& vertex = graph.vertices[i];
    if (i > 0) out += ',';
    out += "{\"name\":" + Quote(vertex.name) +
           ",\"component\":" + std::to_string(vertex.component);
    if (!vertex.note.empty()) out += ",\"note\":" + Quote(vertex.note);
    out += '}';
  }
  out += "],\"edges\":[";
  for (std::size_t i = 0; i < graph.edges.size(); ++i) {
    if (i > 0) out += ',';
    out += '[' + Quote(graph.vertices[graph.edges[i].from].name) + ',' +
           Quote(graph.vertices[graph.edges[i].to].name) + ']';
  }
  return out + "]}";
}

}  // namespace quorate
