#include "tests/sim/message_copy.h"

#include <algorithm>
#include <tuple>

#include "wire/payloads.h"

namespace quorate::sim {
namespace {

bool Same(const CommandBatchPtr& a, const CommandBatchPtr& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return SameContents(*a, *b);
}

bool Same(const Value& a, const Value& b) {
  return a == b && Same(a.batch, b.batch);
}

bool SameReplies(const std::vector<ClientReply>& a,
                 const std::vector<ClientReply>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ClientReply& p, const ClientReply& q) {
                      return p.id == q.id && p.status == q.status &&
                             p.reason == q.reason && p.results == q.results;
                    });
}

struct CompareMessages {
  const Message& other;

  template <typename M>
  bool operator()(const M& a) const {
    const M* b = std::get_if<M>(&other);
    return b != nullptr && Equal(a, *b);
  }

  static bool Equal(const PreAccept& a, const PreAccept& b) {
    return a.instance == b.instance && Same(a.batch, b.batch) &&
           a.initial_deps == b.initial_deps && a.fast_quorum == b.fast_quorum;
  }
  static bool Equal(const PreAcceptReply& a, const PreAcceptReply& b) {
    return a.instance == b.instance && a.deps == b.deps;
  }
  static bool Equal(const Accept& a, const Accept& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           Same(a.value, b.value) && a.deps == b.deps &&
           a.committed == b.committed;
  }
  static bool Equal(const AcceptReply& a, const AcceptReply& b) {
    return a.instance == b.instance && a.ballot == b.ballot;
  }
  static bool Equal(const Nack& a, const Nack& b) {
    return a.instance == b.instance && a.promised_ballot == b.promised_ballot;
  }
  static bool Equal(const Commit& a, const Commit& b) {
    return a.instance == b.instance && Same(a.value, b.value) &&
           a.deps == b.deps;
  }
  static bool Equal(const Recover& a, const Recover& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           Same(a.batch, b.batch);
  }
  static bool Equal(const RecoverReply& a, const RecoverReply& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           a.status == b.status && a.accepted_ballot == b.accepted_ballot &&
           Same(a.value, b.value) && a.deps == b.deps &&
           a.matches_initial == b.matches_initial && a.recused == b.recused &&
           a.fast_quorum == b.fast_quorum;
  }
  static bool Equal(const Validate& a, const Validate& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           Same(a.batch, b.batch) && a.initial_deps == b.initial_deps;
  }
  static bool Equal(const ValidateReply& a, const ValidateReply& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           a.conflicts == b.conflicts;
  }
  static bool Equal(const Waiting& a, const Waiting& b) {
    return a.instance == b.instance && a.matching_votes == b.matching_votes;
  }
  static bool Equal(const Inquire& a, const Inquire& b) {
    return a.instance == b.instance;
  }
  static bool Equal(const InquireReply& a, const InquireReply& b) {
    return a.instance == b.instance && a.status == b.status &&
           a.promised_ballot == b.promised_ballot &&
           a.working_on_it == b.working_on_it;
  }
  static bool Equal(const Frontier& a, const Frontier& b) {
    return a.committed == b.committed && a.executed == b.executed &&
           a.base_floor == b.base_floor &&
           a.forgotten_through == b.forgotten_through && a.era == b.era;
  }
  static bool Equal(const Truncated& a, const Truncated& b) {
    return a.instance == b.instance && a.drop_floor == b.drop_floor;
  }
  static bool Equal(const SnapshotRequest& a, const SnapshotRequest& b) {
    return a.through == b.through && a.first == b.first &&
           a.forgotten == b.forgotten;
  }
  static bool Equal(const SnapshotChunk& a, const SnapshotChunk& b) {
    return std::tie(a.through, a.index, a.chunks, a.entries) ==
           std::tie(b.through, b.index, b.chunks, b.entries);
  }
  static bool Equal(const DependencyRequest& a, const DependencyRequest& b) {
    return a.instance == b.instance && Same(a.batch, b.batch);
  }
  static bool Equal(const DependencyReply& a, const DependencyReply& b) {
    return a.instance == b.instance && a.deps == b.deps;
  }
  static bool Equal(const InstanceReplies& a, const InstanceReplies& b) {
    return a.instance == b.instance && SameReplies(a.replies, b.replies);
  }
  static bool Equal(const Prepare& a, const Prepare& b) {
    return a.ballot == b.ballot && a.first == b.first;
  }
  static bool Equal(const Promise& a, const Promise& b) {
    return std::tie(a.ballot, a.first, a.through) ==
               std::tie(b.ballot, b.first, b.through) &&
           std::ranges::equal(
               a.votes, b.votes,
               [](const Promise::Vote& p, const Promise::Vote& q) {
                 return std::tie(p.slot, p.ballot, p.decided) ==
                            std::tie(q.slot, q.ballot, q.decided) &&
                        Same(p.value, q.value);
               });
  }
  static bool Equal(const Lead& a, const Lead& b) {
    return std::tie(a.ballot, a.committed, a.round) ==
           std::tie(b.ballot, b.committed, b.round);
  }
  static bool Equal(const LeadReply& a, const LeadReply& b) {
    return a.ballot == b.ballot && a.round == b.round;
  }
};

struct CompareRecords {
  const Record& other;

  template <typename R>
  bool operator()(const R& a) const {
    const R* b = std::get_if<R>(&other);
    return b != nullptr && Equal(a, *b);
  }

  static bool Equal(const PreAcceptedRecord& a, const PreAcceptedRecord& b) {
    return a.instance == b.instance && Same(a.batch, b.batch) &&
           a.initial_deps == b.initial_deps && a.deps == b.deps &&
           a.fast_quorum == b.fast_quorum;
  }
  static bool Equal(const AcceptedRecord& a, const AcceptedRecord& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           Same(a.value, b.value) && a.deps == b.deps;
  }
  static bool Equal(const PromisedRecord& a, const PromisedRecord& b) {
    return a.instance == b.instance && a.ballot == b.ballot &&
           Same(a.batch, b.batch) && a.deps == b.deps;
  }
  static bool Equal(const ValidatedRecord& a, const ValidatedRecord& b) {
    return a.instance == b.instance && Same(a.batch, b.batch) &&
           a.initial_deps == b.initial_deps;
  }
  static bool Equal(const CommittedRecord& a, const CommittedRecord& b) {
    return a.instance == b.instance && Same(a.value, b.value) &&
           a.deps == b.deps;
  }
  static bool Equal(const FloorRecord& a, const FloorRecord& b) {
    return a.base_floor == b.base_floor && a.drop_floor == b.drop_floor;
  }
  static bool Equal(const ReservedRecord& a, const ReservedRecord& b) {
    return a.through == b.through && a.lazy_fast_commit == b.lazy_fast_commit;
  }
  static bool Equal(const CheckpointBegunRecord& a,
                    const CheckpointBegunRecord& b) {
    return a.through == b.through;
  }
  static bool Equal(const ExecutedRecord& a, const ExecutedRecord& b) {
    return a.executed == b.executed && a.above == b.above && a.era == b.era;
  }
  // What is not known has no dependencies, of however many columns.
  static bool Equal(const InstanceRecord& a, const InstanceRecord& b) {
    const bool same_deps =
        (a.status == InstanceStatus::kUnknown && !a.collected) ||
        a.deps == b.deps;
    const bool same_initial =
        !a.initial_known || a.initial_deps == b.initial_deps;
    return std::tie(a.instance, a.status, a.promised_ballot, a.accepted_ballot,
                    a.initial_known, a.fast_quorum, a.collected) ==
               std::tie(b.instance, b.status, b.promised_ballot,
                        b.accepted_ballot, b.initial_known, b.fast_quorum,
                        b.collected) &&
           Same(a.value, b.value) && Same(a.initial_batch, b.initial_batch) &&
           same_deps && same_initial;
  }
  static bool Equal(const EntriesRecord& a, const EntriesRecord& b) {
    return a.key_sizes == b.key_sizes && a.value_sizes == b.value_sizes &&
           a.bytes == b.bytes;
  }
  static bool Equal(const SessionsRecord& a, const SessionsRecord& b) {
    return a.sessions == b.sessions && SameReplies(a.results, b.results);
  }
  static bool Equal(const CheckpointEndedRecord& a,
                    const CheckpointEndedRecord& b) {
    return a.through == b.through && a.state_hash == b.state_hash;
  }
  static bool Equal(const DependencyRecord& a, const DependencyRecord& b) {
    return a.instance == b.instance && Same(a.batch, b.batch) &&
           a.deps == b.deps;
  }
  static bool Equal(const DecidedRecord& a, const DecidedRecord& b) {
    return a.through == b.through;
  }
};

}  // namespace

CommandBatchPtr OriginStripper::Strip(const CommandBatchPtr& batch) {
  if (batch == nullptr) return nullptr;
  const auto found = known_.find(batch.get());
  if (found != known_.end()) return found->second.stripped;
  CommandBatchBuilder builder;
  for (const Command& command : batch->commands()) {
    builder.AddCommand(command.id, command.acknowledged);
    for (const Operation& operation : batch->operations(command)) {
      builder.AddOperation(operation);
    }
  }
  CommandBatchPtr stripped = builder.Finish();
  known_[batch.get()] = {batch, stripped};
  known_[stripped.get()] = {stripped, stripped};
  return stripped;
}

Message OriginStripper::Strip(const Message& message) {
  Message copy = message;
  VisitPayloads(copy, [this](CommandBatchPtr& batch) { batch = Strip(batch); });
  return copy;
}

Record OriginStripper::Strip(const Record& record) {
  Record copy = record;
  VisitPayloads(copy, [this](CommandBatchPtr& batch) { batch = Strip(batch); });
  return copy;
}

bool SameContents(const Message& a, const Message& b) {
  return std::visit(CompareMessages{b}, a);
}

bool SameContents(const Record& a, const Record& b) {
  return std::visit(CompareRecords{b}, a);
}

}  // namespace quorate::sim
