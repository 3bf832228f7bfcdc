// Answers: has an invariant been broken, and which one?
//
// The first violation of a run, named by its invariant and the place where it
// showed. Later ones are consequences and are not kept.
#pragma once

#include <string>
#include <utility>

namespace quorate::sim {

class Verdict {
 public:
  // `invariant` is a sentence opened by its name, `detail` says what was found.
  void Fail(std::string invariant, std::string detail) {
    if (failed()) return;
    invariant_ = std::move(invariant);
    detail_ = std::move(detail);
  }
  bool failed() const { return !invariant_.empty(); }
  const std::string& invariant() const { return invariant_; }
  const std::string& detail() const { return detail_; }

 private:
  std::string invariant_;
  std::string detail_;
};

}  // namespace quorate::sim
