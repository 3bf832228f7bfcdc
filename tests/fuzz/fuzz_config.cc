// Any text as cluster.toml: it is refused with a reason that names the file, or
// gives a configuration that its own text gives again.
#include <string>

#include "replica/config/config.h"
#include "tests/fuzz/fuzz.h"
#include "wire/check.h"

namespace quorate::fuzz {
namespace {

constexpr char kPath[] = "cluster.toml";

ClusterConfig SomeCluster(int nodes) {
  ClusterConfig config;
  config.cluster_id = "fuzzed";
  config.settings.replicas = nodes;
  for (int i = 0; i < nodes; ++i) {
    const auto port = static_cast<std::uint16_t>(7101 + 2 * i);
    const std::string name = "r" + std::to_string(i + 1);
    config.nodes.push_back(
        {.name = name,
         .site = i % 2 == 0 ? "" : "virginia",
         .peer = {.host = "10.0.0." + std::to_string(i + 1), .port = port},
         .client = {.host = "::1",
                    .port = static_cast<std::uint16_t>(port + 1)},
         .directory = "data/" + name});
  }
  return config;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {
      "", "[cluster]\n", "[[node]]\nname = \"r1\"\n",
      "[cluster]\nid = '''a\nb'''\n[batch]\nmax_commands = "
      "0x7fffffffffffffff\n"};
  for (const int nodes : {3, 5, 9}) {
    ClusterConfig config = SomeCluster(nodes);
    seeds.push_back(FormatConfig(config));
    config.durability = Durability::kMemory;
    config.settings.thrifty = true;
    config.settings.fast_path = FastPathRule::kAtlas;
    config.settings.conflicts = ConflictMode::kKey;
    seeds.push_back(FormatConfig(config));
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using quorate::fuzz::kPath;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = quorate::ParseConfig(text, kPath);
  if (!config.ok()) {
    QUORATE_CHECK(
        config.status().message().find(kPath) != absl::string_view::npos,
        "a refusal names the file");
    return 0;
  }
  const std::string again = quorate::FormatConfig(*config);
  const auto parsed = quorate::ParseConfig(again, kPath);
  QUORATE_CHECK(parsed.ok() && quorate::FormatConfig(*parsed) == again,
                "a configuration survives a round trip");
  return 0;
}
