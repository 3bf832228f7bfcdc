// What a restarted node finds, and what checkers say about it.
#include <algorithm>
#include <utility>

#include "tests/sim/codec_check.h"
#include "tests/sim/message_copy.h"
#include "tests/sim/simulation.h"
#include "wire/overloaded.h"

namespace quorate::sim {
namespace {

// Lives of a node between two whose records all go through the codec: it is
// the dearest part of a restart, and mostly sees what it has seen before.
constexpr std::uint64_t kCodecLives = 4;

// The picture of a machine: a whole checkpoint of it. The machine itself
// believes that one was written.
std::vector<Record> TakePicture(Replica& machine) {
  std::vector<Record> records;
  if (!machine.BeginCheckpoint().has_value()) return records;
  while (machine.NextCheckpointRecords(std::size_t{1} << 30, records)) {
  }
  return records;
}

}  // namespace

void Simulation::Restore(int index) {
  ++statistics_.restarts;
  Node& at = node(index);
  std::vector<Record> records;
  for (const auto part : {at.disk.checkpoint(), at.disk.tail()}) {
    for (const Record& record : part) {
      records.push_back(stripper_.Strip(record));
    }
  }
  if (!at.disk.checkpoint().empty()) {
    ++statistics_.checkpoint_restarts;
    statistics_.marks.Note(Mark::kRestartFromCheckpoint);
  }
  if (at.disk.found() != nullptr) {
    CompareFound(index, records);
  } else if (at.life % kCodecLives == 2) {
    RecordsThroughCodec(ColumnsOf(plan_.settings), records, verdict_);
  }
  std::span<const Record> rest = records;
  while (!rest.empty()) {
    const std::size_t count = 1 + node_random_.Below(rest.size());
    at.replica->Restore(rest.first(count));
    rest = rest.subspan(count);
  }
  if (at.replica->last_record() != at.disk.last()) {
    verdict_.Fail("a restored machine numbers its records on",
                  "r" + std::to_string(index + 1));
  }
  CheckRestored(index);
  if (!at.disk.checkpoint().empty()) CheckAgainstFullReplay(index);
}

// What the real store replayed is what the books say, and the node goes on with
// it.
void Simulation::CompareFound(int index, std::vector<Record>& records) {
  const SimulatedDisk& disk = node(index).disk;
  const std::vector<Record>& found = *disk.found();
  std::string difference;
  if (!disk.found_is_possible()) difference = "records that cannot be there";
  if (found.size() != records.size()) {
    difference = std::to_string(found.size()) + " records, not " +
                 std::to_string(records.size());
  }
  for (std::size_t i = 0; difference.empty() && i < found.size(); ++i) {
    if (!SameContents(records[i], found[i])) {
      difference = std::string(Name(records[i])) + " records differ";
    }
  }
  if (!difference.empty()) {
    verdict_.Fail("PW1: the store gives back what it acknowledged",
                  "r" + std::to_string(index + 1) + ": " + difference);
    return;
  }
  records = found;
}

// A checkpoint and the records after it give the machine that all records give.
void Simulation::CheckAgainstFullReplay(int index) {
  Node& at = node(index);
  Settings settings = plan_.settings;
  settings.self = ReplicaAt(index);
  const std::unique_ptr<Replica> shadow = factory_(settings);
  std::vector<Record> records;
  for (const auto part : {at.disk.snapshot(), at.disk.after_snapshot()}) {
    for (const Record& record : part) {
      records.push_back(stripper_.Strip(record));
    }
  }
  shadow->Restore(records);
  std::string difference;
  if (shadow->Fingerprint() != at.replica->Fingerprint()) {
    difference = "the fingerprints differ";
  }
  const std::vector<Record> expected = TakePicture(*shadow);
  const std::unique_ptr<Machine> copy = at.replica->Clone();
  const std::vector<Record> found = TakePicture(static_cast<Replica&>(*copy));
  if (expected.size() != found.size()) difference = "not as many records";
  for (std::size_t i = 0; difference.empty() && i < expected.size(); ++i) {
    // Keys and sessions lie in any order; the fingerprint has them.
    if (!std::holds_alternative<EntriesRecord>(expected[i]) &&
        !std::holds_alternative<SessionsRecord>(expected[i]) &&
        !SameContents(stripper_.Strip(expected[i]), found[i])) {
      difference = std::string(Name(expected[i])) + " records differ";
    }
  }
  if (difference.empty()) return;
  verdict_.Fail(
      "BM15: a checkpoint and its tail give what the whole journal gives",
      "r" + std::to_string(index + 1) + ": " + difference);
}

void Simulation::RestoreOrderFromSnapshot(int index) {
  for (const Record& record : node(index).disk.snapshot()) {
    const auto* executed = std::get_if<ExecutedRecord>(&record);
    if (executed == nullptr) continue;
    const auto restored = [&](InstanceId id) {
      if (ghost_.FindDecided(id) == nullptr) return;  // A noop.
      order_.Restored(ReplicaAt(index), id, *ghost_.FindPayload(id));
    };
    for (int i = 0; i < ColumnsOf(plan_.settings); ++i) {
      const std::uint64_t frontier = executed->executed[ReplicaAt(i)];
      for (std::uint64_t slot = 1; slot <= frontier; ++slot) {
        restored({ReplicaAt(i), slot});
      }
    }
    for (const InstanceId id : executed->above) restored(id);
  }
}

// A restart rebuilds the state that the journal's decisions give, whatever
// the order in which they are taken (reliability.md BM15).
void Simulation::CheckRestored(int index) {
  Executor shadow(ColumnsOf(plan_.settings), plan_.settings.conflicts,
                  plan_.settings.results);
  Executed executed;
  const auto commit = [&](InstanceId id, const Value& value,
                          DependencySet deps) {
    const bool noop = value.kind == ValueKind::kNoop;
    // In a log everything depends on all before it; records leave that out.
    if (plan_.settings.protocol == Protocol::kMultipaxos) {
      deps.Set(kLogColumn, id.slot - 1);
    }
    shadow.Commit(id, noop ? nullptr : stripper_.Strip(ghost_.FindPayload(id)),
                  deps, executed);
  };
  const SimulatedDisk& disk = node(index).disk;
  for (const Record& record : disk.snapshot()) {
    std::visit(Overloaded{[&](const ExecutedRecord& r) { shadow.Restore(r); },
                          [&](const EntriesRecord& r) { shadow.Restore(r); },
                          [&](const SessionsRecord& r) { shadow.Restore(r); },
                          [](const auto&) {}},
               record);
  }
  RestoreOrderFromSnapshot(index);
  for (const Record& record : disk.snapshot()) {
    const auto* decision = std::get_if<InstanceRecord>(&record);
    if (decision != nullptr && decision->status == InstanceStatus::kCommitted) {
      commit(decision->instance, decision->value, decision->deps);
    }
  }
  const std::span<const Record> journal = disk.after_snapshot();
  for (std::size_t i = journal.size(); i > 0; --i) {
    const auto* decision = std::get_if<CommittedRecord>(&journal[i - 1]);
    if (decision == nullptr) continue;
    commit(decision->instance, decision->value, decision->deps);
  }
  std::uint64_t log_decided = 0;
  for (const Record& record : journal) {
    const auto* decided = std::get_if<DecidedRecord>(&record);
    if (decided != nullptr) log_decided = decided->through;
  }
  for (std::uint64_t slot = 1; slot <= log_decided; ++slot) {
    // Noop or not, as the payload says.
    commit({kLogColumn, slot}, Value{}, DependencySet(plan_.settings.replicas));
  }
  for (const InstanceId id : executed.instances) {
    order_.Restored(ReplicaAt(index), id, *ghost_.FindPayload(id));
  }
  if (shadow.state_hash() != node(index).replica->executor().state_hash()) {
    verdict_.Fail("BM15: a restart rebuilds the state from its records",
                  "r" + std::to_string(index + 1) + ", life " +
                      std::to_string(node(index).life));
  }
}

}  // namespace quorate::sim
