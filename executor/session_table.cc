#include "executor/session_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>
#include <utility>

#include "executor/mix.h"
#include "wire/check.h"
#include "wire/limits.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace {

constexpr std::uint32_t kNone = 0;
constexpr std::uint32_t kStatus = 1;
constexpr std::size_t kStatuses =
    static_cast<std::size_t>(OperationStatus::kTooLarge) + 1;
constexpr std::uint32_t kStored = kStatus + kStatuses;

// One operation, one status, nothing else.
const CommandResult& PlainResult(std::size_t status) {
  static const auto& results = *new std::array<CommandResult, kStatuses>([] {
    std::array<CommandResult, kStatuses> made;
    for (std::size_t i = 0; i < kStatuses; ++i) {
      made[i].push_back({.status = static_cast<OperationStatus>(i)});
    }
    return made;
  }());
  return results[status];
}

bool IsPlain(const CommandResult& result) {
  return result.size() == 1 && result[0].value.empty() &&
         result[0].rows.empty();
}

std::uint64_t MemberHash(ClientId client, std::uint64_t sequence) {
  return Mix(Mix(static_cast<std::uint64_t>(client)) + sequence);
}

std::uint64_t TextHash(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

std::uint64_t ResultHash(const CommandResult& result) {
  std::uint64_t hash = 0;
  for (const OperationResult& one : result) {
    hash = Chain(hash, static_cast<std::uint64_t>(one.status));
    hash = Chain(hash, TextHash(one.value));
    for (const auto& [key, value] : one.rows) {
      hash = Chain(Chain(hash, TextHash(key)), TextHash(value));
    }
  }
  return hash;
}

}  // namespace

SessionTable::Outcome SessionTable::Begin(const Command& command) {
  Session& session = SessionOf(command.id.client);
  RaiseMark(session, command);
  if (Insert(session, command.id.sequence)) return Outcome::kNew;
  return FindResult(command.id) != nullptr ? Outcome::kRepeated
                                           : Outcome::kStale;
}

void SessionTable::RecordRead(const Command& command) {
  Session& session = SessionOf(command.id.client);
  RaiseMark(session, command);
  Insert(session, command.id.sequence);
}

void SessionTable::Remember(CommandId id, const CommandResult& result) {
  Session& session = SessionOf(id.client);
  const std::uint64_t sequence = id.sequence;
  // A late one that the client has given up on already.
  if (sequence <= session.acknowledged) return;
  MakeRoom(session, sequence);
  Cached& cached = session.cached[static_cast<std::size_t>(sequence) &
                                  (session.cached.size() - 1)];
  if (IsPlain(result)) {
    cached.code = kStatus + static_cast<std::uint32_t>(result[0].status);
    return;
  }
  std::uint32_t place = static_cast<std::uint32_t>(results_.size());
  if (free_results_.empty()) {
    results_.push_back(result);
  } else {
    place = free_results_.back();
    free_results_.pop_back();
    results_[place] = result;
  }
  cached.code = kStored + place;
}

const CommandResult* SessionTable::FindResult(CommandId id) const {
  const Session* session = FindSession(id.client);
  if (session == nullptr || id.sequence <= session->acknowledged ||
      id.sequence > session->highest) {
    return nullptr;
  }
  return ResultOf(session->cached[static_cast<std::size_t>(id.sequence) &
                                  (session->cached.size() - 1)]);
}

const CommandResult* SessionTable::ResultOf(Cached cached) const {
  if (cached.code == kNone) return nullptr;
  if (cached.code < kStored) return &PlainResult(cached.code - kStatus);
  return &results_[cached.code - kStored];
}

bool SessionTable::WasExecuted(CommandId id) const {
  const Session* session = FindSession(id.client);
  return session != nullptr && Contains(*session, id.sequence);
}

SessionTable::Session& SessionTable::SessionOf(ClientId client) {
  if (last_ >= sessions_.size() || sessions_[last_].client != client) {
    const auto [entry, inserted] = by_client_.try_emplace(
        client, static_cast<std::uint32_t>(sessions_.size()));
    if (inserted) sessions_.emplace_back().client = client;
    last_ = entry->second;
  }
  if (saving_.has_value() && last_ >= saving_->next &&
      last_ < saving_->count && !saving_->saved[last_]) {
    saving_->saved[last_] = true;
    Save(last_, saving_->early.emplace_back());
  }
  return sessions_[last_];
}

// ---- saving ---------------------------------------------------------------

void SessionTable::BeginSave() {
  saving_.emplace(Saving{.count = sessions_.size(),
                         .saved = std::vector<bool>(sessions_.size())});
}

bool SessionTable::NextSessions(std::size_t bytes, SessionsRecord& record) {
  if (!saving_.has_value()) return false;
  record = {};
  if (!saving_->early.empty()) {
    record = std::move(saving_->early.front());
    saving_->early.pop_front();
    return true;
  }
  std::size_t size = 0;
  const auto grown = [&] {
    return record.sessions.size() * sizeof(SessionsRecord::Session) +
           record.results.size() * sizeof(ClientReply) + size;
  };
  while (saving_->next < saving_->count && grown() < bytes) {
    const std::size_t index = saving_->next++;
    if (saving_->saved[index]) continue;
    const std::size_t results = record.results.size();
    Save(index, record);
    for (std::size_t i = results; i < record.results.size(); ++i) {
      for (const OperationResult& one : record.results[i].results) {
        size += one.value.size();
        for (const auto& [key, value] : one.rows) {
          size += key.size() + value.size();
        }
      }
    }
  }
  if (!record.sessions.empty()) return true;
  EndSave();
  return false;
}

void SessionTable::Save(std::size_t index, SessionsRecord& record) const {
  const Session& session = sessions_[index];
  SessionsRecord::Session& saved = record.sessions.emplace_back();
  saved.client = session.client;
  saved.acknowledged = session.acknowledged;
  for (const Interval& interval : session.executed) {
    saved.executed.push_back({.first = interval.first, .last = interval.last});
  }
  for (std::uint64_t s = session.acknowledged + 1; s <= session.highest; ++s) {
    const CommandResult* result =
        ResultOf(session.cached[static_cast<std::size_t>(s) &
                                (session.cached.size() - 1)]);
    if (result == nullptr) continue;
    record.results.push_back(
        {.id = {.client = session.client, .sequence = s}, .results = *result});
  }
}

void SessionTable::Restore(const SessionsRecord& record) {
  for (const SessionsRecord::Session& saved : record.sessions) {
    Session& session = SessionOf(saved.client);
    session.acknowledged = saved.acknowledged;
    for (const auto& interval : saved.executed) {
      session.executed.push_back(
          {.first = interval.first, .last = interval.last});
    }
  }
  for (const ClientReply& cached : record.results) {
    // Nobody caches more than that; what comes from outside may say so.
    const std::uint64_t mark = SessionOf(cached.id.client).acknowledged;
    if (cached.id.sequence > mark + kMaxPipelinePerSession) continue;
    Remember(cached.id, cached.results);
  }
}

const SessionTable::Session* SessionTable::FindSession(ClientId client) const {
  if (last_ < sessions_.size() && sessions_[last_].client == client) {
    return &sessions_[last_];
  }
  const auto entry = by_client_.find(client);
  return entry == by_client_.end() ? nullptr : &sessions_[entry->second];
}

// False when it was there.
bool SessionTable::Insert(Session& session, std::uint64_t sequence) {
  auto& executed = session.executed;
  if (!executed.empty() && executed.back().last < sequence &&
      executed.back().last + 1 == sequence) {
    executed.back().last = sequence;
  } else if (!InsertOutOfOrder(session, sequence)) {
    return false;
  }
  set_hash_ += MemberHash(session.client, sequence);
  return true;
}

bool SessionTable::InsertOutOfOrder(Session& session, std::uint64_t sequence) {
  auto& executed = session.executed;
  const auto after =
      std::ranges::upper_bound(executed, sequence, {}, &Interval::first);
  const bool has_before = after != executed.begin();
  if (has_before && std::prev(after)->last >= sequence) return false;
  const bool joins_before =
      has_before && std::prev(after)->last + 1 == sequence;
  const bool joins_after =
      after != executed.end() && after->first - 1 == sequence;
  if (joins_before && joins_after) {
    std::prev(after)->last = after->last;
    executed.erase(after);
  } else if (joins_before) {
    std::prev(after)->last = sequence;
  } else if (joins_after) {
    after->first = sequence;
  } else {
    executed.insert(after, Interval{sequence, sequence});
  }
  return true;
}

bool SessionTable::Contains(const Session& session, std::uint64_t sequence) {
  const auto after = std::ranges::upper_bound(session.executed, sequence, {},
                                              &Interval::first);
  return after != session.executed.begin() &&
         std::prev(after)->last >= sequence;
}

// A command's own result is never dropped by its own mark. A client that never
// acknowledges keeps as many results as it may have unanswered commands.
void SessionTable::RaiseMark(Session& session, const Command& command) {
  const std::uint64_t sequence = command.id.sequence;
  if (sequence == 0) return;
  std::uint64_t mark = std::min(command.acknowledged, sequence - 1);
  if (sequence > kMaxPipelinePerSession) {
    mark = std::max(mark, sequence - kMaxPipelinePerSession);
  }
  if (mark > session.acknowledged) DropThrough(session, mark);
}

void SessionTable::DropThrough(Session& session, std::uint64_t mark) {
  const std::uint64_t end = std::min(mark, session.highest);
  for (std::uint64_t s = session.acknowledged + 1; s <= end; ++s) {
    Cached& cached =
        session
            .cached[static_cast<std::size_t>(s) & (session.cached.size() - 1)];
    if (cached.code >= kStored) {
      results_[cached.code - kStored] = CommandResult{};
      free_results_.push_back(cached.code - kStored);
    }
    cached.code = kNone;
  }
  session.acknowledged = mark;
}

// So that the ring holds every sequence from the mark up to `sequence`.
void SessionTable::MakeRoom(Session& session, std::uint64_t sequence) {
  const std::uint64_t span = sequence - session.acknowledged;
  QUORATE_CHECK(span <= kMaxPipelinePerSession,
                "S1: a session caches at most a pipeline of results");
  if (span > session.cached.size()) {
    absl::InlinedVector<Cached, 4> larger(std::bit_ceil(
        static_cast<std::size_t>(std::max<std::uint64_t>(span, 4))));
    for (std::uint64_t s = session.acknowledged + 1; s <= session.highest;
         ++s) {
      larger[static_cast<std::size_t>(s) & (larger.size() - 1)] =
          session.cached[static_cast<std::size_t>(s) &
                         (session.cached.size() - 1)];
    }
    session.cached = std::move(larger);
  }
  session.highest = std::max(session.highest, sequence);
}

std::size_t SessionTable::cached_results() const {
  std::size_t count = 0;
  for (const Session& session : sessions_) {
    count += static_cast<std::size_t>(std::ranges::count_if(
        session.cached, [](Cached cached) { return cached.code != kNone; }));
  }
  return count;
}

std::size_t SessionTable::intervals() const {
  std::size_t count = 0;
  for (const Session& session : sessions_) count += session.executed.size();
  return count;
}

std::uint64_t SessionTable::Fingerprint() const {
  // A sum: sessions are in the order in which they first appeared here.
  std::uint64_t sum = set_hash_;
  for (const Session& session : sessions_) {
    std::uint64_t hash =
        Chain(static_cast<std::uint64_t>(session.client), session.acknowledged);
    for (std::uint64_t s = session.acknowledged + 1; s <= session.highest;
         ++s) {
      const CommandResult* result =
          ResultOf(session.cached[static_cast<std::size_t>(s) &
                                  (session.cached.size() - 1)]);
      if (result == nullptr) continue;
      hash = Chain(Chain(hash, s), ResultHash(*result));
    }
    sum += Mix(hash);
  }
  return sum;
}

}  // namespace quorate
