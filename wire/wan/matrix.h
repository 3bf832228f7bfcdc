// Answers: how far is it from site to site?
//
// A matrix of one-way delays in nanoseconds for each ordered pair of named
// sites; the diagonal is the way between two machines of one site. It is read
// from CSV: lines that begin with '#' say where the figures come from, the
// header names the sites, and a row a site follows, in any order:
//
//   region,paris,tokyo       round-trip times in ms: one way is half of the
//   paris,0.1,240            value of the ordered pair
//   tokyo,240,0.1
//
//   one-way,paris,tokyo      one-way times in ms; row = from, column = to
//   paris,0.05,118
//   tokyo,122,0.05
//
// The transport delays by it, the simulator too, and `quorate plan` predicts
// from it: one reading of one file. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quorate::wan {

inline constexpr std::size_t kMostSites = 256;

class RegionMatrix {
 public:
  // Of the text of a file that errors call `name`. They say line, column (the
  // field, the row's name being the first) and the remedy:
  //   lab.csv:4: column 3 (to "tokyo"): "-5" is negative; ...
  static absl::StatusOr<RegionMatrix> Parse(std::string_view text,
                                            std::string_view name);

  // What the file is called.
  const std::string& name() const { return name_; }
  // In the order of the header; sites are told apart by their place in it.
  const std::vector<std::string>& sites() const { return sites_; }
  std::size_t size() const { return sites_.size(); }

  // Its place, or which sites there are.
  absl::StatusOr<std::size_t> Find(std::string_view site) const;

  // From one site to another, in one direction.
  std::int64_t DistanceNs(std::size_t from, std::size_t to) const {
    return one_way_ns_[from * size() + to];
  }
  // There and back.
  std::int64_t RoundTripNs(std::size_t a, std::size_t b) const {
    return DistanceNs(a, b) + DistanceNs(b, a);
  }

  // The same distances between these sites only, in this order. Not OK: a site
  // is not there, or twice.
  absl::StatusOr<RegionMatrix> Select(std::span<const std::string> sites) const;

  // What Parse makes an equal matrix of; without comments. Round-trip times
  // where it was read from these, since the halves are less easily recognized.
  std::string ToCsv() const;

  friend bool operator==(const RegionMatrix&, const RegionMatrix&) = default;

 private:
  RegionMatrix() = default;

  std::string name_;
  bool of_round_trips_ = true;
  std::vector<std::string> sites_;
  std::vector<std::int64_t> one_way_ns_;  // row by row

  friend class MatrixReader;
};

// "59.91": as few digits as tell the nanoseconds.
std::string MillisecondsOf(std::int64_t nanoseconds);

}  // namespace quorate::wan
