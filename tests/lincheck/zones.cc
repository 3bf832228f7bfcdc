#include "tests/lincheck/zones.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace quorate::lincheck {
namespace {

constexpr std::int64_t kBeginning = std::numeric_limits<std::int64_t>::min();

// All operations on one value.
struct Cluster {
  std::int64_t write_call = kNever;
  std::int64_t earliest_return = kNever;
  std::int64_t earliest_read_return = kNever;
  std::int64_t latest_call = kBeginning;
  bool written = false;
  bool read = false;

  // Some operation returned before another one of the cluster was called: the
  // value was there all the time in between. Otherwise one moment is enough.
  bool forward() const { return earliest_return < latest_call; }
};

// By (hash, length), as values are compared.
using ClusterKey = std::pair<std::uint64_t, std::uint64_t>;

ClusterKey Key(const Value& value) { return {value.hash(), value.length()}; }

// A "" that was there must have been put, which nobody here has done: it is no
// value of any other operation.
ClusterKey Read(const Step& get) {
  const bool put = get.out.empty() && !get.out.missing() && !get.blank;
  return put ? ClusterKey{0, ~std::uint64_t{0}} : Key(get.out);
}

std::vector<Cluster> MakeClusters(const Component& component) {
  absl::flat_hash_map<ClusterKey, std::size_t> index;
  // Before everything the key is missing, which has the hash of "".
  std::vector<Cluster> clusters = {{.write_call = kBeginning,
                                    .earliest_return = kBeginning,
                                    .written = true}};
  index.emplace(ClusterKey{0, 0}, 0);
  for (const ComponentOperation& operation : component.operations) {
    const Step& step = operation.steps.front();
    const bool get = step.function == Function::kGet;
    const Value& value = get ? step.out : step.value;
    const auto [at, added] =
        index.try_emplace(get ? Read(step) : Key(value), clusters.size());
    if (added) clusters.emplace_back();
    Cluster& cluster = clusters[at->second];
    cluster.earliest_return = std::min(cluster.earliest_return, operation.ret);
    cluster.latest_call = std::max(cluster.latest_call, operation.call);
    if (get) {
      cluster.read = true;
      cluster.earliest_read_return =
          std::min(cluster.earliest_read_return, operation.ret);
    } else {
      cluster.written = true;
      cluster.write_call = operation.call;
    }
  }
  // An unknown write that nobody read need not have happened.
  std::erase_if(clusters, [](const Cluster& cluster) {
    return !cluster.read && cluster.earliest_return == kNever;
  });
  return clusters;
}

// Strictly: operations that meet in one moment count as concurrent.
bool ForcedBothWays(const Cluster& a, const Cluster& b) {
  return a.earliest_return < b.latest_call && b.earliest_return < a.latest_call;
}

// `zones`: forward ones in the order of their beginnings, no two of which
// overlap: only the last that begins before the moment can cover it.
bool Covered(const std::vector<Cluster>& zones, const Cluster& moment) {
  const auto after = std::partition_point(
      zones.begin(), zones.end(), [&](const Cluster& zone) {
        return zone.earliest_return < moment.latest_call;
      });
  return after != zones.begin() && ForcedBothWays(*(after - 1), moment);
}

}  // namespace

bool ZonesApply(const Component& component) {
  if (component.keys.size() != 1) return false;
  absl::flat_hash_set<ClusterKey> written;
  for (const ComponentOperation& operation : component.operations) {
    if (operation.steps.size() != 1) return false;
    const Step& step = operation.steps.front();
    if (step.function == Function::kGet) continue;
    if (step.function != Function::kPut || step.value.empty() ||
        !written.insert(Key(step.value)).second) {
      return false;
    }
  }
  return true;
}

bool ZonesAreLinearizable(const Component& component) {
  const std::vector<Cluster> clusters = MakeClusters(component);
  std::vector<Cluster> forward;
  for (const Cluster& cluster : clusters) {
    if (!cluster.written) return false;  // Read, though nobody wrote it.
    if (cluster.earliest_read_return < cluster.write_call) return false;
    if (cluster.forward()) forward.push_back(cluster);
  }
  std::ranges::sort(forward, {}, &Cluster::earliest_return);
  for (std::size_t i = 1; i < forward.size(); ++i) {
    if (ForcedBothWays(forward[i - 1], forward[i])) return false;
  }
  return std::ranges::none_of(clusters, [&](const Cluster& cluster) {
    return !cluster.forward() && Covered(forward, cluster);
  });
}

}  // namespace quorate::lincheck
