// Answers: how is one setting read from cluster.toml, checked and printed?
//
// A form is what a row of the table of settings needs of its value's kind: a
// number within limits, a word of some, true or false, ... It reaches the field
// through pointers to members, so a row names its field once. Whoever adds a
// setting of a known kind writes no code but the row.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "replica/base/quorum.h"
#include "replica/base/quorum_system.h"
#include "replica/config/config.h"
#include "replica/config/config_table.h"
#include "wire/text.h"

namespace quorate {

// A configuration while its file is read.
struct ConfigDraft {
  ClusterConfig config;
  // The [[node]] whose keys are read; of no meaning for other tables.
  std::size_t node = 0;
  // What each node says of its roles; nullopt: all of them.
  std::vector<std::optional<std::vector<std::string>>> roles;

  NodeConfig& at_node() { return config.nodes[node]; }
};

struct SettingForm {
  // Reads `key`, if it is there, and refuses what is not allowed. Null: it is
  // not of the file but of the program.
  void (*read)(const SettingForm& form, std::string_view key,
               ConfigTable& table, ConfigDraft& draft) = nullptr;
  // As the file has it; "" where it is left out.
  std::string (*print)(const SettingForm& form, const ClusterConfig& config,
                       std::size_t node) = nullptr;
  // In words, for people.
  std::string (*allowed)(const SettingForm& form) = nullptr;
  // Of words: those that there are.
  std::vector<std::string_view> (*names)() = nullptr;
  std::int64_t least = 0;  // of numbers
  std::int64_t most = 0;
  std::int64_t scale = 1;      // the field counts so many a unit of the file
  std::string_view words;      // of `allowed`, where they are always the same
  std::string_view otherwise;  // the default, where no value says it
};

// A TOML basic string.
std::string QuoteForToml(std::string_view text);

// "1 to 9", "`fsync`, `memory`", ...
std::string AllowedNumbers(const SettingForm& form);
std::string AllowedWords(const SettingForm& form);
std::string AllowedNames(const SettingForm& form);

// ---- the field --------------------------------------------------------------

// Follows pointers to members from the configuration, or from its Settings.
template <auto First, auto... Rest, typename Object>
constexpr auto& FieldOf(Object& object) {
  if constexpr (requires { object.*First; }) {
    if constexpr (sizeof...(Rest) == 0) {
      return object.*First;
    } else {
      return FieldOf<Rest...>(object.*First);
    }
  } else {
    return FieldOf<First, Rest...>(object.settings);
  }
}

// ---- kinds ------------------------------------------------------------------

template <auto... Path>
constexpr SettingForm Number(std::int64_t least, std::int64_t most) {
  return {.read =
              [](const SettingForm& form, std::string_view key,
                 ConfigTable& table, ConfigDraft& draft) {
                auto& field = FieldOf<Path...>(draft.config);
                auto number = static_cast<std::int64_t>(field) / form.scale;
                table.Integer(key, form.least, form.most, number);
                field = static_cast<std::remove_cvref_t<decltype(field)>>(
                    number * form.scale);
              },
          .print =
              [](const SettingForm& form, const ClusterConfig& config,
                 std::size_t) {
                const auto& field = FieldOf<Path...>(config);
                return std::to_string(static_cast<std::int64_t>(field) /
                                      form.scale);
              },
          .allowed = AllowedNumbers,
          .least = least,
          .most = most};
}

// Seconds in the file, milliseconds in the field.
template <auto... Path>
constexpr SettingForm Seconds(std::int64_t least, std::int64_t most) {
  SettingForm form = Number<Path...>(least, most);
  form.scale = 1000;
  return form;
}

template <auto... Path>
constexpr SettingForm Flag() {
  return {.read =
              [](const SettingForm&, std::string_view key, ConfigTable& table,
                 ConfigDraft& draft) {
                table.Flag(key, FieldOf<Path...>(draft.config));
              },
          .print =
              [](const SettingForm&, const ClusterConfig& config, std::size_t) {
                return std::string(FieldOf<Path...>(config) ? "true" : "false");
              },
          .allowed = AllowedWords,
          .words = "`true`, `false`"};
}

// The values of an enumeration whose Name is what the file says.
template <typename Enum>
struct Values;
template <>
struct Values<Protocol> {
  static constexpr auto& kAll = kProtocols;
};
template <>
struct Values<Durability> {
  static constexpr Durability kAll[] = {Durability::kFsync,
                                        Durability::kMemory};
};
template <>
struct Values<FastPathRule> {
  static constexpr auto& kAll = kFastPathRules;
};
template <>
struct Values<ConflictMode> {
  static constexpr ConflictMode kAll[] = {
      ConflictMode::kOperation, ConflictMode::kReadWrite, ConflictMode::kKey};
};
template <>
struct Values<ReadMode> {
  static constexpr ReadMode kAll[] = {ReadMode::kLog, ReadMode::kLeader};
};

template <typename Enum>
std::vector<std::string_view> NamesOfAll() {
  std::vector<std::string_view> names;
  for (const Enum value : Values<Enum>::kAll) names.push_back(Name(value));
  return names;
}

template <auto... Path>
constexpr SettingForm Choice() {
  using Enum = std::remove_cvref_t<decltype(FieldOf<Path...>(
      std::declval<ClusterConfig&>()))>;
  return {.read =
              [](const SettingForm&, std::string_view key, ConfigTable& table,
                 ConfigDraft& draft) {
                Enum& field = FieldOf<Path...>(draft.config);
                std::string chosen(Name(field));
                table.Choice(key, NamesOfAll<Enum>(), chosen);
                for (const Enum value : Values<Enum>::kAll) {
                  if (Name(value) == chosen) field = value;
                }
              },
          .print =
              [](const SettingForm&, const ClusterConfig& config, std::size_t) {
                return QuoteForToml(Name(FieldOf<Path...>(config)));
              },
          .allowed = AllowedNames,
          .names = NamesOfAll<Enum>};
}

// Which sets are enough (replica/base/quorum_system.h).
void ReadQuorums(std::string_view key, ConfigTable& table, QuorumSpec& spec);
template <auto... Path>
constexpr SettingForm QuorumText() {
  return {.read =
              [](const SettingForm&, std::string_view key, ConfigTable& table,
                 ConfigDraft& draft) {
                ReadQuorums(key, table, FieldOf<Path...>(draft.config));
              },
          .print =
              [](const SettingForm&, const ClusterConfig& config, std::size_t) {
                return QuoteForToml(ToString(FieldOf<Path...>(config)));
              },
          .allowed = AllowedWords,
          .words = "a quorum system (`replica/base/README.md`)"};
}

// A text that may be left out; `words` says what is allowed.
template <auto... Path>
constexpr SettingForm OptionalWord(std::string_view words) {
  return {.read =
              [](const SettingForm&, std::string_view key, ConfigTable& table,
                 ConfigDraft& draft) {
                table.Text(key, FieldOf<Path...>(draft.config));
              },
          .print =
              [](const SettingForm&, const ClusterConfig& config, std::size_t) {
                const std::string& text = FieldOf<Path...>(config);
                return text.empty() ? "" : QuoteForToml(text);
              },
          .allowed = AllowedWords,
          .words = words,
          .otherwise = "none"};
}

// A text that must be there.
template <auto... Path>
constexpr SettingForm RequiredWord() {
  return {.read =
              [](const SettingForm&, std::string_view key, ConfigTable& table,
                 ConfigDraft& draft) {
                table.RequiredText(key, FieldOf<Path...>(draft.config));
              },
          .print =
              [](const SettingForm&, const ClusterConfig& config, std::size_t) {
                return QuoteForToml(FieldOf<Path...>(config));
              },
          .allowed = AllowedWords,
          .words = "a text",
          .otherwise = "required"};
}

}  // namespace quorate
