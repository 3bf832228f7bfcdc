#include "wire/codec/replies_codec.h"

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "wire/codec/batch_codec.h"

namespace quorate::codec {
namespace {

constexpr auto kLastReplyStatus = ReplyStatus::kResultGone;
constexpr auto kLastReason = RefusalReason::kResultTooLarge;
constexpr auto kLastOperationStatus = OperationStatus::kTooLarge;

// What the replies add up to, and which columns hold more than defaults.
struct Outline {
  unsigned replies = 0;
  unsigned results = 0;
  unsigned rows = 0;
  std::size_t bytes = 0;
  bool one_result_each = true;
  bool all_ok = true;
  bool values = false;
};

Outline OutlineOf(std::span<const ClientReply> replies) {
  Outline outline;
  outline.replies = static_cast<unsigned>(replies.size());
  for (const ClientReply& reply : replies) {
    outline.results += static_cast<unsigned>(reply.results.size());
    outline.one_result_each &= reply.results.size() == 1;
    for (const OperationResult& result : reply.results) {
      outline.all_ok &= result.status == OperationStatus::kOk;
      outline.values |= !result.value.empty();
      outline.bytes += result.value.size();
      outline.rows += static_cast<unsigned>(result.rows.size());
      for (const auto& [key, value] : result.rows) {
        outline.bytes += key.size() + value.size();
      }
    }
  }
  return outline;
}

// Leaves a column out when `get` gives 0 for every reply.
template <typename Init, typename Get>
void SetReplyColumn(std::span<const ClientReply> replies, const Init& init,
                    const Get& get) {
  bool all_zero = true;
  for (const ClientReply& reply : replies) all_zero &= get(reply) == 0;
  if (all_zero) return;
  FillColumn(init(), [&](unsigned i) { return get(replies[i]); });
}

void SetEachReply(std::span<const ClientReply> all, const Outline& outline,
                  schema::ClientReplies::Builder to) {
  const unsigned n = outline.replies;
  FillColumn(to.initClients(n), [&](unsigned i) {
    return static_cast<std::uint64_t>(all[i].id.client);
  });
  FillColumn(to.initSequences(n),
             [&](unsigned i) { return all[i].id.sequence; });
  SetReplyColumn(
      all, [&] { return to.initSlots(n); },
      [](const ClientReply& r) { return r.instance.slot; });
  SetReplyColumn(
      all, [&] { return to.initReplicas(n); },
      [](const ClientReply& r) {
        return static_cast<std::uint8_t>(r.instance.replica);
      });
  SetReplyColumn(
      all, [&] { return to.initStatuses(n); },
      [](const ClientReply& r) { return static_cast<std::uint8_t>(r.status); });
  SetReplyColumn(
      all, [&] { return to.initReasons(n); },
      [](const ClientReply& r) { return static_cast<std::uint8_t>(r.reason); });
  SetReplyColumn(
      all, [&] { return to.initCommitLatenciesUs(n); },
      [](const ClientReply& r) { return r.commit_latency_us; });
  if (!outline.one_result_each) {
    FillColumn(to.initResultCounts(n), [&](unsigned i) {
      return static_cast<std::uint16_t>(all[i].results.size());
    });
  }
}

template <typename Visit>
void ForEachResult(std::span<const ClientReply> replies, const Visit& visit) {
  for (const ClientReply& reply : replies) {
    for (const OperationResult& result : reply.results) visit(result);
  }
}

void SetEachResult(std::span<const ClientReply> replies, const Outline& outline,
                   schema::ClientReplies::Builder to) {
  const auto fill = [&](auto list, const auto& get) {
    unsigned i = 0;
    ForEachResult(replies, [&](const OperationResult& result) {
      list.set(i++, get(result));
    });
  };
  if (!outline.all_ok || !outline.one_result_each) {
    fill(to.initResultStatuses(outline.results), [](const auto& result) {
      return static_cast<std::uint8_t>(result.status);
    });
  }
  if (outline.values || !outline.one_result_each) {
    fill(to.initValueLengths(outline.results), [](const auto& result) {
      return static_cast<std::uint32_t>(result.value.size());
    });
  }
  if (outline.rows != 0) {
    fill(to.initRowCounts(outline.results), [](const auto& result) {
      return static_cast<std::uint32_t>(result.rows.size());
    });
  }
}

void SetRows(std::span<const ClientReply> replies, const Outline& outline,
             schema::ClientReplies::Builder to) {
  auto keys = to.initRowKeyLengths(outline.rows);
  auto values = to.initRowValueLengths(outline.rows);
  unsigned i = 0;
  ForEachResult(replies, [&](const OperationResult& result) {
    for (const auto& [key, value] : result.rows) {
      keys.set(i, static_cast<std::uint32_t>(key.size()));
      values.set(i, static_cast<std::uint32_t>(value.size()));
      ++i;
    }
  });
}

void SetBytes(std::span<const ClientReply> replies, const Outline& outline,
              schema::ClientReplies::Builder to) {
  auto* at = to.initBytes(static_cast<unsigned>(outline.bytes)).begin();
  const auto append = [&at](const std::string& text) {
    std::memcpy(at, text.data(), text.size());
    at += text.size();
  };
  ForEachResult(replies, [&](const OperationResult& result) {
    append(result.value);
    for (const auto& [key, value] : result.rows) {
      append(key);
      append(value);
    }
  });
}

// ---- decoding -------------------------------------------------------------

struct ReplyColumns {
  std::span<const std::uint64_t> clients, sequences, slots;
  std::span<const std::uint8_t> replicas, statuses, reasons;
  std::span<const std::uint32_t> commit_latencies_us;
  std::span<const std::uint16_t> result_counts;
  std::span<const std::uint8_t> result_statuses;
  std::span<const std::uint32_t> value_lengths, row_counts;
  std::span<const std::uint32_t> row_key_lengths, row_value_lengths;
  std::string_view bytes;
  // Sum of result_counts.
  std::size_t results = 0;
};

ReplyColumns ColumnsOf(const schema::ClientReplies::Reader& from,
                       ColumnReader& lists) {
  ReplyColumns columns{
      .clients = lists.Column<std::uint64_t>(from.getClients()),
      .sequences = lists.Column<std::uint64_t>(from.getSequences()),
      .slots = lists.Column<std::uint64_t>(from.getSlots()),
      .replicas = lists.Column<std::uint8_t>(from.getReplicas()),
      .statuses = lists.Column<std::uint8_t>(from.getStatuses()),
      .reasons = lists.Column<std::uint8_t>(from.getReasons()),
      .commit_latencies_us =
          lists.Column<std::uint32_t>(from.getCommitLatenciesUs()),
      .result_counts = lists.Column<std::uint16_t>(from.getResultCounts()),
      .result_statuses = lists.Column<std::uint8_t>(from.getResultStatuses()),
      .value_lengths = lists.Column<std::uint32_t>(from.getValueLengths()),
      .row_counts = lists.Column<std::uint32_t>(from.getRowCounts()),
      .row_key_lengths = lists.Column<std::uint32_t>(from.getRowKeyLengths()),
      .row_value_lengths =
          lists.Column<std::uint32_t>(from.getRowValueLengths()),
      .bytes = BytesOf(from.getBytes())};
  columns.results = columns.result_counts.empty() ? columns.clients.size()
                                                  : Sum(columns.result_counts);
  return columns;
}

bool IsSizedOrLeftOut(std::size_t size, std::size_t expected) {
  return size == 0 || size == expected;
}

// Results that no column mentioned would cost memory and no bytes: only a
// single result a reply may be left to the defaults.
bool ResultSizesAgree(const ReplyColumns& c) {
  const bool counted = !c.result_counts.empty();
  for (const std::size_t size :
       {c.result_statuses.size(), c.value_lengths.size()}) {
    if (size != c.results && (counted || size != 0)) return false;
  }
  return IsSizedOrLeftOut(c.row_counts.size(), c.results);
}

bool SizesAgree(const ReplyColumns& c) {
  const std::size_t replies = c.clients.size();
  const std::size_t rows = Sum(c.row_counts);
  for (const std::size_t size :
       {c.slots.size(), c.replicas.size(), c.statuses.size(), c.reasons.size(),
        c.commit_latencies_us.size(), c.result_counts.size()}) {
    if (!IsSizedOrLeftOut(size, replies)) return false;
  }
  return c.sequences.size() == replies && ResultSizesAgree(c) &&
         c.row_key_lengths.size() == rows &&
         c.row_value_lengths.size() == rows &&
         Sum(c.value_lengths) + Sum(c.row_key_lengths) +
                 Sum(c.row_value_lengths) ==
             c.bytes.size();
}

template <typename Enum>
bool AllUpTo(std::span<const std::uint8_t> column, Enum last) {
  bool known = true;
  for (const std::uint8_t value : column) {
    known &= value <= static_cast<std::uint8_t>(last);
  }
  return known;
}

absl::Status CheckReplies(const ReplyColumns& columns) {
  if (!SizesAgree(columns)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the columns of ", columns.clients.size(), " replies with ",
        columns.results, " results do not agree in size"));
  }
  if (!AllUpTo(columns.statuses, kLastReplyStatus) ||
      !AllUpTo(columns.reasons, kLastReason) ||
      !AllUpTo(columns.result_statuses, kLastOperationStatus) ||
      !AllUpTo(columns.replicas, ReplicaAt(kMaxReplicas - 1))) {
    return absl::InvalidArgumentError(
        "a reply has a status, reason or replica that is not known");
  }
  return absl::OkStatus();
}

template <typename T>
T At(std::span<const T> column, std::size_t i, T left_out = 0) {
  return column.empty() ? left_out : column[i];
}

// Hands out results in order, with everything that follows from how far along
// it is.
class ResultCursor {
 public:
  explicit ResultCursor(const ReplyColumns& columns)
      : columns_(columns), bytes_(columns.bytes.data()) {}

  void TakeInto(OperationResult& result) {
    result.status =
        static_cast<OperationStatus>(At(columns_.result_statuses, result_));
    TakeText(At(columns_.value_lengths, result_), result.value);
    const std::uint32_t rows = At(columns_.row_counts, result_);
    result.rows.resize(rows);
    for (auto& [key, value] : result.rows) {
      TakeText(columns_.row_key_lengths[row_], key);
      TakeText(columns_.row_value_lengths[row_], value);
      ++row_;
    }
    ++result_;
  }

 private:
  void TakeText(std::uint32_t length, std::string& text) {
    if (length == 0) return;
    text.assign(bytes_, length);
    bytes_ += length;
  }

  const ReplyColumns& columns_;
  const char* bytes_;
  std::size_t result_ = 0;
  std::size_t row_ = 0;
};

}  // namespace

std::size_t RepliesWords(std::span<const ClientReply> replies) {
  const Outline outline = OutlineOf(replies);
  return 32 +
         (outline.replies * std::size_t{33} + outline.results * std::size_t{9} +
          outline.rows * std::size_t{8} + outline.bytes) /
             sizeof(capnp::word);
}

void SetReplies(std::span<const ClientReply> replies,
                schema::ClientReplies::Builder builder) {
  const Outline outline = OutlineOf(replies);
  SetEachReply(replies, outline, builder);
  SetEachResult(replies, outline, builder);
  if (outline.rows != 0) SetRows(replies, outline, builder);
  if (outline.bytes != 0) SetBytes(replies, outline, builder);
}

absl::StatusOr<ClientReplies> ReadReplies(
    const schema::ClientReplies::Reader& reader) {
  ColumnReader lists;
  const ReplyColumns columns = ColumnsOf(reader, lists);
  absl::Status status = lists.status();
  if (!status.ok()) return status;
  status = CheckReplies(columns);
  if (!status.ok()) return status;

  ClientReplies replies;
  replies.replies.resize(columns.clients.size());
  ResultCursor cursor(columns);
  for (std::size_t i = 0; i < replies.replies.size(); ++i) {
    ClientReply& reply = replies.replies[i];
    reply.id = {static_cast<ClientId>(columns.clients[i]),
                columns.sequences[i]};
    reply.status = static_cast<ReplyStatus>(At(columns.statuses, i));
    reply.reason = static_cast<RefusalReason>(At(columns.reasons, i));
    reply.instance = {ReplicaAt(At(columns.replicas, i)), At(columns.slots, i)};
    reply.commit_latency_us = At(columns.commit_latencies_us, i);
    reply.results.resize(At<std::uint16_t>(columns.result_counts, i, 1));
    for (OperationResult& result : reply.results) cursor.TakeInto(result);
  }
  return replies;
}

}  // namespace quorate::codec
