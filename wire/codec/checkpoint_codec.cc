#include "wire/codec/checkpoint_codec.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "wire/client_message.h"
#include "wire/codec/replies_codec.h"

namespace quorate::codec {
namespace {

// The sequences of one session ascend with gaps in between, from 1 on.
bool IntervalsAscend(std::span<const SessionsRecord::Interval> intervals) {
  std::uint64_t end = 0;
  for (const SessionsRecord::Interval& each : intervals) {
    const bool apart = each.first > 0 && (end == 0 || each.first - 1 > end);
    if (!apart || each.last < each.first) return false;
    end = each.last;
  }
  return true;
}

struct SessionColumns {
  std::span<const std::uint64_t> clients, acknowledged, firsts, lasts;
  std::span<const std::uint64_t> last_eras, requests_hashes, results_cuts;
  std::span<const std::uint32_t> interval_counts;

  bool SizesAgree() const {
    return acknowledged.size() == clients.size() &&
           interval_counts.size() == clients.size() &&
           last_eras.size() == clients.size() &&
           requests_hashes.size() == clients.size() &&
           (results_cuts.empty() || results_cuts.size() == clients.size()) &&
           lasts.size() == firsts.size() &&
           Sum(interval_counts) == firsts.size();
  }
};

void ReadSessions(const SessionColumns& columns, SessionsRecord& record,
                  FieldReader& fields) {
  std::size_t interval = 0;
  for (std::size_t i = 0; i < columns.clients.size(); ++i) {
    SessionsRecord::Session& session = record.sessions.emplace_back();
    session.client = static_cast<ClientId>(columns.clients[i]);
    session.acknowledged = columns.acknowledged[i];
    session.last_era = columns.last_eras[i];
    session.requests_hash = columns.requests_hashes[i];
    if (!columns.results_cuts.empty()) {
      session.results_cut = columns.results_cuts[i];
    }
    for (std::uint32_t n = columns.interval_counts[i]; n > 0; --n) {
      session.executed.push_back(
          {.first = columns.firsts[interval], .last = columns.lasts[interval]});
      ++interval;
    }
    if (!IntervalsAscend(session.executed)) {
      fields.Fail("the executed sequences of a session do not ascend");
      return;
    }
  }
}

}  // namespace

// ---- encoding -------------------------------------------------------------

void SetCheckpoint(const CheckpointBegunRecord& record,
                   schema::Record::Builder root) {
  root.initCheckpointBegun().setThrough(record.through);
}

void SetCheckpoint(const ExecutedRecord& record, schema::Record::Builder root) {
  auto to = root.initExecuted();
  SetDeps(record.executed, [&](unsigned n) { return to.initExecuted(n); });
  to.setEra(record.era);
  if (record.above.empty()) return;
  const auto count = static_cast<unsigned>(record.above.size());
  FillColumn(to.initAboveSlots(count),
             [&](unsigned i) { return record.above[i].slot; });
  FillColumn(to.initAboveReplicas(count), [&](unsigned i) {
    return static_cast<std::uint8_t>(record.above[i].replica);
  });
}

void SetCheckpoint(const InstanceRecord& record, schema::Record::Builder root) {
  auto to = root.initInstance();
  SetInstance(record.instance, to);
  to.setStatus(static_cast<schema::InstanceStatus>(record.status));
  to.setPromisedBallot(record.promised_ballot.number());
  to.setAcceptedBallot(record.accepted_ballot.number());
  SetValue(record.value, to.initValue());
  SetDeps(record.deps, [&](unsigned n) { return to.initDeps(n); });
  if (record.initial_batch != nullptr) {
    SetBatch(record.initial_batch, to.initInitialBatch());
  }
  to.setInitialKnown(record.initial_known);
  SetDeps(record.initial_deps,
          [&](unsigned n) { return to.initInitialDeps(n); });
  to.setFastQuorum(record.fast_quorum.bits());
  to.setCollected(record.collected);
}

void SetCheckpoint(const EntriesRecord& record, schema::Record::Builder root) {
  auto to = root.initEntries();
  const auto count = static_cast<unsigned>(record.key_sizes.size());
  FillColumn(to.initKeySizes(count),
             [&](unsigned i) { return record.key_sizes[i]; });
  FillColumn(to.initValueSizes(count),
             [&](unsigned i) { return record.value_sizes[i]; });
  auto bytes = to.initBytes(static_cast<unsigned>(record.bytes.size()));
  if (record.bytes.empty()) return;
  std::memcpy(bytes.begin(), record.bytes.data(), record.bytes.size());
}

void SetCheckpoint(const SessionsRecord& record, schema::Record::Builder root) {
  auto to = root.initSessions();
  const auto& sessions = record.sessions;
  const auto count = static_cast<unsigned>(sessions.size());
  FillColumn(to.initClients(count), [&](unsigned i) {
    return static_cast<std::uint64_t>(sessions[i].client);
  });
  FillColumn(to.initAcknowledged(count),
             [&](unsigned i) { return sessions[i].acknowledged; });
  FillColumn(to.initLastEras(count),
             [&](unsigned i) { return sessions[i].last_era; });
  FillColumn(to.initRequestsHashes(count),
             [&](unsigned i) { return sessions[i].requests_hash; });
  if (std::ranges::any_of(sessions, [](const auto& session) {
        return session.results_cut != 0;
      })) {
    FillColumn(to.initResultsCuts(count),
               [&](unsigned i) { return sessions[i].results_cut; });
  }
  unsigned intervals = 0;
  FillColumn(to.initIntervalCounts(count), [&](unsigned i) {
    const auto own = static_cast<std::uint32_t>(sessions[i].executed.size());
    intervals += own;
    return own;
  });
  auto firsts = to.initFirsts(intervals);
  auto lasts = to.initLasts(intervals);
  unsigned at = 0;
  for (const SessionsRecord::Session& session : sessions) {
    for (const SessionsRecord::Interval& interval : session.executed) {
      firsts.set(at, interval.first);
      lasts.set(at++, interval.last);
    }
  }
  if (record.results.empty()) return;
  SetReplies(record.results, to.initResults());
}

void SetCheckpoint(const CheckpointEndedRecord& record,
                   schema::Record::Builder root) {
  auto to = root.initCheckpointEnded();
  to.setThrough(record.through);
  to.setStateHash(record.state_hash);
}

std::size_t ExtraWords(const ExecutedRecord& record) {
  return record.above.size() * 9 / sizeof(capnp::word) + 2;
}

std::size_t ExtraWords(const EntriesRecord& record) {
  return (record.key_sizes.size() * 8 + record.bytes.size()) /
             sizeof(capnp::word) +
         4;
}

std::size_t ExtraWords(const SessionsRecord& record) {
  std::size_t intervals = 0;
  for (const auto& session : record.sessions) {
    intervals += session.executed.size();
  }
  return record.sessions.size() * 6 + intervals * 2 +
         RepliesWords(record.results);
}

// ---- decoding -------------------------------------------------------------

ExecutedRecord Get(const schema::ExecutedRecord::Reader& from,
                   FieldReader& fields) {
  ExecutedRecord record{.executed = fields.Deps(from.getExecuted()),
                        .era = from.getEra()};
  const auto slots = from.getAboveSlots();
  const auto replicas = from.getAboveReplicas();
  if (slots.size() != replicas.size()) {
    fields.Fail(absl::StrCat(slots.size(), " slots of ", replicas.size(),
                             " replicas were executed"));
    return record;
  }
  for (unsigned i = 0; i < slots.size(); ++i) {
    record.above.push_back(fields.Instance(slots[i], replicas[i]));
  }
  return record;
}

InstanceRecord Get(const schema::InstanceRecord::Reader& from,
                   FieldReader& fields) {
  return {.instance = fields.Instance(from),
          .status = fields.Status(from.getStatus()),
          .promised_ballot = fields.BallotOf(from.getPromisedBallot()),
          .accepted_ballot = fields.BallotOf(from.getAcceptedBallot()),
          .value = fields.ValueOf(from.getValue()),
          .deps = fields.Deps(from.getDeps()),
          .initial_batch = from.hasInitialBatch()
                               ? fields.Batch(from.getInitialBatch())
                               : nullptr,
          .initial_known = from.getInitialKnown(),
          .collected = from.getCollected(),
          .fast_quorum = fields.Replicas(from.getFastQuorum()),
          .initial_deps = fields.Deps(from.getInitialDeps())};
}

EntriesRecord Get(const schema::EntriesRecord::Reader& from,
                  FieldReader& fields) {
  ColumnReader lists;
  const auto keys = lists.Column<std::uint32_t>(from.getKeySizes());
  const auto values = lists.Column<std::uint32_t>(from.getValueSizes());
  const std::string_view bytes = BytesOf(from.getBytes());
  if (!lists.status().ok() || keys.size() != values.size() ||
      Sum(keys) + Sum(values) != bytes.size()) {
    fields.Fail(absl::StrCat("the sizes of ", keys.size(),
                             " entries do not add up to ", bytes.size(),
                             " bytes"));
    return {};
  }
  return {.key_sizes = {keys.begin(), keys.end()},
          .value_sizes = {values.begin(), values.end()},
          .bytes = std::string(bytes)};
}

SessionsRecord Get(const schema::SessionsRecord::Reader& from,
                   FieldReader& fields) {
  ColumnReader lists;
  const SessionColumns columns{
      .clients = lists.Column<std::uint64_t>(from.getClients()),
      .acknowledged = lists.Column<std::uint64_t>(from.getAcknowledged()),
      .firsts = lists.Column<std::uint64_t>(from.getFirsts()),
      .lasts = lists.Column<std::uint64_t>(from.getLasts()),
      .last_eras = lists.Column<std::uint64_t>(from.getLastEras()),
      .requests_hashes = lists.Column<std::uint64_t>(from.getRequestsHashes()),
      .results_cuts = lists.Column<std::uint64_t>(from.getResultsCuts()),
      .interval_counts = lists.Column<std::uint32_t>(from.getIntervalCounts())};
  SessionsRecord record;
  if (!lists.status().ok() || !columns.SizesAgree()) {
    fields.Fail(absl::StrCat("the columns of ", columns.clients.size(),
                             " sessions do not agree in size"));
    return record;
  }
  ReadSessions(columns, record, fields);
  if (!from.hasResults()) return record;
  absl::StatusOr<ClientReplies> replies = ReadReplies(from.getResults());
  if (replies.ok()) {
    record.results = std::move(replies->replies);
  } else {
    fields.Fail(std::string(replies.status().message()));
  }
  return record;
}

}  // namespace quorate::codec
