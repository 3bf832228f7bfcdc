// Answers: how far are nodes and clients from each other, where cluster.toml
// says so?
//
// What [wan] comes to once its matrix and its trace have been read. Nodes delay
// what they send to each other; a client, of whose place no node knows, delays
// what it sends and what it gets. Immutable; ways are made from it, for one
// thread each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "replica/config/config.h"
#include "wire/wan/matrix.h"
#include "wire/wan/way.h"

namespace quorate {

class WanWays {
 public:
  // Null where there is no matrix. Reads files; errors name them, or the node
  // whose site is not in the matrix.
  static absl::StatusOr<std::shared_ptr<const WanWays>> Load(
      const ClusterConfig& config);

  const wan::RegionMatrix& matrix() const { return matrix_; }
  // Of a client; the error lists the sites there are.
  absl::StatusOr<std::size_t> FindSite(std::string_view site) const {
    return matrix_.Find(site);
  }
  std::size_t SiteOf(std::size_t node) const { return sites_[node]; }
  const std::vector<std::size_t>& sites_of_nodes() const { return sites_; }

  // From node to node. The same each time, chance included.
  std::shared_ptr<Way> Between(std::size_t from, std::size_t to) const;
  // From a site to another, for who is no node; `number` tells those at one
  // site apart.
  std::shared_ptr<Way> FromSite(std::size_t from, std::size_t to,
                                std::uint64_t number) const;

 private:
  WanWays(wan::RegionMatrix matrix, Jitter jitter)
      : matrix_(std::move(matrix)), jitter_(std::move(jitter)) {}

  wan::RegionMatrix matrix_;
  Jitter jitter_;
  std::uint64_t bits_per_second_ = 0;
  std::uint64_t seed_ = 0;
  std::vector<std::size_t> sites_;  // by node
};

}  // namespace quorate
