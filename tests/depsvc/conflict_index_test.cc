#include "depsvc/conflict_index.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace quorate {
namespace {

Operation Op(OperationKind kind, std::string_view key,
             std::string_view value = "") {
  return {.kind = kind, .key = key, .value = value, .number = 1};
}

CommandBatchPtr Batch(const std::vector<Operation>& operations) {
  CommandBatchBuilder builder;
  builder.AddCommand({.client = ClientId{1}, .sequence = 1}, 0);
  for (const Operation& operation : operations) {
    builder.AddOperation(operation);
  }
  return builder.Finish();
}

InstanceId Id(int replica, std::uint64_t slot) {
  return {ReplicaAt(replica), slot};
}

DependencySet Ask(const ConflictIndex& index,
                  const std::vector<Operation>& operations) {
  DependencySet deps(3);
  index.Collect(*Batch(operations), deps);
  return deps;
}

TEST(ConflictIndex, ReportsTheFirstWriteToAKey) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(0, 4), *Batch({Op(OperationKind::kPut, "a", "1")}));
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "a")})), "{r1:4}");
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "b")})), "{}");
}

TEST(ConflictIndex, KeepsReadsApartFromReads) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(1, 7), *Batch({Op(OperationKind::kGet, "a")}));
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "a")})), "{}");
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kPut, "a", "x")})),
            "{r2:7}");
}

TEST(ConflictIndex, LetsAddsCommuteOnlyWhenTheModeSaysSo) {
  for (const auto& [mode, expected] :
       {std::pair{ConflictMode::kOperation, "{}"},
        std::pair{ConflictMode::kReadWrite, "{r3:2}"},
        std::pair{ConflictMode::kKey, "{r3:2}"}}) {
    ConflictIndex index(3, mode);
    index.Add(Id(2, 2), *Batch({Op(OperationKind::kAdd, "n")}));
    EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kAdd, "n")})), expected);
    EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "n")})), "{r3:2}");
  }
}

TEST(ConflictIndex, ReportsStepsOfOtherKindsAndForgetsNoneOfThem) {
  ConflictIndex index(3, ConflictMode::kOperation);
  const std::vector<Operation> add = {Op(OperationKind::kAdd, "n")};
  const std::vector<Operation> max = {Op(OperationKind::kMax, "n")};
  index.Add(Id(0, 3), *Batch(add));
  index.Add(Id(1, 2), *Batch(max));
  EXPECT_EQ(ToString(Ask(index, add)), "{r2:2}");
  EXPECT_EQ(ToString(Ask(index, max)), "{r1:3}");
  // The kinds take turns in one column.
  index.Add(Id(0, 4), *Batch(max));
  EXPECT_EQ(ToString(Ask(index, max)), "{r1:3}");
  EXPECT_EQ(ToString(Ask(index, add)), "{r1:4 r2:2}");
  index.Add(Id(0, 9), *Batch(add));
  EXPECT_EQ(ToString(Ask(index, max)), "{r1:9}");
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "n")})),
            "{r1:9 r2:2}");
}

TEST(ConflictIndex, DoesNotLoseAnOlderReadWhenABatchReadsAndWritesOneKey) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(0, 3), *Batch({Op(OperationKind::kGet, "a")}));
  DependencySet deps(3);
  index.CollectAndAdd(
      Id(0, 9),
      *Batch({Op(OperationKind::kGet, "a"), Op(OperationKind::kPut, "a", "1")}),
      deps);
  EXPECT_EQ(ToString(deps), "{r1:3}");
}

TEST(ConflictIndex, AScanMeetsTheWritesOfItsRangeAndNoOthers) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(2, 1), *Batch({Op(OperationKind::kScan, "a", "b")}));
  index.Add(Id(0, 5), *Batch({Op(OperationKind::kPut, "k", "1")}));
  index.Add(Id(1, 6), *Batch({Op(OperationKind::kAdd, "x")}));
  index.Add(Id(1, 7), *Batch({Op(OperationKind::kGet, "k")}));
  const auto scan = [&](std::string_view first, std::string_view end) {
    return ToString(Ask(index, {Op(OperationKind::kScan, first, end)}));
  };
  EXPECT_EQ(scan("a", "m"), "{r1:5}");
  EXPECT_EQ(scan("k", std::string_view("k\0", 2)), "{r1:5}");
  EXPECT_EQ(scan("m", ""), "{r2:6}");
  EXPECT_EQ(scan("", ""), "{r1:5 r2:6}");
  EXPECT_EQ(scan("b", "k"), "{}");
  EXPECT_EQ(scan("z", "a"), "{}");
}

// No phantom: it need not have been there when it was scanned.
TEST(ConflictIndex, AWriteMeetsTheScansThatHaveItsKeyAndNoOthers) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(0, 1), *Batch({Op(OperationKind::kScan, "b", "d")}));
  index.Add(Id(1, 2), *Batch({Op(OperationKind::kScan, "c", "")}));
  const auto put = [&](std::string_view key) {
    return ToString(Ask(index, {Op(OperationKind::kPut, key, "1")}));
  };
  EXPECT_EQ(put("a"), "{}");
  EXPECT_EQ(put("b"), "{r1:1}");
  EXPECT_EQ(put("cc"), "{r1:1 r2:2}");
  EXPECT_EQ(put("d"), "{r2:2}");
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "cc")})), "{}");
}

TEST(ConflictIndex, WhatCameBeforeTheFirstScanIsInEveryRangeUntilTheFloor) {
  ConflictIndex index(3, ConflictMode::kOperation);
  index.Add(Id(0, 5), *Batch({Op(OperationKind::kPut, "k", "1")}));
  const std::vector<Operation> scan = {Op(OperationKind::kScan, "a", "b")};
  EXPECT_EQ(ToString(Ask(index, scan)), "{r1:5}");
  index.Add(Id(1, 1), *Batch(scan));
  index.Add(Id(0, 6), *Batch({Op(OperationKind::kPut, "k", "2")}));
  EXPECT_EQ(ToString(Ask(index, scan)), "{r1:5}");
}

TEST(ConflictIndex, TheEndOfAnEraMeetsEverythingAndIsMetByEverything) {
  for (const ConflictMode mode :
       {ConflictMode::kOperation, ConflictMode::kReadWrite,
        ConflictMode::kKey}) {
    ConflictIndex index(3, mode);
    index.Add(Id(0, 5), *Batch({Op(OperationKind::kGet, "k")}));
    index.Add(Id(1, 6), *Batch({Op(OperationKind::kAdd, "l")}));
    index.Add(Id(2, 7), *Batch({Op(OperationKind::kScan, "a", "b")}));
    DependencySet deps(3);
    index.CollectAndAdd(Id(1, 8), *Batch({Op(OperationKind::kEndEra, "")}),
                        deps);
    EXPECT_EQ(ToString(deps), "{r1:5 r2:6 r3:7}");
    for (const OperationRow& row : kOperations) {
      const DependencySet answer = Ask(index, {Op(row.kind, "new")});
      EXPECT_EQ(answer[ReplicaAt(1)], 8u) << row.name;
    }
  }
}

TEST(ConflictIndex, EveryAnswerCoversTheFloor) {
  ConflictIndex index(3, ConflictMode::kOperation);
  DependencySet floor(3);
  floor.Set(ReplicaAt(1), 40);
  index.RaiseFloor(floor);
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "any")})), "{r2:40}");
}

TEST(ConflictIndex, ForgetsEntriesBelowTheFloorInsteadOfGrowing) {
  ConflictIndex index(3, ConflictMode::kOperation);
  DependencySet floor(3);
  for (std::uint64_t slot = 1; slot <= 300000; ++slot) {
    index.Add(Id(0, slot),
              *Batch({Op(OperationKind::kPut, "key" + std::to_string(slot))}));
    floor.Set(ReplicaAt(0), slot < 1000 ? 0 : slot - 1000);
    index.RaiseFloor(floor);
  }
  EXPECT_LT(index.entries(), 10000u);
  EXPECT_EQ(ToString(Ask(index, {Op(OperationKind::kGet, "key300000")})),
            "{r1:300000}");
}

// The model knows every instance's operations and answers by going through
// them all.
class NaiveIndex {
 public:
  explicit NaiveIndex(ConflictMode mode) : mode_(mode) {}
  void Add(InstanceId id, CommandBatchPtr batch) {
    all_.emplace_back(id, std::move(batch));
  }
  DependencySet Collect(const CommandBatch& batch,
                        const DependencySet& floor) const {
    DependencySet deps = floor;
    for (const auto& [id, other] : all_) {
      if (Conflict(batch, *other, mode_)) deps.Add(id);
    }
    return deps;
  }

 private:
  ConflictMode mode_;
  std::vector<std::pair<InstanceId, CommandBatchPtr>> all_;
};

class IndexAgainstModel : public testing::TestWithParam<ConflictMode> {};

// The index must be exact above the floor, with scans from the first one on;
// what came before it may be reported, too.
TEST_P(IndexAgainstModel, AgreesOnRandomBatches) {
  for (const bool with_scans : {false, true}) {
    for (unsigned seed = 1; seed <= 30; ++seed) {
      std::mt19937 random(seed);
      ConflictIndex index(3, GetParam());
      NaiveIndex model(GetParam());
      DependencySet floor(3);
      const bool scanned = with_scans && seed % 2 == 0;
      if (scanned) {
        const CommandBatchPtr nothing =
            Batch({Op(OperationKind::kScan, "z", "a")});
        index.Add(Id(0, 1), *nothing);
      }
      std::array<std::uint64_t, 3> next{};
      for (int step = 0; step < 300; ++step) {
        std::vector<std::string> keys;
        std::vector<Operation> operations;
        const std::size_t count = 1 + random() % 4;
        for (std::size_t i = 0; i < count; ++i) {
          keys.push_back("k" + std::to_string(random() % 12));
        }
        const std::array<std::string, 4> ends = {
            "k5", "", "k" + std::to_string(random() % 12), "k1"};
        for (std::size_t i = 0; i < keys.size(); ++i) {
          const std::string& key = keys[i];
          static const std::string own = "max";
          OperationKind kind = OperationKind::kScan;
          do {
            kind = kClientOperations[random() % kClientOperations.size()];
          } while (IsRange(kind) && !with_scans);
          // A key that is added to and raised may be reported too often.
          const std::string& of_kind = kind == OperationKind::kMax ? own : key;
          const std::string_view value =
              kind == OperationKind::kScan ? std::string_view(ends[i % 4]) : "v";
          operations.push_back(Op(kind, of_kind, value));
        }
        const int replica = static_cast<int>(random() % 3);
        const InstanceId id =
            Id(replica, ++next[static_cast<std::size_t>(replica)]);
        const CommandBatchPtr batch = Batch(operations);
        const DependencySet expected = model.Collect(*batch, floor);
        DependencySet deps(3);
        if (random() % 2 == 0) {
          index.CollectAndAdd(id, *batch, deps);
        } else {
          index.Collect(*batch, deps);
          index.Add(id, *batch);
        }
        if (with_scans && !scanned) {
          ASSERT_TRUE(deps.Covers(expected))
              << ToString(deps) << " lacks some of " << ToString(expected);
        } else {
          ASSERT_EQ(deps, expected)
              << ToString(deps) << " vs " << ToString(expected);
        }
        model.Add(id, batch);
        if (step % 50 == 49) {
          for (int i = 0; i < 3; ++i) {
            const std::uint64_t seen = next[static_cast<std::size_t>(i)];
            floor.Raise(ReplicaAt(i), seen > 10 ? seen - 10 : 0);
          }
          index.RaiseFloor(floor);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, IndexAgainstModel,
                         testing::Values(ConflictMode::kOperation,
                                         ConflictMode::kReadWrite,
                                         ConflictMode::kKey));

}  // namespace
}  // namespace quorate
