// Random histories against the definition of the order (protocol.md 4.1):
// instances with real batches, dependencies as replicas with views of their own
// would compute them, noops among them, committed in any order.
#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "executor/kv_state_machine.h"
#include "executor/order/graph_executor.h"
#include "gtest/gtest.h"
#include "tests/executor/builders.h"

namespace quorate {
namespace {

constexpr std::size_t kMost = 320;
using Bits = std::bitset<kMost>;
using Random = std::mt19937_64;

struct Instance {
  InstanceId id;
  CommandBatchPtr batch;  // as proposed
  bool noop = false;      // decided to have no effect
  DependencySet deps;
  CommandBatchPtr decided() const { return noop ? nullptr : batch; }
};

// The executor's relation by its definition: the commutation table on one key,
// and a scan against everything.
bool MustBeOrdered(const CommandBatch& a, const CommandBatch& b,
                   ConflictMode mode) {
  for (const Operation& x : a.operations()) {
    for (const Operation& y : b.operations()) {
      if (!Conflict(ClassOf(x.kind, mode), ClassOf(y.kind, mode))) continue;
      if (x.key == y.key || x.kind == OperationKind::kScan ||
          y.kind == OperationKind::kScan) {
        return true;
      }
    }
  }
  return false;
}

struct Shape {
  int replicas = 3;
  std::size_t instances = 60;
  ConflictMode mode = ConflictMode::kOperation;
  // As under the Atlas rule: an instance may depend on its own column up to and
  // past itself.
  bool clamp_own_column = true;
};

class History {
 public:
  History(const Shape& shape, Random& random) : shape_(shape) {
    MakeInstances(random);
    MakeDependencies(random);
    const std::size_t n = instances.size();
    edges.resize(n);
    reach.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j || instances[i].noop || instances[j].noop) continue;
        if (!MustBeOrdered(*instances[i].batch, *instances[j].batch,
                           shape.mode)) {
          continue;
        }
        edges[i][j] = instances[i].deps.Contains(instances[j].id);
      }
    }
    Close();
  }

  // Does j come before i, when the two must be ordered?
  bool Before(std::size_t j, std::size_t i) const {
    if (reach[i][j] && reach[j][i]) return instances[j].id < instances[i].id;
    return reach[i][j];
  }
  // Any two that conflict see each other (G3); what the rest rests on.
  bool Visible() const {
    for (std::size_t i = 0; i < instances.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Instance& a = instances[i];
        const Instance& b = instances[j];
        if (Conflict(*a.batch, *b.batch, shape_.mode) && !a.noop && !b.noop &&
            !a.deps.Contains(b.id) && !b.deps.Contains(a.id)) {
          return false;
        }
      }
    }
    return true;
  }

  std::vector<Instance> instances;
  std::vector<Bits> edges;
  std::vector<Bits> reach;

 private:
  Operation RandomOperation(Random& random, const std::string& key) const {
    switch (random() % 10) {
      case 0:
      case 1: return Get(key);
      case 2:
      case 3:
      case 4: return Add(key, static_cast<std::int64_t>(random() % 100));
      case 5: return Append(key, "7");
      case 6: return Cas(key, "5", "6");
      case 7: return random() % 4 == 0 ? Scan("k1", "k3") : Delete(key);
      default: return Put(key, values_[random() % values_.size()]);
    }
  }

  void MakeInstances(Random& random) {
    std::vector<std::uint64_t> slots(static_cast<std::size_t>(shape_.replicas));
    const std::uint64_t keys = 1 + random() % 12;
    std::vector<std::string> names;
    for (std::uint64_t k = 0; k < keys; ++k) {
      names.push_back("k" + std::to_string(k));
    }
    std::uint64_t sequence = 0;
    for (std::size_t i = 0; i < shape_.instances; ++i) {
      const std::size_t column = random() % slots.size();
      CommandBatchBuilder builder;
      const std::uint64_t commands = 1 + random() % 3;
      for (std::uint64_t c = 0; c < commands; ++c) {
        ++sequence;
        builder.AddCommand({kClient, sequence}, 0, 1);
        const std::uint64_t operations = 1 + random() % 2;
        for (std::uint64_t o = 0; o < operations; ++o) {
          builder.AddOperation(
              RandomOperation(random, names[random() % names.size()]));
        }
      }
      instances.push_back(
          {.id = {ReplicaAt(static_cast<int>(column)), ++slots[column]},
           .batch = builder.Finish(),
           .noop = random() % 10 == 0});
    }
    last_slots_ = slots;
  }

  // Each replica meets the instances in an order of its own and answers with
  // the conflicts it has met; dependencies are the union over a majority that
  // includes the command leader.
  void MakeDependencies(Random& random) {
    const int n = shape_.replicas;
    const std::size_t count = instances.size();
    const std::uint64_t window = 1 + random() % 40;
    std::vector<std::vector<DependencySet>> answers;
    for (int view = 0; view < n; ++view) {
      std::vector<std::uint64_t> arrival(count);
      for (std::size_t i = 0; i < count; ++i) {
        const bool own = Index(instances[i].id.replica) == view;
        arrival[i] = i + (own ? 0 : random() % window);
      }
      answers.push_back(Answers(arrival));
    }
    for (std::size_t i = 0; i < count; ++i) {
      Instance& instance = instances[i];
      const int leader = Index(instance.id.replica);
      instance.deps = answers[static_cast<std::size_t>(leader)][i];
      const int start = static_cast<int>(random() % static_cast<unsigned>(n));
      for (int others = 0, step = 0; others < n / 2; ++step) {
        const int view = (start + step) % n;
        if (view == leader) continue;
        instance.deps.UnionWith(answers[static_cast<std::size_t>(view)][i]);
        ++others;
      }
      Enlarge(instance, random);
      if (shape_.clamp_own_column) instance.deps.ClampOwnColumn(instance.id);
      if (instance.noop) instance.deps = DependencySet(n);
    }
  }

  std::vector<DependencySet> Answers(
      const std::vector<std::uint64_t>& arrival) const {
    std::vector<std::size_t> order(instances.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {},
                             [&](std::size_t i) { return arrival[i]; });
    std::vector<DependencySet> answers(instances.size(),
                                       DependencySet(shape_.replicas));
    for (std::size_t at = 0; at < order.size(); ++at) {
      const Instance& met = instances[order[at]];
      for (std::size_t before = 0; before < at; ++before) {
        const Instance& earlier = instances[order[before]];
        if (Conflict(*met.batch, *earlier.batch, shape_.mode)) {
          answers[order[at]].Add(earlier.id);
        }
      }
    }
    return answers;
  }

  // A superset is always allowed.
  void Enlarge(Instance& instance, Random& random) const {
    if (random() % 8 != 0) return;
    const int column =
        static_cast<int>(random() % static_cast<unsigned>(shape_.replicas));
    instance.deps.Raise(
        ReplicaAt(column),
        std::min(instance.deps[ReplicaAt(column)] + random() % 5,
                 last_slots_[static_cast<std::size_t>(column)]));
  }

  void Close() {
    const std::size_t n = instances.size();
    for (std::size_t i = 0; i < n; ++i) {
      reach[i] = edges[i];
      reach[i].set(i);
    }
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t i = 0; i < n; ++i) {
        if (reach[i][k]) reach[i] |= reach[k];
      }
    }
  }

  Shape shape_;
  std::vector<std::string> values_ = {"", "1", "5", "text"};
  std::vector<std::uint64_t> last_slots_;
};

Shape RandomShape(Random& random, std::size_t most) {
  return {.replicas = random() % 2 == 0 ? 3 : 5,
          .instances = 20 + random() % (most - 20),
          .mode = static_cast<ConflictMode>(random() % 3),
          .clamp_own_column = random() % 2 == 0};
}

// From nearly in order to entirely at random.
std::vector<std::size_t> CommitOrder(std::size_t count, Random& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t window = 1 + random() % count;
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(order[i], order[std::min(count - 1, i + random() % window)]);
  }
  if (random() % 8 == 0) std::ranges::reverse(order);
  return order;
}

// Committed instances, and what must have been executed then.
class Expectation {
 public:
  explicit Expectation(const History& history) : history_(history) {}
  void Commit(std::size_t i) { committed_.set(i); }
  bool Resolved(std::size_t i) const {
    if (!committed_[i]) return false;
    for (std::size_t j = 0; j < history_.instances.size(); ++j) {
      if (!committed_[j] &&
          history_.instances[i].deps.Contains(history_.instances[j].id)) {
        return false;
      }
    }
    return true;
  }
  Bits Executed() const {
    Bits resolved;
    for (std::size_t i = 0; i < history_.instances.size(); ++i) {
      resolved[i] = Resolved(i);
    }
    Bits executed;
    for (std::size_t i = 0; i < history_.instances.size(); ++i) {
      executed[i] = committed_[i] && !history_.instances[i].noop &&
                    (history_.reach[i] & ~resolved).none();
    }
    return executed;
  }
  bool committed(std::size_t i) const { return committed_[i]; }
  std::size_t PositionOf(InstanceId id) const {
    for (std::size_t i = 0; i < history_.instances.size(); ++i) {
      if (history_.instances[i].id == id) return i;
    }
    return kMost;
  }

 private:
  const History& history_;
  Bits committed_;
};

void ExpectOldestBlocked(const GraphExecutor& executor, const History& history,
                         const Expectation& expected, const Bits& executed) {
  const auto blocked = executor.OldestBlocked();
  std::optional<InstanceId> oldest;
  for (std::size_t i = 0; i < history.instances.size(); ++i) {
    const Instance& instance = history.instances[i];
    if (!expected.committed(i) || instance.noop || executed[i]) continue;
    if (!oldest.has_value() || instance.id < *oldest) oldest = instance.id;
  }
  ASSERT_EQ(blocked.has_value(), oldest.has_value());
  if (!oldest.has_value()) return;
  EXPECT_EQ(blocked->waiting, *oldest);
  // Uncommitted, and in the prefix of something that the oldest one reaches.
  const std::size_t on = expected.PositionOf(blocked->on);
  ASSERT_LT(on, history.instances.size());
  EXPECT_FALSE(expected.committed(on));
  const Bits& reach = history.reach[expected.PositionOf(*oldest)];
  bool stops_it = false;
  for (std::size_t i = 0; i < history.instances.size(); ++i) {
    stops_it = stops_it || (reach[i] && expected.committed(i) &&
                            history.instances[i].deps.Contains(blocked->on));
  }
  EXPECT_TRUE(stops_it);
}

TEST(RandomOrderTest, ExecutesAtEachCommitExactlyWhatMay) {
  Random random(1);
  for (int round = 0; round < 60; ++round) {
    const Shape shape = RandomShape(random, 90);
    const History history(shape, random);
    ASSERT_TRUE(history.Visible());
    GraphExecutor executor(shape.replicas, shape.mode, random() % 2 * 64);
    Expectation expected(history);
    Bits executed;
    ExecutionOrder order;
    for (const std::size_t i : CommitOrder(shape.instances, random)) {
      const Instance& instance = history.instances[i];
      expected.Commit(i);
      order.Clear();
      ASSERT_TRUE(executor.Commit(instance.id, instance.decided(),
                                  instance.deps, order));
      for (const ExecutionOrder::Item& item : order.items) {
        const std::size_t position = expected.PositionOf(item.instance);
        ASSERT_FALSE(executed[position]);
        ASSERT_EQ(item.batch, history.instances[position].batch);
        executed.set(position);
      }
      ASSERT_EQ(executed, expected.Executed()) << "round " << round;
      ExpectOldestBlocked(executor, history, expected, executed);
      if (HasFatalFailure()) return;
    }
  }
}

struct RunOutcome {
  std::uint64_t state_hash = 0;
  std::map<CommandId, CommandResult> results;
};

// Feeds a whole history in one order and checks it against the definition.
RunOutcome RunThrough(const Shape& shape, const History& history,
                      Random& random) {
  const std::size_t n = history.instances.size();
  Executor executor(shape.replicas, shape.mode);
  Executed executed;
  for (const std::size_t i : CommitOrder(n, random)) {
    const Instance& instance = history.instances[i];
    executor.Commit(instance.id, instance.decided(), instance.deps, executed);
  }
  std::map<InstanceId, std::size_t> positions;
  for (std::size_t at = 0; at < executed.instances.size(); ++at) {
    EXPECT_TRUE(positions.emplace(executed.instances[at], at).second);
  }
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_EQ(positions.contains(history.instances[i].id),
              !history.instances[i].noop);
    for (std::size_t j = 0; j < n; ++j) {
      if (!history.edges[i][j]) continue;
      EXPECT_EQ(positions[history.instances[j].id] <
                    positions[history.instances[i].id],
                history.Before(j, i));
    }
  }
  EXPECT_EQ(executor.executed_frontier(), executor.committed_frontier());
  EXPECT_EQ(executor.stats().waiting_instances, 0u);
  RunOutcome outcome{.state_hash = executor.state_hash()};
  for (ExecutedCommand& command : executed.commands) {
    EXPECT_EQ(command.status, ReplyStatus::kDone);
    outcome.results.emplace(command.id, std::move(command.results));
  }
  return outcome;
}

TEST(RandomOrderTest, GivesOneOrderOneStateAndOneSetOfResults) {
  Random random(2);
  for (int round = 0; round < 60; ++round) {
    const Shape shape =
        RandomShape(random, round % 10 == 0 ? kMost : std::size_t{80});
    const History history(shape, random);
    ASSERT_TRUE(history.Visible());
    const RunOutcome first = RunThrough(shape, history, random);
    for (int order = 0; order < 4; ++order) {
      const RunOutcome other = RunThrough(shape, history, random);
      ASSERT_EQ(first.state_hash, other.state_hash) << "round " << round;
      ASSERT_EQ(first.results, other.results) << "round " << round;
      if (HasFailure()) return;
    }
  }
}

// What two replicas know is a function of what they have committed.
TEST(RandomOrderTest, LooksTheSameWhateverTheOrderOfTheSameCommits) {
  Random random(3);
  int blocked = 0;
  for (int round = 0; round < 200; ++round) {
    const Shape shape = RandomShape(random, 80);
    const History history(shape, random);
    std::vector<std::size_t> some = CommitOrder(shape.instances, random);
    some.resize(some.size() * 3 / 4);
    std::optional<Executor> first;
    for (int order = 0; order < 3; ++order) {
      Executor executor(shape.replicas, shape.mode);
      Executed executed;
      for (const std::size_t i : some) {
        const Instance& instance = history.instances[i];
        executor.Commit(instance.id, instance.decided(), instance.deps,
                        executed);
      }
      if (!first.has_value()) first = executor;
      ASSERT_EQ(executor.OldestBlocked(), first->OldestBlocked());
      ASSERT_EQ(executor.Fingerprint(), first->Fingerprint());
      ASSERT_EQ(executor.state_hash(), first->state_hash());
      blocked += executor.OldestBlocked().has_value() ? 1 : 0;
      std::ranges::shuffle(some, random);
    }
  }
  EXPECT_GT(blocked, 100);
}

}  // namespace
}  // namespace quorate
