#include "replica/base/protocols.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "replica/base/quorum.h"

namespace quorate {
namespace {

TEST(ProtocolsTest, EachHasANameOfItsOwnThatIsReadBack) {
  for (const Protocol protocol : kProtocols) {
    EXPECT_EQ(ParseProtocol(Name(protocol)), protocol);
    EXPECT_FALSE(RowOf(protocol).about.empty());
  }
  EXPECT_EQ(ParseProtocol(""), std::nullopt);
  EXPECT_EQ(ParseProtocol("raft"), std::nullopt);
  EXPECT_EQ(ProtocolNames(), "epaxos, multipaxos, bpaxos");
  EXPECT_EQ(ProtocolNames(Quorums::kRoles), "bpaxos");
}

TEST(ProtocolsTest, ARecordTellsAtMostOneWriter) {
  const Record records[] = {
      PreAcceptedRecord{}, AcceptedRecord{},       PromisedRecord{},
      ValidatedRecord{},   CommittedRecord{},      FloorRecord{},
      ReservedRecord{},    InstanceRecord{},       DependencyRecord{},
      DecidedRecord{},     CheckpointBegunRecord{}};
  for (const Record& record : records) {
    const auto claims = std::ranges::count_if(
        kProtocolRows,
        [&](const ProtocolRow& row) { return row.writes_alone(record); });
    EXPECT_LE(claims, 1) << Name(record);
    EXPECT_EQ(WriterOf(record).has_value(), claims == 1) << Name(record);
  }
  for (const Protocol protocol : kProtocols) {
    EXPECT_TRUE(std::ranges::any_of(records, [&](const Record& record) {
      return WriterOf(record) == protocol;
    })) << Name(protocol);
  }
}

TEST(ProtocolsTest, WhatALeaderOrdersIsOneColumn) {
  for (const Protocol protocol : kProtocols) {
    const Settings settings{.protocol = protocol, .self = ReplicaId{2}};
    EXPECT_EQ(OwnColumn(settings),
              RowOf(protocol).has_leader ? kLogColumn : ReplicaId{2});
    EXPECT_EQ(ValidateSettings(settings), absl::OkStatus());
  }
}

}  // namespace
}  // namespace quorate
