#include "replica/base/quorum_system.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wire/check.h"
#include "wire/words.h"

namespace quorate {
namespace {

constexpr int kMostWeight = 1000;

constexpr char kForms[] =
    "a quorum is \"majority\", \"size N\", \"rows AxB\", \"columns AxB\", "
    "\"cross AxB\", \"weights W1 W2 ... [reach R]\" or \"even [without rN]\"";

ReplicaSet SetOf(unsigned bits) {
  return ReplicaSet::FromBits(static_cast<std::uint16_t>(bits));
}

unsigned Everybody(int n) { return (1u << n) - 1u; }

// "{r1, r3}".
std::string Text(ReplicaSet set) {
  std::string text = "{";
  for (int i = 0; i < kMaxReplicas; ++i) {
    if (!set.Contains(ReplicaAt(i))) continue;
    absl::StrAppend(&text, text.size() > 1 ? ", r" : "r", i + 1);
  }
  return text + "}";
}

// ---- reading ----------------------------------------------------------------

std::optional<int> Number(std::string_view word, int most) {
  const std::optional<int> number = ReadNumber<int>(word);
  return number && *number >= 0 && *number <= most ? number : std::nullopt;
}

bool ReadGrid(std::string_view word, QuorumSpec& spec) {
  const std::size_t x = word.find('x');
  if (x == std::string_view::npos) return false;
  const auto rows = Number(word.substr(0, x), kMaxReplicas);
  const auto columns = Number(word.substr(x + 1), kMaxReplicas);
  spec.rows = rows.value_or(0);
  spec.columns = columns.value_or(0);
  return spec.rows > 0 && spec.columns > 0;
}

bool ReadWeights(std::vector<std::string_view> words, QuorumSpec& spec) {
  if (words.size() >= 2 && words[words.size() - 2] == "reach") {
    const auto reach = Number(words.back(), kMaxReplicas * kMostWeight);
    if (!reach || *reach == 0) return false;
    spec.reach = *reach;
    words.resize(words.size() - 2);
  }
  if (words.empty() || words.size() > kMaxReplicas) return false;
  for (const std::string_view word : words) {
    const auto weight = Number(word, kMostWeight);
    if (!weight) return false;
    spec.weights[static_cast<std::size_t>(spec.weighted++)] = *weight;
  }
  return true;
}

bool ReadArguments(const std::vector<std::string_view>& words,
                   QuorumSpec& spec) {
  const std::size_t count = words.size();
  switch (spec.kind) {
    case QuorumSpec::Kind::kMajority: return count == 0;
    case QuorumSpec::Kind::kSize:
      if (count != 1) return false;
      spec.size = Number(words[0], kMaxReplicas).value_or(0);
      return spec.size > 0;
    case QuorumSpec::Kind::kRows:
    case QuorumSpec::Kind::kColumns:
    case QuorumSpec::Kind::kCross:
      return count == 1 && ReadGrid(words[0], spec);
    case QuorumSpec::Kind::kWeights: return ReadWeights(words, spec);
    case QuorumSpec::Kind::kEven:
      if (count == 0) return true;
      if (count != 2 || words[0] != "without" || words[1].front() != 'r') {
        return false;
      }
      spec.without = Number(words[1].substr(1), kMaxReplicas).value_or(0);
      return spec.without > 0;
  }
  return false;
}

constexpr std::string_view kNames[] = {"majority", "size",    "rows", "columns",
                                       "cross",    "weights", "even"};

// ---- membership, by definition ----------------------------------------------

bool HasWholeRow(const QuorumSpec& spec, unsigned set) {
  for (int row = 0; row < spec.rows; ++row) {
    const unsigned members = Everybody(spec.columns) << (row * spec.columns);
    if ((set & members) == members) return true;
  }
  return false;
}

bool HasWholeColumn(const QuorumSpec& spec, unsigned set) {
  for (int column = 0; column < spec.columns; ++column) {
    unsigned members = 0;
    for (int row = 0; row < spec.rows; ++row) {
      members |= 1u << (row * spec.columns + column);
    }
    if ((set & members) == members) return true;
  }
  return false;
}

int WeightOf(const QuorumSpec& spec, unsigned set) {
  int weight = 0;
  for (int i = 0; i < spec.weighted; ++i) {
    if ((set >> i & 1u) != 0) {
      weight += spec.weights[static_cast<std::size_t>(i)];
    }
  }
  return weight;
}

bool HasQuorum(const QuorumSpec& spec, int n, unsigned set) {
  const int members = std::popcount(set);
  switch (spec.kind) {
    case QuorumSpec::Kind::kMajority: return 2 * members > n;
    case QuorumSpec::Kind::kSize: return members >= spec.size;
    case QuorumSpec::Kind::kRows: return HasWholeRow(spec, set);
    case QuorumSpec::Kind::kColumns: return HasWholeColumn(spec, set);
    case QuorumSpec::Kind::kCross:
      return HasWholeRow(spec, set) && HasWholeColumn(spec, set);
    case QuorumSpec::Kind::kWeights:
      return spec.reach > 0
                 ? WeightOf(spec, set) >= spec.reach
                 : 2 * WeightOf(spec, set) > WeightOf(spec, Everybody(n));
    case QuorumSpec::Kind::kEven: {
      const int left_out = (spec.without > 0 ? spec.without : n) - 1;
      const int others = std::popcount(set & ~(1u << left_out));
      return 2 * members > n || 2 * others > n - 1;
    }
  }
  return false;
}

absl::Status CheckFits(const QuorumSpec& spec, int n) {
  const std::string text = ToString(spec);
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(
        absl::StrCat("the quorum \"", text, "\" ", why));
  };
  switch (spec.kind) {
    case QuorumSpec::Kind::kMajority: break;
    case QuorumSpec::Kind::kSize:
      if (spec.size > n) {
        return refuse(absl::StrCat("needs ", spec.size, " replicas, there are ",
                                   n, "; give at most ", n));
      }
      break;
    case QuorumSpec::Kind::kRows:
    case QuorumSpec::Kind::kColumns:
    case QuorumSpec::Kind::kCross:
      if (spec.rows * spec.columns != n) {
        return refuse(absl::StrCat("is a grid of ", spec.rows * spec.columns,
                                   " replicas, there are ", n,
                                   "; rows times columns must give ", n));
      }
      break;
    case QuorumSpec::Kind::kWeights: {
      if (spec.weighted != n) {
        return refuse(absl::StrCat("gives ", spec.weighted, " weights to ", n,
                                   " replicas; give one to each"));
      }
      const int total = WeightOf(spec, Everybody(n));
      if (total == 0 || spec.reach > total) {
        return refuse(absl::StrCat("is out of reach: all weights together are ",
                                   total, "; lower \"reach\" or raise them"));
      }
      break;
    }
    case QuorumSpec::Kind::kEven:
      if (n % 2 != 0) {
        return refuse(absl::StrCat("is for an even number of replicas, not ", n,
                                   "; take \"majority\""));
      }
      if (spec.without > n) {
        return refuse(absl::StrCat("leaves out r", spec.without,
                                   ", which is none of the ", n, " replicas"));
      }
      break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<QuorumSpec> ParseQuorumSpec(std::string_view text) {
  std::vector<std::string_view> words = Words(text, " ");
  const auto name = words.empty() ? std::end(kNames)
                                  : std::ranges::find(kNames, words.front());
  QuorumSpec spec;
  if (name != std::end(kNames)) {
    spec.kind = static_cast<QuorumSpec::Kind>(name - std::begin(kNames));
    words.erase(words.begin());
    if (ReadArguments(words, spec)) return spec;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text), "\" is no quorum; ", kForms));
}

std::string ToString(const QuorumSpec& spec) {
  std::string text(kNames[static_cast<std::size_t>(spec.kind)]);
  switch (spec.kind) {
    case QuorumSpec::Kind::kMajority: break;
    case QuorumSpec::Kind::kSize: absl::StrAppend(&text, " ", spec.size); break;
    case QuorumSpec::Kind::kRows:
    case QuorumSpec::Kind::kColumns:
    case QuorumSpec::Kind::kCross:
      absl::StrAppend(&text, " ", spec.rows, "x", spec.columns);
      break;
    case QuorumSpec::Kind::kWeights:
      for (int i = 0; i < spec.weighted; ++i) {
        absl::StrAppend(&text, " ", spec.weights[static_cast<std::size_t>(i)]);
      }
      if (spec.reach > 0) absl::StrAppend(&text, " reach ", spec.reach);
      break;
    case QuorumSpec::Kind::kEven:
      if (spec.without > 0) absl::StrAppend(&text, " without r", spec.without);
      break;
  }
  return text;
}

absl::StatusOr<QuorumSystem> QuorumSystem::Create(const QuorumSpec& spec,
                                                  int n) {
  QUORATE_CHECK(n >= 1 && n <= kMaxReplicas, "a cluster has 1 to 9 replicas");
  if (absl::Status fits = CheckFits(spec, n); !fits.ok()) return fits;
  QuorumSystem system;
  system.spec_ = spec;
  system.replicas_ = n;
  for (unsigned set = 0; set <= Everybody(n); ++set) {
    system.quorums_[set] = HasQuorum(spec, n, set);
  }
  return system;
}

QuorumSystem QuorumSystem::OfSize(int size, int n) {
  absl::StatusOr<QuorumSystem> system =
      Create({.kind = QuorumSpec::Kind::kSize, .size = size}, n);
  QUORATE_CHECK(system.ok() && size >= 1, "a quorum has 1 to n members");
  return *std::move(system);
}

int QuorumSystem::smallest() const {
  int smallest = replicas_;
  for (unsigned set = 0; set <= Everybody(replicas_); ++set) {
    if (quorums_[set]) smallest = std::min(smallest, std::popcount(set));
  }
  return smallest;
}

int QuorumSystem::tolerates() const {
  // The smallest set whose loss leaves no quorum, less one.
  int fatal = replicas_;
  for (unsigned down = 0; down <= Everybody(replicas_); ++down) {
    if (quorums_[Everybody(replicas_) & ~down]) continue;
    fatal = std::min(fatal, std::popcount(down));
  }
  return std::max(0, fatal - 1);
}

ReplicaSet QuorumSystem::Choose(ReplicaId self, ReplicaSet preferred) const {
  std::vector<ReplicaId> ring;
  for (int step = 1; step < replicas_; ++step) {
    ring.push_back(ReplicaAt((Index(self) + step) % replicas_));
  }
  return Choose(self, preferred, ring);
}

ReplicaSet QuorumSystem::Choose(ReplicaId self, ReplicaSet preferred,
                                std::span<const ReplicaId> others) const {
  std::vector<ReplicaId> order;
  for (const bool is_preferred : {true, false}) {
    for (const ReplicaId other : others) {
      if (preferred.Contains(other) == is_preferred) order.push_back(other);
    }
  }
  ReplicaSet own;
  own.Insert(self);
  return FillUp(own, order, [this](ReplicaSet set) { return IsQuorum(set); });
}

std::string QuorumSystem::Describe() const {
  return absl::StrCat(ToString(spec_), " of ", replicas_, ", ", tolerates(),
                      " may be down");
}

// ---- which quorums must meet ------------------------------------------------

absl::Status CheckIntersection(const QuorumSystem& a, const QuorumSystem& b) {
  // A quorum that has none of the other's quorums outside itself meets them
  // all.
  for (unsigned set = 0; set <= Everybody(a.replicas()); ++set) {
    const unsigned outside = Everybody(b.replicas()) & ~set;
    if (!a.IsQuorum(SetOf(set)) || !b.IsQuorum(SetOf(outside))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", ToString(a.spec()), "\" and \"", ToString(b.spec()), "\" of ",
        a.replicas(), " replicas do not meet: ", Text(SetOf(set)), " and ",
        Text(SetOf(outside)), " have no member in common; make one larger"));
  }
  return absl::OkStatus();
}

absl::StatusOr<PaxosQuorums> PaxosQuorums::Create(const QuorumSystem& phase1,
                                                  const QuorumSystem& phase2) {
  if (absl::Status meet = CheckIntersection(phase1, phase2); !meet.ok()) {
    return meet;
  }
  PaxosQuorums quorums;
  quorums.phase1_ = phase1;
  quorums.phase2_ = phase2;
  return quorums;
}

absl::StatusOr<DependencyQuorums> DependencyQuorums::Create(
    const QuorumSystem& quorums) {
  if (absl::Status meet = CheckIntersection(quorums, quorums); !meet.ok()) {
    return meet;
  }
  DependencyQuorums made;
  made.quorums_ = quorums;
  return made;
}

absl::StatusOr<FastQuorums> FastQuorums::Create(const QuorumSystem& classic,
                                                const QuorumSystem& fast) {
  const unsigned all = Everybody(classic.replicas());
  for (unsigned a = 0; a <= all; ++a) {
    if (!fast.IsQuorum(SetOf(a))) continue;
    for (unsigned b = a; b <= all; ++b) {
      const unsigned outside = all & ~(a & b);
      if (!fast.IsQuorum(SetOf(b)) || !classic.IsQuorum(SetOf(outside))) {
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "what the fast quorums ", Text(SetOf(a)), " and ", Text(SetOf(b)),
          " have in common, the classic quorum ", Text(SetOf(outside)),
          " does not meet; make \"", ToString(fast.spec()), "\" or \"",
          ToString(classic.spec()), "\" larger"));
    }
  }
  FastQuorums quorums;
  quorums.classic_ = classic;
  quorums.fast_ = fast;
  return quorums;
}

}  // namespace quorate
