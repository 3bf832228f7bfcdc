// Answers: what do whole replicas do when regions lie between them?
//
// Nodes at the sites of a matrix in virtual time: ticks, ways with jitter,
// disks, moments in which a node stands still, and clients that ask beside each
// node at a steady rate by chance. Nodes measure how far their peers are, and
// suspect who is silent, as the transport does (replica/node/peer_links.h).
// Equal options give equal results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "replica/base/settings.h"
#include "wire/wan/matrix.h"
#include "wire/wan/way.h"

namespace quorate::plan {

struct FarOptions {
  Settings settings;            // as many replicas as the matrix has sites
  double commands_per_s = 100;  // of all sites together
  int conflict_percent = 0;     // of the commands: they write one key
  int seconds = 10;             // that are counted
  int warm_up_seconds = 3;      // before that
  Jitter jitter;
  // A node stands still for so long, so often.
  double stalls_per_minute = 0;
  int stall_ms = 400;
  int sync_us = 0;
  // False: no node learns how far its peers are.
  bool measures = true;
  std::uint64_t seed = 1;
};

struct FarSite {
  std::string name;
  // Of each command, from when its client asked, in order of length.
  std::vector<std::int64_t> commit_us;
  std::vector<std::int64_t> execute_us;
};

struct FarResult {
  std::vector<FarSite> sites;
  std::uint64_t commands = 0;
  std::uint64_t fast = 0;                         // of these
  std::map<std::string, std::uint64_t> messages;  // by kind, each receiver
  std::uint64_t recoveries = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t suspicions = 0;

  double MessagesPerCommand() const;
  double MessagesPerCommand(const std::string& kind) const;
  double FastPercent() const;
  // Of all sites, in milliseconds.
  double CommitMs(double share) const;
};

// In milliseconds; 0 of none.
double QuantileMs(const std::vector<std::int64_t>& in_order_us, double share);

FarResult RunFar(const wan::RegionMatrix& matrix, const FarOptions& options);

}  // namespace quorate::plan
