// Bytes as a script for a few live replicas, one of whom is lied to
// (machine_cluster.h). The first bytes say of which protocol they are, in which
// shape, and who the victim is: any node, and so any role. With
// QUORATE_FUZZ_FIGURES set the program ends by telling how far it came.
#include <array>
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/machine_cluster.h"
#include "tests/wire/random_values.h"

namespace quorate::fuzz {
namespace {

// Of each world.
struct Figures {
  struct Row {
    std::uint64_t scripts = 0;
    std::uint64_t steps = 0;
    std::uint64_t lies = 0;
    std::uint64_t decisions = 0;
  };
  std::array<Row, kWorlds> rows;

  ~Figures() {
    if (std::getenv("QUORATE_FUZZ_FIGURES") == nullptr) return;
    for (std::size_t i = 0; i < kWorlds; ++i) {
      std::printf(
          "%-30s%10llu scripts%12llu steps%10llu lies%11llu decisions\n",
          std::string(WorldAt(i).name).c_str(),
          static_cast<unsigned long long>(rows[i].scripts),
          static_cast<unsigned long long>(rows[i].steps),
          static_cast<unsigned long long>(rows[i].lies),
          static_cast<unsigned long long>(rows[i].decisions));
    }
  }
};
Figures figures;

// What any of them can be set to.
void ChooseOptions(Script& script, Settings& settings) {
  const unsigned bits = script.Next();
  settings.thrifty = (bits & 1) != 0;
  settings.overlap_sync = (bits & 2) == 0;
  settings.lazy_fast_commit =
      (bits & 4) != 0 && settings.fast_path != FastPathRule::kAtlas;
  settings.reads = (bits & 8) != 0 ? ReadMode::kLeader : ReadMode::kLog;
  settings.conflicts =
      (bits & 16) != 0 ? ConflictMode::kKey : ConflictMode::kOperation;
  settings.max_in_flight = (bits & 32) != 0 ? 2 : 64;
}

}  // namespace

// Long honest runs and some with lies: random scripts of different weather, ten
// in each world.
std::vector<std::string> Seeds() {
  Random random(5);
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < 10 * kWorlds; ++i) {
    std::string script;
    script += static_cast<char>(i % kWorlds);
    script += static_cast<char>(random.Next());  // the victim
    script += static_cast<char>(random.Next());  // options
    const std::uint64_t steps = 20 + random.Below(120);
    for (std::uint64_t step = 0; step < steps; ++step) {
      script += static_cast<char>(random.Next());
      // Half of all steps deliver something.
      script += static_cast<char>(random.Coin() ? 11 : random.Below(16));
      script += static_cast<char>(random.Next());
      script += static_cast<char>(random.Next());
    }
    seeds.push_back(script);
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace quorate::fuzz;
  Script script(std::span(data, size));
  const std::size_t world = script.Below(kWorlds);
  quorate::Settings settings = WorldAt(world).settings;
  const int victim = script.Pick(settings.replicas);
  ChooseOptions(script, settings);
  MachineCluster cluster(settings, quorate::ReplicaAt(victim));
  cluster.Run(script);
  Figures::Row& row = figures.rows[world];
  ++row.scripts;
  row.steps += cluster.steps();
  row.lies += cluster.lies();
  row.decisions += cluster.decisions();
  return 0;
}
