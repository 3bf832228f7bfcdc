#include "tests/wire/random_values.h"

#include <algorithm>
#include <tuple>

#include "wire/limits.h"
#include "wire/overloaded.h"

namespace quorate {
namespace {

InstanceId RandomInstance(Random& random, int columns) {
  return {ReplicaAt(static_cast<int>(
              random.Below(static_cast<std::uint64_t>(columns)))),
          1 + random.Number() % kMaxSlot};
}

Ballot RandomBallot(Random& random, int columns) {
  return Ballot::Of(random.Number() >> 8,
                    RandomInstance(random, columns).replica);
}

ReplicaSet RandomReplicas(Random& random, int columns) {
  return ReplicaSet::FromBits(static_cast<std::uint16_t>(random.Next()))
      .Intersect(ReplicaSet::FirstN(columns));
}

InstanceStatus RandomStatus(Random& random) {
  return static_cast<InstanceStatus>(random.Below(4));
}

void AddOperation(Random& random, CommandBatchBuilder& builder) {
  const std::string key = random.Bytes(20);
  const std::string value = random.Coin() ? random.Bytes(40) : "";
  const std::string expected = random.Coin() ? random.Bytes(40) : "";
  const auto number =
      random.Coin() ? static_cast<std::int64_t>(random.Next()) : 0;
  builder.AddOperation(
      {.kind = kClientOperations[random.Below(kClientOperations.size())],
       .key = key,
       .value = value,
       .expected = expected,
       .number = number});
}

ClientReply RandomReply(Random& random) {
  ClientReply reply{
      .id = {static_cast<ClientId>(random.Next()), random.Number()},
      .status = static_cast<ReplyStatus>(random.Below(4)),
      .reason = static_cast<RefusalReason>(random.Below(13)),
      .instance = {ReplicaAt(static_cast<int>(random.Below(kMaxReplicas))),
                   random.Number()},
      .commit_latency_us = static_cast<std::uint32_t>(random.Number())};
  reply.results.resize(random.Below(4));
  for (OperationResult& result : reply.results) {
    result.status = static_cast<OperationStatus>(random.Below(5));
    result.value = random.Bytes(30);
    result.rows.resize(random.Coin() ? random.Below(5) : 0);
    for (auto& [key, value] : result.rows) {
      key = random.Bytes(10);
      value = random.Bytes(30);
    }
  }
  return reply;
}

ClientReplies RandomReplies(Random& random) {
  ClientReplies replies;
  const bool plain = random.Coin();
  for (std::uint64_t i = random.Below(20); i > 0; --i) {
    // What most replies are: done, one result, nothing read.
    replies.replies.push_back(
        plain ? ClientReply{.id = {static_cast<ClientId>(random.Next()), i},
                            .results = {OperationResult{}}}
              : RandomReply(random));
  }
  return replies;
}

bool Same(const CommandBatchPtr& a, const CommandBatchPtr& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return SameContents(*a, *b) && a->digest() == b->digest();
}

bool Same(const Value& a, const Value& b) {
  return a == b && Same(a.batch, b.batch);
}

bool Same(const ClientReply& a, const ClientReply& b) {
  return std::tie(a.id, a.status, a.reason, a.instance, a.results,
                  a.commit_latency_us) == std::tie(b.id, b.status, b.reason,
                                                   b.instance, b.results,
                                                   b.commit_latency_us);
}

// Compares two values of one variant, given a comparison of each alternative.
template <typename Variant, typename Equal>
bool SameAlternative(const Variant& a, const Variant& b, const Equal& equal) {
  return a.index() == b.index() &&
         std::visit(
             [&]<typename T>(const T& x) { return equal(x, std::get<T>(b)); },
             a);
}

}  // namespace

std::uint64_t Random::Next() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

std::string Random::Bytes(std::size_t most) {
  std::string bytes(Below(most + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(Next());
  return bytes;
}

CommandBatchPtr RandomBatch(Random& random) {
  CommandBatchBuilder builder;
  const bool one_operation_each = random.Coin();
  const std::uint64_t commands = 1 + random.Below(random.Coin() ? 3 : 100);
  for (std::uint64_t i = 0; i < commands; ++i) {
    const std::uint64_t sequence = 1 + random.Number() / 2;
    builder.AddCommand({static_cast<ClientId>(random.Next()), sequence},
                       sequence - 1 - random.Number() % sequence);
    const std::uint64_t operations =
        one_operation_each ? 1 : 1 + random.Below(5);
    for (std::uint64_t j = 0; j < operations; ++j) {
      AddOperation(random, builder);
    }
  }
  return builder.Finish();
}

DependencySet RandomDeps(Random& random, int columns) {
  DependencySet deps(columns);
  if (random.Below(4) == 0) return deps;
  for (int i = 0; i < columns; ++i) {
    deps.Set(ReplicaAt(i), random.Number() % (kMaxSlot + 1));
  }
  return deps;
}

Value RandomValue(Random& random) {
  switch (random.Below(4)) {
    case 0: return {};
    case 1: return Value::Noop();
    case 2: return Value::Commands(RandomBatch(random)).WithoutPayload();
    default: return Value::Commands(RandomBatch(random));
  }
}

Message RandomMessage(Random& random, std::size_t alternative, int columns) {
  const InstanceId instance = RandomInstance(random, columns);
  const Ballot ballot = RandomBallot(random, columns);
  const auto deps = [&] { return RandomDeps(random, columns); };
  switch (alternative) {
    case 0:
      return PreAccept{instance, RandomBatch(random), deps(),
                       RandomReplicas(random, columns)};
    case 1: return PreAcceptReply{instance, deps()};
    case 2:
      return Accept{instance, ballot, RandomValue(random), deps(),
                    random.Next()};
    case 3: return AcceptReply{instance, ballot};
    case 4: return Nack{instance, ballot};
    case 5: return Commit{instance, RandomValue(random), deps()};
    case 6:
      return Recover{instance, ballot,
                     random.Coin() ? RandomBatch(random) : nullptr};
    case 7:
      return RecoverReply{instance,
                          ballot,
                          RandomStatus(random),
                          RandomBallot(random, columns),
                          RandomValue(random),
                          deps(),
                          random.Coin(),
                          random.Coin(),
                          RandomReplicas(random, columns)};
    case 8: return Validate{instance, ballot, RandomBatch(random), deps()};
    case 9: {
      ValidateReply reply{instance, ballot, {}};
      for (std::uint64_t i = random.Below(6); i > 0; --i) {
        reply.conflicts.push_back(
            {RandomInstance(random, columns), random.Coin()});
      }
      return reply;
    }
    case 10:
      return Waiting{instance, static_cast<std::uint8_t>(random.Below(
                                   static_cast<std::uint64_t>(columns) + 1))};
    case 11: return Inquire{instance};
    case 12:
      return InquireReply{instance, RandomStatus(random), ballot,
                          random.Coin()};
    case 13:
      return Frontier{deps(), deps(), deps(), random.Next(), random.Next()};
    case 14: return Truncated{instance, deps()};
    case 15: return SnapshotRequest{random.Next(), random.Next(), deps()};
    case 16:
      return SnapshotChunk{random.Next(), random.Next(), random.Next(),
                           random.Bytes(5000)};
    case 17: return DependencyRequest{instance, RandomBatch(random)};
    case 18: return DependencyReply{instance, deps()};
    case 19: return InstanceReplies{instance, RandomReplies(random).replies};
    case 20: return Prepare{ballot, instance.slot};
    case 21: {
      Promise promise{ballot, instance.slot, random.Next(), {}};
      for (std::uint64_t i = random.Below(4); i > 0; --i) {
        promise.votes.push_back({RandomInstance(random, columns).slot,
                                 RandomBallot(random, columns),
                                 RandomValue(random), random.Coin()});
      }
      return promise;
    }
    case 22: return Lead{ballot, random.Next(), random.Next()};
    default: return LeadReply{ballot, random.Next()};
  }
}

NodeLife RandomLife(Random& random) {
  return {.incarnation = random.Next(),
          .life = random.Next(),
          .process = random.Next(),
          .record = random.Next()};
}

ClientMessage RandomClientMessage(Random& random, std::size_t alternative) {
  switch (alternative) {
    case 0: {
      AgreedSettings settings;
      for (auto i = random.Below(5); i > 0; --i) {
        settings.push_back({random.Bytes(20), random.Bytes(100)});
      }
      return Hello{.minor = static_cast<std::uint16_t>(random.Next()),
                   .role = static_cast<PeerRole>(random.Below(3)),
                   .cluster_id = random.Bytes(40),
                   .name = random.Bytes(20),
                   .settings = std::move(settings),
                   .settings_digest = random.Next(),
                   .node = ReplicaAt(static_cast<int>(random.Below(kMaxNodes))),
                   .life = RandomLife(random),
                   .met = random.Coin() ? RandomLife(random) : NodeLife{},
                   .era = random.Next()};
    }
    case 1:
      return Reject{.reason = random.Bytes(300),
                    .taken = random.Coin(),
                    .code = random.Bytes(20)};
    case 2: return ClientRequest{RandomBatch(random)};
    case 3: return RandomReplies(random);
    case 4: return StatusRequest{};
    case 5: return StatusReply{random.Bytes(3000)};
    default:
      return Progress{.record = random.Next(),
                      .sent_us = random.Next(),
                      .heard_us = random.Next(),
                      .held_us = random.Next()};
  }
}

namespace {

InstanceRecord RandomInstanceRecord(Random& random, int columns) {
  return {.instance = RandomInstance(random, columns),
          .status = RandomStatus(random),
          .promised_ballot = RandomBallot(random, columns),
          .accepted_ballot = RandomBallot(random, columns),
          .value = RandomValue(random).WithoutPayload(),
          .deps = RandomDeps(random, columns),
          .initial_batch = random.Coin() ? RandomBatch(random) : nullptr,
          .initial_known = random.Coin(),
          .collected = random.Coin(),
          .fast_quorum = RandomReplicas(random, columns),
          .initial_deps = RandomDeps(random, columns)};
}

EntriesRecord RandomEntries(Random& random) {
  EntriesRecord record;
  for (std::uint64_t n = random.Below(30); n > 0; --n) {
    const std::string key = random.Bytes(40);
    const std::string value = random.Bytes(200);
    record.key_sizes.push_back(static_cast<std::uint32_t>(key.size()));
    record.value_sizes.push_back(static_cast<std::uint32_t>(value.size()));
    record.bytes += key + value;
  }
  return record;
}

SessionsRecord RandomSessions(Random& random) {
  SessionsRecord record;
  for (std::uint64_t n = random.Below(10); n > 0; --n) {
    SessionsRecord::Session& session = record.sessions.emplace_back();
    session.client = static_cast<ClientId>(random.Next());
    session.acknowledged = random.Next();
    session.last_era = random.Next();
    session.requests_hash = random.Next();
    session.results_cut = random.Coin() ? random.Next() : 0;
    std::uint64_t at = 0;
    for (std::uint64_t m = random.Below(5); m > 0; --m) {
      const std::uint64_t first = at + 2 + random.Below(100);
      at = first + random.Below(100);
      session.executed.push_back({.first = first, .last = at});
    }
  }
  if (random.Coin()) record.results = RandomReplies(random).replies;
  return record;
}

}  // namespace

Record RandomRecord(Random& random, std::size_t alternative, int columns) {
  const InstanceId instance = RandomInstance(random, columns);
  const auto deps = [&] { return RandomDeps(random, columns); };
  switch (alternative) {
    case 0:
      return PreAcceptedRecord{instance, RandomBatch(random), deps(), deps(),
                               RandomReplicas(random, columns)};
    case 1:
      return AcceptedRecord{instance, RandomBallot(random, columns),
                            RandomValue(random), deps()};
    case 2: {
      PromisedRecord record{instance, RandomBallot(random, columns)};
      if (random.Coin()) {
        record.batch = RandomBatch(random);
        record.deps = deps();
      }
      return record;
    }
    case 3: return ValidatedRecord{instance, RandomBatch(random), deps()};
    case 4: return CommittedRecord{instance, RandomValue(random), deps()};
    case 5: return FloorRecord{deps(), deps()};
    case 6: return ReservedRecord{random.Next(), random.Coin()};
    case 7: return CheckpointBegunRecord{random.Next()};
    case 8: {
      ExecutedRecord record{.executed = deps(), .era = random.Next()};
      for (std::uint64_t n = random.Below(20); n > 0; --n) {
        record.above.push_back(RandomInstance(random, columns));
      }
      return record;
    }
    case 9: return RandomInstanceRecord(random, columns);
    case 10: return RandomEntries(random);
    case 11: return RandomSessions(random);
    case 12: return CheckpointEndedRecord{random.Next(), random.Next()};
    case 13: return DependencyRecord{instance, RandomBatch(random), deps()};
    default: return DecidedRecord{random.Next()};
  }
}

bool Same(const Message& a, const Message& b) {
  return SameAlternative(
      a, b,
      Overloaded{
          [](const PreAccept& x, const PreAccept& y) {
            return x.instance == y.instance && Same(x.batch, y.batch) &&
                   x.initial_deps == y.initial_deps &&
                   x.fast_quorum == y.fast_quorum;
          },
          [](const PreAcceptReply& x, const PreAcceptReply& y) {
            return x.instance == y.instance && x.deps == y.deps;
          },
          [](const Accept& x, const Accept& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   Same(x.value, y.value) && x.deps == y.deps &&
                   x.committed == y.committed;
          },
          [](const AcceptReply& x, const AcceptReply& y) {
            return x.instance == y.instance && x.ballot == y.ballot;
          },
          [](const Nack& x, const Nack& y) {
            return x.instance == y.instance &&
                   x.promised_ballot == y.promised_ballot;
          },
          [](const Commit& x, const Commit& y) {
            return x.instance == y.instance && Same(x.value, y.value) &&
                   x.deps == y.deps;
          },
          [](const Recover& x, const Recover& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   Same(x.batch, y.batch);
          },
          [](const RecoverReply& x, const RecoverReply& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   x.status == y.status &&
                   x.accepted_ballot == y.accepted_ballot &&
                   Same(x.value, y.value) && x.deps == y.deps &&
                   x.matches_initial == y.matches_initial &&
                   x.recused == y.recused && x.fast_quorum == y.fast_quorum;
          },
          [](const Validate& x, const Validate& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   Same(x.batch, y.batch) && x.initial_deps == y.initial_deps;
          },
          [](const ValidateReply& x, const ValidateReply& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   x.conflicts == y.conflicts;
          },
          [](const Waiting& x, const Waiting& y) {
            return x.instance == y.instance &&
                   x.matching_votes == y.matching_votes;
          },
          [](const Inquire& x, const Inquire& y) {
            return x.instance == y.instance;
          },
          [](const InquireReply& x, const InquireReply& y) {
            return x.instance == y.instance && x.status == y.status &&
                   x.promised_ballot == y.promised_ballot &&
                   x.working_on_it == y.working_on_it;
          },
          [](const Frontier& x, const Frontier& y) {
            return x.committed == y.committed && x.executed == y.executed &&
                   x.base_floor == y.base_floor &&
                   x.forgotten_through == y.forgotten_through && x.era == y.era;
          },
          [](const Truncated& x, const Truncated& y) {
            return x.instance == y.instance && x.drop_floor == y.drop_floor;
          },
          [](const SnapshotRequest& x, const SnapshotRequest& y) {
            return x.through == y.through && x.first == y.first &&
                   x.forgotten == y.forgotten;
          },
          [](const SnapshotChunk& x, const SnapshotChunk& y) {
            return std::tie(x.through, x.index, x.chunks, x.entries) ==
                   std::tie(y.through, y.index, y.chunks, y.entries);
          },
          [](const DependencyRequest& x, const DependencyRequest& y) {
            return x.instance == y.instance && Same(x.batch, y.batch);
          },
          [](const DependencyReply& x, const DependencyReply& y) {
            return x.instance == y.instance && x.deps == y.deps;
          },
          [](const InstanceReplies& x, const InstanceReplies& y) {
            return x.instance == y.instance &&
                   std::ranges::equal(
                       x.replies, y.replies,
                       [](const ClientReply& p, const ClientReply& q) {
                         return Same(p, q);
                       });
          },
          [](const Prepare& x, const Prepare& y) {
            return x.ballot == y.ballot && x.first == y.first;
          },
          [](const Promise& x, const Promise& y) {
            return std::tie(x.ballot, x.first, x.through) ==
                       std::tie(y.ballot, y.first, y.through) &&
                   std::ranges::equal(
                       x.votes, y.votes,
                       [](const Promise::Vote& p, const Promise::Vote& q) {
                         return std::tie(p.slot, p.ballot, p.decided) ==
                                    std::tie(q.slot, q.ballot, q.decided) &&
                                Same(p.value, q.value);
                       });
          },
          [](const Lead& x, const Lead& y) {
            return std::tie(x.ballot, x.committed, x.round) ==
                   std::tie(y.ballot, y.committed, y.round);
          },
          [](const LeadReply& x, const LeadReply& y) {
            return x.ballot == y.ballot && x.round == y.round;
          }});
}

bool Same(const ClientMessage& a, const ClientMessage& b) {
  return SameAlternative(
      a, b,
      Overloaded{
          [](const Hello& x, const Hello& y) {
            return std::tie(x.major, x.minor, x.role, x.cluster_id, x.name,
                            x.settings, x.settings_digest, x.node, x.life,
                            x.met, x.era) ==
                   std::tie(y.major, y.minor, y.role, y.cluster_id, y.name,
                            y.settings, y.settings_digest, y.node, y.life,
                            y.met, y.era);
          },
          [](const Reject& x, const Reject& y) {
            return std::tie(x.reason, x.taken, x.code) ==
                   std::tie(y.reason, y.taken, y.code);
          },
          [](const ClientRequest& x, const ClientRequest& y) {
            return Same(x.batch, y.batch);
          },
          [](const ClientReplies& x, const ClientReplies& y) {
            return x.era == y.era &&
                   std::ranges::equal(
                       x.replies, y.replies,
                       [](const ClientReply& p, const ClientReply& q) {
                         return Same(p, q);
                       });
          },
          [](const StatusRequest&, const StatusRequest&) { return true; },
          [](const StatusReply& x, const StatusReply& y) {
            return x.json == y.json;
          },
          [](const Progress& x, const Progress& y) {
            return x.record == y.record && x.sent_us == y.sent_us &&
                   x.heard_us == y.heard_us && x.held_us == y.held_us;
          }});
}

bool Same(const Record& a, const Record& b) {
  return SameAlternative(
      a, b,
      Overloaded{
          [](const PreAcceptedRecord& x, const PreAcceptedRecord& y) {
            return x.instance == y.instance && Same(x.batch, y.batch) &&
                   x.initial_deps == y.initial_deps && x.deps == y.deps &&
                   x.fast_quorum == y.fast_quorum;
          },
          [](const AcceptedRecord& x, const AcceptedRecord& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   Same(x.value, y.value) && x.deps == y.deps;
          },
          [](const PromisedRecord& x, const PromisedRecord& y) {
            return x.instance == y.instance && x.ballot == y.ballot &&
                   Same(x.batch, y.batch) && x.deps == y.deps;
          },
          [](const ValidatedRecord& x, const ValidatedRecord& y) {
            return x.instance == y.instance && Same(x.batch, y.batch) &&
                   x.initial_deps == y.initial_deps;
          },
          [](const CommittedRecord& x, const CommittedRecord& y) {
            return x.instance == y.instance && Same(x.value, y.value) &&
                   x.deps == y.deps;
          },
          [](const FloorRecord& x, const FloorRecord& y) {
            return x.base_floor == y.base_floor && x.drop_floor == y.drop_floor;
          },
          [](const ReservedRecord& x, const ReservedRecord& y) {
            return x.through == y.through &&
                   x.lazy_fast_commit == y.lazy_fast_commit;
          },
          [](const CheckpointBegunRecord& x, const CheckpointBegunRecord& y) {
            return x.through == y.through;
          },
          [](const ExecutedRecord& x, const ExecutedRecord& y) {
            return std::tie(x.executed, x.above, x.era) ==
                   std::tie(y.executed, y.above, y.era);
          },
          [](const InstanceRecord& x, const InstanceRecord& y) {
            return std::tie(x.instance, x.status, x.promised_ballot,
                            x.accepted_ballot, x.deps, x.initial_known,
                            x.initial_deps, x.fast_quorum, x.collected) ==
                       std::tie(y.instance, y.status, y.promised_ballot,
                                y.accepted_ballot, y.deps, y.initial_known,
                                y.initial_deps, y.fast_quorum, y.collected) &&
                   Same(x.value, y.value) &&
                   Same(x.initial_batch, y.initial_batch);
          },
          [](const EntriesRecord& x, const EntriesRecord& y) {
            return std::tie(x.key_sizes, x.value_sizes, x.bytes) ==
                   std::tie(y.key_sizes, y.value_sizes, y.bytes);
          },
          [](const SessionsRecord& x, const SessionsRecord& y) {
            return x.sessions == y.sessions &&
                   std::ranges::equal(
                       x.results, y.results,
                       [](const ClientReply& p, const ClientReply& q) {
                         return Same(p, q);
                       });
          },
          [](const CheckpointEndedRecord& x, const CheckpointEndedRecord& y) {
            return x.through == y.through && x.state_hash == y.state_hash;
          },
          [](const DependencyRecord& x, const DependencyRecord& y) {
            return x.instance == y.instance && Same(x.batch, y.batch) &&
                   x.deps == y.deps;
          },
          [](const DecidedRecord& x, const DecidedRecord& y) {
            return x.through == y.through;
          }});
}

}  // namespace quorate
