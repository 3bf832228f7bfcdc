#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/wire/random_values.h"
#include "wire/codec/codec.h"

namespace quorate {
namespace {

constexpr int kColumns = 3;

std::string Encode(const Record& record) {
  std::string out;
  EncodeRecord(record, out);
  return out;
}

absl::StatusOr<std::vector<Record>> Decode(std::string_view group,
                                           int columns = kColumns) {
  std::vector<Record> records;
  const absl::Status status = DecodeRecords(
      group, columns,
      [&](Record&& record) { records.push_back(std::move(record)); });
  if (!status.ok()) return status;
  return records;
}

std::vector<Record> RandomRecords(Random& random, int count, int columns) {
  std::vector<Record> records;
  for (int i = 0; i < count; ++i) {
    records.push_back(RandomRecord(
        random, random.Below(std::variant_size_v<Record::variant>), columns));
  }
  return records;
}

std::string Group(const std::vector<Record>& records) {
  std::string group;
  for (const Record& record : records) EncodeRecord(record, group);
  return group;
}

TEST(RecordCodecTest, EveryRecordComesBackAsItWas) {
  Random random(5);
  for (std::size_t type = 0; type < std::variant_size_v<Record::variant>; ++type) {
    for (int i = 0; i < 300; ++i) {
      const int columns = 1 + static_cast<int>(random.Below(kMaxReplicas));
      const Record record = RandomRecord(random, type, columns);
      ASSERT_EQ(record.index(), type);
      const auto decoded = Decode(Encode(record), columns);
      ASSERT_TRUE(decoded.ok()) << Name(record) << decoded.status();
      ASSERT_EQ(decoded->size(), 1u);
      EXPECT_TRUE(Same(record, decoded->front())) << Name(record) << " " << i;
    }
  }
}

TEST(RecordCodecTest, AGroupComesBackInOrder) {
  Random random(6);
  const std::vector<Record> records = RandomRecords(random, 200, kColumns);
  const auto decoded = Decode(Group(records));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_TRUE(Same(records[i], (*decoded)[i])) << i;
  }
}

TEST(RecordCodecTest, AGroupMayLieAtAnyAddress) {
  Random random(7);
  const std::vector<Record> records = RandomRecords(random, 20, kColumns);
  const std::string group = Group(records);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string shifted = std::string(shift, 'x') + group;
    const auto decoded = Decode(std::string_view(shifted).substr(shift));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->size(), records.size());
  }
}

TEST(RecordCodecTest, AnEmptyGroupHoldsNoRecords) {
  const auto decoded = Decode("");
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->empty());
}

TEST(RecordCodecTest, EveryDamagedByteOfAnEntryIsDataLossAtItsOffset) {
  const std::string first = Encode(PromisedRecord{{ReplicaAt(1), 9}, {}});
  const std::string second = Encode(PromisedRecord{{ReplicaAt(1), 10}, {}});
  const std::string offset = "offset " + std::to_string(first.size());
  for (std::size_t at = 0; at < second.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = second;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const absl::Status status = Decode(first + damaged).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_NE(status.message().find(offset), std::string::npos)
          << status.message();
    }
  }
}

TEST(RecordCodecTest, RecordsBeforeADamagedOneAreHandedOut) {
  std::string group = Encode(PromisedRecord{{ReplicaAt(1), 9}, {}});
  group += Encode(PromisedRecord{{ReplicaAt(1), 10}, {}});
  group.back() = static_cast<char>(group.back() ^ 1);
  int records = 0;
  const absl::Status status =
      DecodeRecords(group, kColumns, [&](Record&&) { ++records; });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(records, 1);
}

TEST(RecordCodecTest, EveryTornEndIsDataLoss) {
  const std::string entry =
      Encode(CommittedRecord{{ReplicaAt(0), 3}, Value::Noop(), {}});
  for (std::size_t cut = 1; cut < entry.size(); ++cut) {
    EXPECT_EQ(Decode(entry.substr(0, cut)).status().code(),
              absl::StatusCode::kDataLoss)
        << "cut at " << cut;
  }
}

TEST(RecordCodecTest, ZerosAreDataLoss) {
  EXPECT_EQ(Decode(std::string(64, '\0')).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(RecordCodecTest, ARecordOfALargerClusterIsRefusedByOffset) {
  const std::string entry = Encode(PromisedRecord{{ReplicaAt(4), 9}, {}});
  const absl::Status status = Decode(entry, 3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "journal entry at offset 0: replica index 4 in a cluster of 3");
}

TEST(RecordCodecTest, APayloadLargerThanTodaysLimitsIsStillRead) {
  const std::string key(8000, 'k');
  const Record record = ValidatedRecord{
      {ReplicaAt(0), 1},
      MakeBatch({ClientId{1}, 1}, {.kind = OperationKind::kGet, .key = key}),
      DependencySet(kColumns)};
  EXPECT_TRUE(Decode(Encode(record)).ok());
}

}  // namespace
}  // namespace quorate
