// Answers: what may be forgotten although some members lack it?
//
// Members that lag in different columns can pass each other: each has forgotten
// what the other lacks, and with the third one lost neither can be helped. So
// what is passed was executed for good, at one moment of theirs, by `enough`
// members, this one among them, none of which knew more at that moment than
// this one does now. `enough` is a majority or more, so any two that pass have
// a witness in common, and of any two members one has executed all that the
// other has forgotten. The README of this folder has the argument.
//
// A member's report is one moment of it. The last one is waited for until all
// of it is executed here as well; then it counts, and the newest takes its
// place. Pure, copyable.
#pragma once

#include <cstdint>
#include <vector>

#include "replica/base/floors/reports.h"
#include "wire/dependency_set.h"
#include "wire/ids.h"

namespace quorate {

class Witnesses {
 public:
  Witnesses(int columns, ReplicaSet members, ReplicaId self, int enough);

  // `executed`: for good, all of it at one moment. This member's own as well.
  void Hear(ReplicaId from, const DependencySet& executed) {
    executed_.Hear(from, executed);
  }
  const Reports& executed() const { return executed_; }
  // Are there more members than it takes?
  bool MayPass() const { return enough_ < executed_.members().size(); }

  // What may be passed now. To be asked whenever floors are looked at, because
  // it also lets new reports take the place of those that are matched.
  DependencySet HeldByEnough();

  std::uint64_t Fingerprint() const;

 private:
  struct Report {
    // All of it is executed here as well.
    DependencySet matched;
    // A later one, which takes its place as soon as that is true of it.
    DependencySet to_match;
  };

  Reports executed_;
  ReplicaId self_;
  int enough_;
  std::vector<Report> reports_;  // by index, up to the last member
};

}  // namespace quorate
