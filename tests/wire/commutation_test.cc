#include "wire/commutation.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace quorate {
namespace {

constexpr ConflictMode kModes[] = {
    ConflictMode::kOperation, ConflictMode::kReadWrite, ConflictMode::kKey};

Operation Of(OperationKind kind, std::string_view key,
             std::string_view value = "") {
  return {.kind = kind, .key = key, .value = value, .key_hash = HashKey(key)};
}

Operation Scan(std::string_view from, std::string_view to) {
  return Of(OperationKind::kScan, from, to);
}

// Every kind on keys a to c, and scans over every range of them.
std::vector<Operation> ManyOperations() {
  std::vector<Operation> operations;
  for (const std::string_view key : {"a", "b", "c"}) {
    for (const OperationKind kind : kClientOperations) {
      if (IsRange(kind)) continue;
      operations.push_back(Of(kind, key, "v"));
    }
    for (const std::string_view end : {"", "a", "b", "c", "d"}) {
      operations.push_back(Scan(key, end));
    }
  }
  return operations;
}

TEST(CommutationTest, TheTableIsSymmetric) {
  for (std::size_t a = 0; a < kAccessClasses; ++a) {
    for (std::size_t b = 0; b < kAccessClasses; ++b) {
      EXPECT_EQ(kClassesConflict[a][b], kClassesConflict[b][a]);
    }
  }
}

TEST(CommutationTest, TheRelationIsSymmetricInEveryMode) {
  const std::vector<Operation> operations = ManyOperations();
  for (const ConflictMode mode : kModes) {
    for (const Operation& a : operations) {
      for (const Operation& b : operations) {
        EXPECT_EQ(Conflict(a, b, mode), Conflict(b, a, mode))
            << Name(mode) << " " << Name(a.kind) << " " << Name(b.kind);
      }
    }
  }
}

TEST(CommutationTest, ACoarserModeNeverMissesAConflict) {
  const std::vector<Operation> operations = ManyOperations();
  for (const Operation& a : operations) {
    for (const Operation& b : operations) {
      const bool fine = Conflict(a, b, ConflictMode::kOperation);
      const bool coarse = Conflict(a, b, ConflictMode::kReadWrite);
      const bool coarsest = Conflict(a, b, ConflictMode::kKey);
      EXPECT_LE(fine, coarse);
      EXPECT_LE(coarse, coarsest);
    }
  }
}

TEST(CommutationTest, OperationsOnDifferentKeysCommuteInEveryMode) {
  for (const ConflictMode mode : kModes) {
    for (const OperationKind a : kClientOperations) {
      for (const OperationKind b : kClientOperations) {
        if (IsRange(a) || IsRange(b)) continue;
        EXPECT_FALSE(Conflict(Of(a, "x"), Of(b, "y"), mode));
      }
    }
  }
}

TEST(CommutationTest, ReadsOfOneKeyCommuteUnlessEveryKeyConflicts) {
  const Operation get = Of(OperationKind::kGet, "k");
  EXPECT_FALSE(Conflict(get, get, ConflictMode::kOperation));
  EXPECT_FALSE(Conflict(get, get, ConflictMode::kReadWrite));
  EXPECT_TRUE(Conflict(get, get, ConflictMode::kKey));
}

TEST(CommutationTest, AddsToOneKeyCommuteOnlyInTheFullTable) {
  const Operation add = Of(OperationKind::kAdd, "k");
  EXPECT_FALSE(Conflict(add, add, ConflictMode::kOperation));
  EXPECT_TRUE(Conflict(add, add, ConflictMode::kReadWrite));
  EXPECT_TRUE(Conflict(add, add, ConflictMode::kKey));
}

TEST(CommutationTest, AMaxCommutesWithItselfAlone) {
  const Operation max = Of(OperationKind::kMax, "k");
  for (const OperationKind other : kClientOperations) {
    EXPECT_EQ(Conflict(max, Of(other, "k"), ConflictMode::kOperation),
              other != OperationKind::kMax)
        << Name(other);
    EXPECT_TRUE(Conflict(max, Of(other, "k"), ConflictMode::kKey));
  }
  EXPECT_TRUE(Conflict(max, max, ConflictMode::kReadWrite));
}

TEST(CommutationTest, AnAddConflictsWithReadsAndWritesOfItsKey) {
  const Operation add = Of(OperationKind::kAdd, "k");
  for (const OperationKind other :
       {OperationKind::kGet, OperationKind::kPut, OperationKind::kDelete,
        OperationKind::kCompareAndSet, OperationKind::kAppend}) {
    EXPECT_TRUE(Conflict(add, Of(other, "k"), ConflictMode::kOperation))
        << Name(other);
  }
  EXPECT_TRUE(Conflict(add, Scan("a", "z"), ConflictMode::kOperation));
}

TEST(CommutationTest, WritesConflictWithEverythingOnTheirKey) {
  for (const OperationKind write :
       {OperationKind::kPut, OperationKind::kDelete,
        OperationKind::kCompareAndSet, OperationKind::kAppend}) {
    for (const OperationKind other : kClientOperations) {
      EXPECT_TRUE(
          Conflict(Of(write, "k"), Of(other, "k"), ConflictMode::kOperation));
    }
  }
}

TEST(CommutationTest, TheEndOfAnEraConflictsWithEverything) {
  const Operation end{.kind = OperationKind::kEndEra, .number = 3};
  for (const ConflictMode mode :
       {ConflictMode::kOperation, ConflictMode::kReadWrite,
        ConflictMode::kKey}) {
    EXPECT_TRUE(Conflict(end, end, mode));
    for (const OperationKind other : kClientOperations) {
      const Operation operation = Of(other, "k");
      EXPECT_TRUE(Conflict(end, operation, mode)) << Name(operation.kind);
      EXPECT_TRUE(Conflict(operation, end, mode)) << Name(operation.kind);
    }
  }
}

TEST(CommutationTest, AScanConflictsWithWritesInsideItsRangeOnly) {
  const auto conflicts = [](std::string_view key) {
    return Conflict(Scan("b", "d"), Of(OperationKind::kPut, key),
                    ConflictMode::kOperation);
  };
  EXPECT_FALSE(conflicts("a"));
  EXPECT_TRUE(conflicts("b"));
  EXPECT_TRUE(conflicts("czzz"));
  EXPECT_FALSE(conflicts("d"));
}

TEST(CommutationTest, AScanWithoutEndReachesEveryLaterKey) {
  EXPECT_TRUE(ScanCovers(Scan("b", ""), "\xff\xff"));
  EXPECT_FALSE(ScanCovers(Scan("b", ""), "a"));
}

TEST(CommutationTest, OverlappingScansConflictOnlyWhereReadsDo) {
  const Operation low = Scan("a", "c");
  const Operation high = Scan("b", "");
  EXPECT_FALSE(Conflict(low, high, ConflictMode::kOperation));
  EXPECT_TRUE(Conflict(low, high, ConflictMode::kKey));
  EXPECT_FALSE(Conflict(low, Scan("c", ""), ConflictMode::kKey));
}

TEST(CommutationTest, ABatchConflictsThroughAnyPairOfItsOperations) {
  CommandBatchBuilder builder;
  builder.AddCommand({ClientId{1}, 1}, 0);
  builder.AddOperation(Of(OperationKind::kGet, "a"));
  builder.AddOperation(Of(OperationKind::kPut, "b", "v"));
  const CommandBatchPtr batch = builder.Finish();
  const auto conflicts = [&](const Operation& operation) {
    return Conflict(*batch, *MakeBatch({ClientId{2}, 1}, operation),
                    ConflictMode::kOperation);
  };
  EXPECT_TRUE(conflicts(Of(OperationKind::kGet, "b")));
  EXPECT_TRUE(conflicts(Of(OperationKind::kPut, "a")));
  EXPECT_FALSE(conflicts(Of(OperationKind::kGet, "a")));
  EXPECT_FALSE(conflicts(Of(OperationKind::kPut, "c")));
}

TEST(CommutationTest, ModesAreReadBackFromTheirNames) {
  for (const ConflictMode mode : kModes) {
    EXPECT_EQ(ParseConflictMode(Name(mode)), mode);
  }
  EXPECT_EQ(ParseConflictMode("keys"), std::nullopt);
}

}  // namespace
}  // namespace quorate
