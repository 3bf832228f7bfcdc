// Answers: which operations are there, and what is each of them?
//
// The one list of operations, a row each. The enumeration, what commutes
// (wire/commutation.h), what the codec lets in, the store's dispatch
// (wire/meaning.h has what each does: without it the program does not compile),
// the words of the command line, of batch files and of histories, the mix of a
// benchmark, what simulator and checker know: all of it is derived from here.
//
// A row's number is what travels and what journals hold. It is never given to
// anything else; a new row takes the next one. Pure values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quorate {

// ---- what a row is made of --------------------------------------------------

// How an operation touches a key. Operations of one class commute if the class
// says so (kAccessClassRows), those of two classes never.
enum class AccessClass : std::uint8_t {
  kRead,   // leaves the state alone, its result depends on it
  kWrite,  // order matters against everything
  kAdd,    // changes the state by a commuting step and returns no value
  kMax,    // so does it, by a step that commutes with its own kind alone
};

struct AccessClassRow {
  AccessClass access;
  std::string_view name;
  bool commutes_with_itself;
};
inline constexpr AccessClassRow kAccessClassRows[] = {
    {AccessClass::kRead, "read", true},
    {AccessClass::kWrite, "write", false},
    {AccessClass::kAdd, "add", true},
    {AccessClass::kMax, "max", true},
};
inline constexpr std::size_t kAccessClasses = std::size(kAccessClassRows);

// Which keys an operation is about.
enum class Reach : std::uint8_t {
  kKey,
  kRange,     // from `key` up to, not including, `value`; "" for no end
  kEveryKey,  // those that are not there included
};

enum class Asker : std::uint8_t {
  kClients,
  kClientLibrary,  // on its own account, for its sessions
  kReplicas,       // so do they; alone in its command
};

// What is in a result beside its status.
enum class Gives : std::uint8_t {
  kNothing,         // not even a status: it is always done
  kWhether,         // whether it was done
  kValue,           // the key's value
  kWhetherOrValue,  // if it was not done, the value found instead
  kRows,            // keys and values
};

enum class OperationStatus : std::uint8_t {
  kOk,          // applied; for a get or cas: see OperationResult
  kNotFound,    // get or delete of a missing key
  kMismatch,    // cas: the value was not the expected one; nothing changed
  kNotANumber,  // add, max: the value is no 64-bit decimal number; nothing
                // changed
  kTooLarge,    // append: the value would pass kMaxValueBytes; nothing changed
};

// What a key must hold for the operation to be of use: workloads give each its
// own keys.
enum class Holds : std::uint8_t { kAnything, kNumber, kList };

// A member of Operation, as people and histories write it.
struct Argument {
  enum class Member : std::uint8_t { kKey, kValue, kExpected, kNumber };
  enum class Form : std::uint8_t {
    kKey,     // at most kMaxKeyBytes
    kValue,   // at most kMaxValueBytes
    kNumber,  // 64 bits, with a sign
    kRows,    // at least 1; left out: as many as there may be
  };
  Member member;
  Form form;
  std::string_view word;     // "KEY"
  std::string_view history;  // "k": its name in a line of a history
  // With all that come after it.
  bool may_be_left_out = false;
};

namespace arguments {

using Member = Argument::Member;
using Form = Argument::Form;
inline constexpr Argument kTheKey = {Member::kKey, Form::kKey, "KEY", "k"};
inline constexpr Argument kTheNumber = {Member::kNumber, Form::kNumber,
                                        "NUMBER", "v"};

inline constexpr std::array kKey = {kTheKey};
inline constexpr std::array kKeyAndValue = {
    kTheKey, Argument{Member::kValue, Form::kValue, "VALUE", "v"}};
inline constexpr std::array kKeyAndNumber = {kTheKey, kTheNumber};
inline constexpr std::array kKeyOldAndNew = {
    kTheKey, Argument{Member::kExpected, Form::kValue, "OLD", "old"},
    Argument{Member::kValue, Form::kValue, "NEW", "v"}};
inline constexpr std::array kFirstEndAndLimit = {
    Argument{Member::kKey, Form::kKey, "FIRST", "k"},
    Argument{Member::kValue, Form::kKey, "END", "v", true},
    Argument{Member::kNumber, Form::kRows, "LIMIT", "n", true}};
inline constexpr std::array kNumber = {kTheNumber};

}  // namespace arguments

enum class OperationKind : std::uint8_t;

struct OperationRow {
  OperationKind kind{};
  std::string_view name;
  std::string_view word;  // on the command line, in batch files and histories
  std::string_view about;
  Asker asker = Asker::kClients;
  AccessClass access = AccessClass::kWrite;
  Reach reach = Reach::kKey;
  Gives gives = Gives::kNothing;
  // Why it may do nothing, or find nothing; kOk: never.
  OperationStatus fails = OperationStatus::kOk;
  Holds holds = Holds::kAnything;
  std::span<const Argument> arguments;
  // Of a benchmark's mix, in percent: "--reads"; "": what the others leave.
  std::string_view share = "";
};

// ---- the rows ---------------------------------------------------------------

// clang-format off
#define QUORATE_OPERATIONS(ROW)                                               \
  ROW(kGet, 0, .name = "get", .word = "get",                                  \
      .about = "print a key's value",                                         \
      .access = AccessClass::kRead,                                           \
      .gives = Gives::kValue, .fails = OperationStatus::kNotFound,            \
      .arguments = arguments::kKey, .share = "reads")                         \
  ROW(kPut, 1, .name = "put", .word = "put",                                  \
      .about = "set a key",                                                   \
      .arguments = arguments::kKeyAndValue)                                   \
  ROW(kDelete, 2, .name = "delete", .word = "del",                            \
      .about = "remove a key",                                                \
      .gives = Gives::kWhether, .fails = OperationStatus::kNotFound,          \
      .arguments = arguments::kKey, .share = "deletes")                       \
  /* A missing key counts as "". */                                           \
  ROW(kCompareAndSet, 3, .name = "cas", .word = "cas",                        \
      .about = "set a key to NEW if its value is OLD",                        \
      .gives = Gives::kWhetherOrValue, .fails = OperationStatus::kMismatch,   \
      .arguments = arguments::kKeyOldAndNew, .share = "cas")                  \
  /* Blind: the reply carries no value. A missing key counts as 0. */         \
  ROW(kAdd, 4, .name = "add", .word = "add",                                  \
      .about = "add a number to a key's value",                               \
      .access = AccessClass::kAdd,                                            \
      .gives = Gives::kWhether, .fails = OperationStatus::kNotANumber,        \
      .holds = Holds::kNumber,                                                \
      .arguments = arguments::kKeyAndNumber, .share = "adds")                 \
  ROW(kAppend, 5, .name = "append", .word = "append",                         \
      .about = "add to the end of a key's value",                             \
      .gives = Gives::kWhether, .fails = OperationStatus::kTooLarge,          \
      .holds = Holds::kList,                                                  \
      .arguments = arguments::kKeyAndValue, .share = "appends")               \
  ROW(kScan, 6, .name = "scan", .word = "scan",                               \
      .about = "print the keys from FIRST up to, not including, END",         \
      .access = AccessClass::kRead, .reach = Reach::kRange,                   \
      .gives = Gives::kRows,                                                  \
      .arguments = arguments::kFirstEndAndLimit, .share = "scans")            \
  /* The number is that of the era of sessions that ends. */                  \
  ROW(kEndEra, 7, .name = "end-era", .word = "end-era",                       \
      .about = "end an era of sessions",                                      \
      .asker = Asker::kReplicas, .reach = Reach::kEveryKey,                   \
      .arguments = arguments::kNumber)                                        \
  /* The number is an earlier sequence of the same session, the key one */    \
  /* that it changes: from here on it is not done any more. */                \
  ROW(kWithdraw, 8, .name = "withdraw", .word = "withdraw",                   \
      .about = "give a command of this session up",                           \
      .asker = Asker::kClientLibrary, .gives = Gives::kWhether,               \
      .fails = OperationStatus::kMismatch,                                    \
      .arguments = arguments::kKeyAndNumber)                                  \
  /* Blind: nobody is told whether the number was less. */                    \
  ROW(kMax, 9, .name = "max", .word = "max",                                  \
      .about = "make NUMBER a key's value if that is less or missing",        \
      .access = AccessClass::kMax,                                            \
      .gives = Gives::kWhether, .fails = OperationStatus::kNotANumber,        \
      .holds = Holds::kNumber,                                                \
      .arguments = arguments::kKeyAndNumber, .share = "maxima")
// clang-format on

#define QUORATE_ENUMERATOR(name, number, ...) name = (number),
enum class OperationKind : std::uint8_t {
  QUORATE_OPERATIONS(QUORATE_ENUMERATOR)
};
#undef QUORATE_ENUMERATOR

#define QUORATE_ROW(name, number, ...) \
  OperationRow{.kind = OperationKind::name, __VA_ARGS__},
// By number.
inline constexpr std::array kOperations = {QUORATE_OPERATIONS(QUORATE_ROW)};
#undef QUORATE_ROW

inline constexpr std::size_t kAllOperationKinds = kOperations.size();

// ---- what follows from them -------------------------------------------------

constexpr const OperationRow& RowOf(OperationKind kind) {
  return kOperations[static_cast<std::size_t>(kind)];
}

// "get", ..., "withdraw"; "unknown" for what is no kind.
std::string_view Name(OperationKind kind);
// "ok", "not found", ...
std::string_view Name(OperationStatus status);
// By OperationRow::word, of those that clients ask for.
std::optional<OperationKind> FindOperation(std::string_view word);
// "get, put, ... and scan": the words of those that clients ask for, for
// messages.
std::string OperationWords(std::string_view last_but_one = " and ");
// "cas KEY OLD NEW", "scan FIRST [END [LIMIT]]".
std::string Usage(const OperationRow& row);

// Does the operation leave the state as it is?
constexpr bool IsReadOnly(OperationKind kind) {
  return RowOf(kind).access == AccessClass::kRead;
}
// Is it about more than the one key that it names?
constexpr bool IsRange(OperationKind kind) {
  return RowOf(kind).reach != Reach::kKey;
}
// Is it about what one key holds, and not about a range or a session?
constexpr bool IsOfOneKey(const OperationRow& row) {
  return row.asker == Asker::kClients && row.reach == Reach::kKey;
}
constexpr bool IsOfOneKey(OperationKind kind) {
  return IsOfOneKey(RowOf(kind));
}
// Null if the operation does not carry the member.
constexpr const Argument* FindArgument(const OperationRow& row,
                                       Argument::Member member) {
  for (const Argument& argument : row.arguments) {
    if (argument.member == member) return &argument;
  }
  return nullptr;
}
// Does it carry a value, to become the key's or a part of it?
constexpr bool CarriesValue(OperationKind kind) {
  const Argument* argument =
      FindArgument(RowOf(kind), Argument::Member::kValue);
  return argument != nullptr && argument->form == Argument::Form::kValue;
}

namespace operations_internal {

constexpr std::size_t CountOfClients() {
  std::size_t count = 0;
  for (const OperationRow& row : kOperations) {
    if (row.asker == Asker::kClients) ++count;
  }
  return count;
}
constexpr auto OfClients() {
  std::array<OperationKind, CountOfClients()> kinds{};
  std::size_t next = 0;
  for (const OperationRow& row : kOperations) {
    if (row.asker == Asker::kClients) kinds[next++] = row.kind;
  }
  return kinds;
}
constexpr bool RowsAreAtTheirNumbers() {
  for (std::size_t i = 0; i < kOperations.size(); ++i) {
    if (static_cast<std::size_t>(kOperations[i].kind) != i) return false;
  }
  for (std::size_t i = 0; i < kAccessClasses; ++i) {
    if (static_cast<std::size_t>(kAccessClassRows[i].access) != i) return false;
  }
  return true;
}
static_assert(RowsAreAtTheirNumbers(), "a row stands at its number");

}  // namespace operations_internal

// What people ask for, in the order of the rows.
inline constexpr auto kClientOperations = operations_internal::OfClients();

}  // namespace quorate
