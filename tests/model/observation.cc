#include "tests/model/observation.h"

#include <algorithm>
#include <optional>

#include "wire/commutation.h"

namespace quorate::model {
namespace {

void Append(std::string& bytes, std::uint64_t number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void Append(std::string& bytes, const std::vector<Outcome>& outcomes) {
  Append(bytes, outcomes.size());
  for (const Outcome& outcome : outcomes) {
    Append(bytes,
           outcome.instance.slot * kMaxReplicas +
               static_cast<std::uint64_t>(Index(outcome.instance.replica)));
    Append(bytes, outcome.ballot.number());
    Append(bytes, static_cast<std::uint64_t>(outcome.value.kind));
    Append(bytes, outcome.value.digest);
    for (const std::uint64_t watermark : outcome.deps.watermarks()) {
      Append(bytes, watermark);
    }
  }
}

std::string Text(const Outcome& outcome) {
  return (outcome.value.kind == ValueKind::kNoop ? "noop " : "commands ") +
         ToString(outcome.deps);
}

std::string Both(const char* promise, const Outcome& a, const Outcome& b) {
  return std::string(promise) + ": " + ToString(a.instance) + " is " + Text(a) +
         " and " + Text(b);
}

// One pass over everything that all replicas say.
class Case {
 public:
  Case(const Observations& all, std::span<const ObservationId> together)
      : all_(all), together_(together) {}

  std::string FindDisagreement() const {
    std::string found;
    ForDecisions([&](const Outcome& a) {
      ForDecisions([&](const Outcome& b) {
        if (found.empty() && a.instance == b.instance && !a.SameAs(b)) {
          found = Both("G1 agreement", a, b);
        }
      });
    });
    return found;
  }

  std::string FindInvisible(const Judge::Payloads& payloads) const {
    std::string found;
    ForDecisions([&](const Outcome& a) {
      if (a.value.kind == ValueKind::kNoop) return;
      const auto payload = payloads.find(a.value.digest);
      if (payload == payloads.end()) {
        found = "G2 nontriviality: nobody submitted what " +
                ToString(a.instance) + " carries";
        return;
      }
      ForDecisions([&](const Outcome& b) {
        if (!found.empty() || !(a.instance < b.instance) ||
            b.value.kind == ValueKind::kNoop || a.deps.Contains(b.instance) ||
            b.deps.Contains(a.instance)) {
          return;
        }
        const auto other = payloads.find(b.value.digest);
        if (other == payloads.end() ||
            !Conflict(*payload->second, *other->second,
                      ConflictMode::kOperation)) {
          return;
        }
        found = "G3 visibility: neither of " + ToString(a.instance) + " " +
                ToString(a.deps) + " and " + ToString(b.instance) + " " +
                ToString(b.deps) + " depends on the other";
      });
    });
    return found;
  }

  // Once a value is chosen, every vote at a higher ballot is for it
  // (protocol.md 10, 3 and 4). Breaks before agreement does.
  std::string FindUnsafeVote(int accept_quorum) const {
    std::string found;
    ForVotes([&](const Outcome& vote) {
      std::ptrdiff_t votes = 0;
      bool fast = false;
      for (const ObservationId id : together_) {
        const Observation& observation = all_.Get(id);
        votes +=
            std::ranges::count_if(observation.votes, [&](const Outcome& other) {
              return other.instance == vote.instance &&
                     other.ballot == vote.ballot && other.SameAs(vote);
            });
        fast = fast || std::ranges::count(observation.fast, vote.instance) > 0;
      }
      const bool chosen = votes >= accept_quorum;
      ForVotes([&](const Outcome& other) {
        if (!found.empty() || other.instance != vote.instance ||
            other.SameAs(vote)) {
          return;
        }
        if (other.ballot == vote.ballot) {
          found = Both("4 one value a ballot", vote, other);
        } else if (chosen && other.ballot > vote.ballot) {
          found = Both("3 nothing else after a choice", vote, other);
        }
      });
      if (!fast || !found.empty()) return;
      ForDecisions([&](const Outcome& decision) {
        if (decision.instance == vote.instance && !decision.SameAs(vote)) {
          found = Both("3 nothing else after a fast commit", decision, vote);
        }
      });
    });
    return found;
  }

  // Of two replicas' histories of a key one begins the other, and no letter
  // comes twice.
  std::string FindDisorder() const {
    for (std::size_t i = 0; i < together_.size(); ++i) {
      const Observation& a = all_.Get(together_[i]);
      for (const std::string& value : a.values) {
        std::string letters = value;
        std::ranges::sort(letters);
        if (std::ranges::adjacent_find(letters) != letters.end()) {
          return "G4 at most once: r" + std::to_string(i + 1) +
                 " has executed \"" + value + "\"";
        }
      }
      for (std::size_t j = i + 1; j < together_.size(); ++j) {
        const Observation& b = all_.Get(together_[j]);
        for (std::size_t key = 0; key < a.values.size(); ++key) {
          const std::string& x = a.values[key];
          const std::string& y = b.values[key];
          if (x.starts_with(y) || y.starts_with(x)) continue;
          return "G4 one order: r" + std::to_string(i + 1) +
                 " has executed \"" + x + "\", r" + std::to_string(j + 1) +
                 " \"" + y + "\"";
        }
      }
    }
    return {};
  }

 private:
  template <typename Do>
  void ForDecisions(Do action) const {
    for (const ObservationId id : together_) {
      for (const Outcome& decision : all_.Get(id).decisions) action(decision);
    }
  }
  template <typename Do>
  void ForVotes(Do action) const {
    for (const ObservationId id : together_) {
      for (const Outcome& vote : all_.Get(id).votes) action(vote);
    }
  }

  const Observations& all_;
  std::span<const ObservationId> together_;
};

}  // namespace

ObservationId Observations::Intern(const Observation& observation) {
  std::string bytes;
  Append(bytes, observation.decisions);
  Append(bytes, observation.votes);
  Append(bytes, observation.fast.size());
  for (const InstanceId id : observation.fast) {
    Append(bytes, id.slot * kMaxReplicas +
                      static_cast<std::uint64_t>(Index(id.replica)));
  }
  for (const std::string& value : observation.values) {
    Append(bytes, value.size());
    bytes += value;
  }
  const auto [known, is_new] = by_bytes_.try_emplace(
      std::move(bytes), static_cast<ObservationId>(all_.size()));
  if (is_new) all_.push_back(observation);
  return known->second;
}

Judge::Judge(const Observations& observations, int accept_quorum,
             Payloads payloads)
    : observations_(observations),
      accept_quorum_(accept_quorum),
      payloads_(std::move(payloads)) {}

std::string Judge::Find(std::span<const ObservationId> together) {
  std::vector<ObservationId> key(together.begin(), together.end());
  if (passed_.contains(key)) return {};
  const Case it(observations_, together);
  std::string found = it.FindDisagreement();
  if (found.empty()) found = it.FindInvisible(payloads_);
  if (found.empty()) found = it.FindUnsafeVote(accept_quorum_);
  if (found.empty()) found = it.FindDisorder();
  if (found.empty()) passed_.insert(std::move(key));
  return found;
}

}  // namespace quorate::model
