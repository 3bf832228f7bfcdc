#include "executor/session_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>
#include <utility>

#include "executor/mix.h"
#include "executor/rules.h"
#include "wire/check.h"
#include "wire/limits.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate {
namespace {

constexpr std::uint32_t kNone = 0;
constexpr std::uint32_t kGone = 1;
constexpr std::uint32_t kRefused = 2;
constexpr std::uint32_t kStatus = 3;
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

constexpr std::size_t kMostIntervals = 8 * 1024;

// Moves a piece to the end of another; its size, roughly.
std::size_t Join(SessionsRecord& piece, SessionsRecord& record) {
  std::size_t size = 0;
  for (SessionsRecord::Session& session : piece.sessions) {
    size += sizeof(session) +
            session.executed.size() * sizeof(SessionsRecord::Interval);
    record.sessions.push_back(std::move(session));
  }
  for (ClientReply& result : piece.results) {
    size += sizeof(result) + BytesOf(result.results);
    record.results.push_back(std::move(result));
  }
  return size;
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
  Session* session = FindOrBegin(KeyOf(command.id));
  if (session == nullptr) return Outcome::kExpired;
  RaiseMark(*session, command);
  if (Insert(*session, command.id.sequence)) return Outcome::kNew;
  if (command.id.sequence <= session->acknowledged ||
      command.id.sequence > session->highest) {
    return Outcome::kStale;
  }
  switch (At(*session, command.id.sequence).code) {
    case kNone: return Outcome::kStale;
    case kGone: return Outcome::kResultGone;
    case kRefused: return Outcome::kRefused;
    default: return Outcome::kRepeated;
  }
}

// It enters the set as if it had been done. The withdrawal conflicts with it,
// so that all replicas see the same one of the two first.
bool SessionTable::Withdraw(CommandId id) {
  Session* session = Find(KeyOf(id));
  QUORATE_CHECK(session != nullptr, "SE2: a withdrawal belongs to a session");
  return Insert(*session, id.sequence);
}

void SessionTable::RecordRead(const Command& command) {
  Session* session = FindOrBegin(KeyOf(command.id));
  if (session == nullptr) return;
  RaiseMark(*session, command);
  Insert(*session, command.id.sequence);
}

void SessionTable::Remember(CommandId id, const CommandResult& result) {
  Session* found = Find(KeyOf(id));
  QUORATE_CHECK(found != nullptr, "SE2: a result belongs to a session");
  Session& session = *found;
  const std::uint64_t sequence = id.sequence;
  // A late one that the client has given up on already.
  if (sequence <= session.acknowledged) return;
  MakeRoom(session, sequence);
  if (IsPlain(result)) {
    At(session, sequence).code =
        kStatus + static_cast<std::uint32_t>(result[0].status);
    return;
  }
  Keep(last_, sequence, result, next_age_++);
}

void SessionTable::RememberRefusal(CommandId id) {
  Session* session = Find(KeyOf(id));
  QUORATE_CHECK(session != nullptr, "SE2: a result belongs to a session");
  if (id.sequence <= session->acknowledged) return;
  MakeRoom(*session, id.sequence);
  At(*session, id.sequence).code = kRefused;
}

// ---- how much is kept -------------------------------------------------------

void SessionTable::Keep(std::uint32_t index, std::uint64_t sequence,
                        const CommandResult& result, std::uint64_t age) {
  Session& session = sessions_[index];
  if (sequence <= session.results_cut) {
    At(session, sequence).code = kGone;
    ++results_gone_;
    return;
  }
  std::uint32_t place = static_cast<std::uint32_t>(results_.size());
  if (free_results_.empty()) {
    results_.emplace_back();
  } else {
    place = free_results_.back();
    free_results_.pop_back();
  }
  results_[place] = {.result = result,
                     .bytes = BytesOf(result),
                     .age = age,
                     .session = index,
                     .sequence = sequence};
  by_age_[age] = place;
  At(session, sequence).code = kStored + place;
  session.kept_bytes += results_[place].bytes;
  kept_bytes_ += results_[place].bytes;
  CutResults(session);
  while (kept_bytes_ > limits_.kept_bytes) ForgetOldest();
}

void SessionTable::Release(Session& session, std::uint32_t place) {
  Kept& kept = results_[place];
  session.kept_bytes -= kept.bytes;
  kept_bytes_ -= kept.bytes;
  by_age_.erase(kept.age);
  kept = {};
  free_results_.push_back(place);
}

// From the lowest sequence on: what its client asks for last is asked for again
// first. One that goes does so wherever the others stand, so it is gone at
// every replica.
void SessionTable::CutResults(Session& session) {
  std::uint64_t next = std::max(session.acknowledged, session.results_cut);
  while (session.kept_bytes > limits_.command_bytes) {
    Cached& cached = At(session, ++next);
    if (cached.code < kStored) continue;
    Release(session, cached.code - kStored);
    cached.code = kGone;
    ++results_gone_;
    session.results_cut = next;
  }
}

// The oldest of all sessions. Replicas that have executed commuting commands in
// another order may differ in the last of them.
void SessionTable::ForgetOldest() {
  const std::uint32_t place = by_age_.begin()->second;
  SaveEarly(results_[place].session);
  Session& session = sessions_[results_[place].session];
  At(session, results_[place].sequence).code = kGone;
  Release(session, place);
  ++results_gone_;
}

const CommandResult* SessionTable::FindResult(CommandId id) const {
  const Session* session = Look(KeyOf(id));
  if (session == nullptr || id.sequence <= session->acknowledged ||
      id.sequence > session->highest) {
    return nullptr;
  }
  return ResultOf(At(*session, id.sequence));
}

const CommandResult* SessionTable::ResultOf(Cached cached) const {
  if (cached.code < kStatus) return nullptr;
  if (cached.code < kStored) return &PlainResult(cached.code - kStatus);
  return &results_[cached.code - kStored].result;
}

bool SessionTable::WasExecuted(CommandId id) const {
  const Session* session = Look(KeyOf(id));
  return session != nullptr && Contains(*session, id.sequence);
}

// ---- sessions -------------------------------------------------------------

const SessionTable::Session* SessionTable::Look(Key key) const {
  if (last_ != kNobody && sessions_[last_].key == key) {
    return &sessions_[last_];
  }
  const auto entry = by_key_.find(key);
  return entry == by_key_.end() ? nullptr : &sessions_[entry->second];
}

SessionTable::Session* SessionTable::Find(Key key) {
  if (last_ == kNobody || sessions_[last_].key != key) {
    const auto entry = by_key_.find(key);
    if (entry == by_key_.end()) return nullptr;
    last_ = entry->second;
  }
  SaveEarly(last_);
  return &sessions_[last_];
}

SessionTable::Session& SessionTable::Add(Key key) {
  last_ = static_cast<std::uint32_t>(sessions_.size());
  if (free_sessions_.empty()) {
    sessions_.emplace_back();
  } else {
    last_ = free_sessions_.back();
    free_sessions_.pop_back();
  }
  by_key_.emplace(key, last_);
  Session& session = sessions_[last_];
  session.key = key;
  session.used = true;
  return session;
}

SessionTable::Session* SessionTable::FindOrBegin(Key key) {
  Session* session = Find(key);
  if (session == nullptr) {
    if (!rules::MayBegin(key.begun, era_)) return nullptr;
    session = &Add(key);
  }
  session->last_era = era_;
  return session;
}

void SessionTable::EndEra(std::uint64_t era) {
  if (era != era_) return;
  ++era_;
  for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
    const Session& session = sessions_[i];
    if (session.used && era_ - session.last_era > kErasKept) Drop(i);
  }
  last_ = kNobody;
}

void SessionTable::Drop(std::uint32_t index) {
  SaveEarly(index);
  Session& session = sessions_[index];
  DropThrough(session, session.highest);
  set_hash_ -= session.hash;
  by_key_.erase(session.key);
  const Session none;
  session = none;
  free_sessions_.push_back(index);
  ++expired_sessions_;
}

// ---- saving ---------------------------------------------------------------

void SessionTable::BeginSave() {
  saving_.emplace(Saving{.count = sessions_.size(),
                         .saved = std::vector<bool>(sessions_.size())});
  for (const std::uint32_t index : free_sessions_) saving_->saved[index] = true;
}

bool SessionTable::NextSessions(std::size_t bytes, SessionsRecord& record) {
  if (!saving_.has_value()) return false;
  record = {};
  std::size_t size = 0;
  while (saving_->early.empty() && saving_->next < saving_->count &&
         size < bytes) {
    const std::size_t index = saving_->next++;
    if (saving_->saved[index]) continue;
    Save(index, saving_->early);
    if (saving_->early.size() > 1) break;  // One by one.
    size += Join(saving_->early.front(), record);
    saving_->early.pop_front();
  }
  if (!record.sessions.empty()) return true;
  if (!saving_->early.empty()) {
    record = std::move(saving_->early.front());
    saving_->early.pop_front();
    return true;
  }
  EndSave();
  return false;
}

void SessionTable::SaveEarly(std::uint32_t index) {
  if (!saving_.has_value() || index < saving_->next ||
      index >= saving_->count || saving_->saved[index]) {
    return;
  }
  saving_->saved[index] = true;
  Save(index, saving_->early);
}

// In pieces: each is a session, or goes on with the one before.
void SessionTable::Save(std::size_t index,
                        std::deque<SessionsRecord>& pieces) const {
  const Session& session = sessions_[index];
  const SessionsRecord::Session head{.client = session.key.client,
                                     .acknowledged = session.acknowledged,
                                     .last_era = session.last_era,
                                     .requests_hash = session.hash,
                                     .results_cut = session.results_cut};
  pieces.emplace_back().sessions.push_back(head);
  for (const Interval& interval : session.executed) {
    if (pieces.back().sessions.back().executed.size() >= kMostIntervals) {
      // The set's hash is said once.
      SessionsRecord::Session& more =
          pieces.emplace_back().sessions.emplace_back(head);
      more.requests_hash = 0;
    }
    pieces.back().sessions.back().executed.push_back(
        {.first = interval.first, .last = interval.last});
  }
  std::size_t size = 0;
  for (std::uint64_t s = session.acknowledged + 1; s <= session.highest; ++s) {
    const Cached cached = At(session, s);
    if (cached.code == kNone) continue;
    ClientReply saved{.id = {.client = session.key.client, .sequence = s}};
    if (cached.code == kGone) {
      saved.status = ReplyStatus::kResultGone;
    } else if (cached.code == kRefused) {
      saved.status = ReplyStatus::kRefused;
      saved.reason = RefusalReason::kResultTooLarge;
    } else {
      saved.results = *ResultOf(cached);
      if (cached.code >= kStored) {
        saved.instance.slot = results_[cached.code - kStored].age;
      }
    }
    if (size >= kPieceBytes) {
      pieces.emplace_back();
      size = 0;
    }
    size += sizeof(ClientReply) + BytesOf(saved.results);
    pieces.back().results.push_back(std::move(saved));
  }
}

void SessionTable::Restore(const SessionsRecord& record) {
  for (const SessionsRecord::Session& saved : record.sessions) {
    RestoreSession(saved);
  }
  for (const ClientReply& saved : record.results) RestoreResult(saved);
}

void SessionTable::RestoreSession(const SessionsRecord::Session& saved) {
  const std::uint64_t any =
      saved.executed.empty() ? 0 : saved.executed.front().first;
  const Key key = KeyOf({saved.client, any});
  Session* found = Find(key);
  if (found == nullptr) {
    found = &Add(key);
    found->acknowledged = saved.acknowledged;
    found->last_era = saved.last_era;
    found->results_cut = saved.results_cut;
  } else if (found->executed.empty() || saved.executed.empty() ||
             found->executed.back().last >= saved.executed.front().first) {
    return;  // It does not go on; what comes from outside may say so.
  }
  found->hash += saved.requests_hash;
  set_hash_ += saved.requests_hash;
  for (const auto& interval : saved.executed) {
    found->executed.push_back({.first = interval.first, .last = interval.last});
  }
}

void SessionTable::RestoreResult(const ClientReply& saved) {
  Session* session = Find(KeyOf(saved.id));
  const std::uint64_t sequence = saved.id.sequence;
  // Nobody caches more than that; what comes from outside may say so.
  if (session == nullptr || sequence <= session->acknowledged ||
      sequence > session->acknowledged + kMaxPipelinePerSession) {
    return;
  }
  MakeRoom(*session, sequence);
  Cached& cached = At(*session, sequence);
  if (cached.code != kNone) return;
  if (saved.status == ReplyStatus::kResultGone) {
    cached.code = kGone;
  } else if (saved.status == ReplyStatus::kRefused) {
    cached.code = kRefused;
  } else if (IsPlain(saved.results)) {
    cached.code = kStatus + static_cast<std::uint32_t>(saved.results[0].status);
  } else {
    // A checkpoint of an older version does not say how old they are.
    std::uint64_t age = saved.instance.slot;
    if (age == 0 || age > kMaxSlot || by_age_.contains(age)) age = next_age_;
    next_age_ = std::max(next_age_, age + 1);
    Keep(last_, sequence, saved.results, age);
  }
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
  const std::uint64_t hash = MemberHash(session.key.client, sequence);
  session.hash += hash;
  set_hash_ += hash;
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
    Cached& cached = At(session, s);
    if (cached.code >= kStored) Release(session, cached.code - kStored);
    cached.code = kNone;
  }
  session.acknowledged = mark;
}

// So that the ring holds every sequence from the mark up to `sequence`.
void SessionTable::MakeRoom(Session& session, std::uint64_t sequence) {
  const std::uint64_t span = sequence - session.acknowledged;
  QUORATE_CHECK(span <= kMaxPipelinePerSession,
                "SE1: a session caches at most a pipeline of results");
  if (span > session.cached.size()) {
    absl::InlinedVector<Cached, 4> larger(std::bit_ceil(
        static_cast<std::size_t>(std::max<std::uint64_t>(span, 4))));
    for (std::uint64_t s = session.acknowledged + 1; s <= session.highest;
         ++s) {
      larger[static_cast<std::size_t>(s) & (larger.size() - 1)] =
          At(session, s);
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
  std::uint64_t sum = Chain(set_hash_, era_);
  for (const Session& session : sessions_) {
    if (!session.used) continue;
    std::uint64_t hash = Chain(static_cast<std::uint64_t>(session.key.client),
                               session.acknowledged);
    hash = Chain(hash, session.last_era);
    // What lies below the mark says nothing about what is kept.
    hash = Chain(hash, std::max(session.results_cut, session.acknowledged));
    for (std::uint64_t s = session.acknowledged + 1; s <= session.highest;
         ++s) {
      const Cached cached = At(session, s);
      if (cached.code == kNone) continue;
      const CommandResult* result = ResultOf(cached);
      hash =
          Chain(Chain(hash, s), result == nullptr ? std::uint64_t{cached.code}
                                                  : ResultHash(*result));
    }
    sum += Mix(hash);
  }
  return sum;
}

}  // namespace quorate
