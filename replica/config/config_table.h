// Answers: how is a configuration file read so that every error says where?
//
// A thin reader over a TOML document. Each call reads one key into a variable
// that already holds the default; the first thing that is wrong is kept with
// its line, later ones are ignored. RefuseOthers then turns every key that
// nobody asked for into an error. TOML's own types stay in config_table.cc.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "replica/config/config.h"

namespace quorate {

class ConfigDocument;

// One table of the file, or one that is not there: then every key keeps its
// default. Lives no longer than its document.
class ConfigTable {
 public:
  void Text(std::string_view key, std::string& value);
  void RequiredText(std::string_view key, std::string& value);
  void Flag(std::string_view key, bool& value);
  void Choice(std::string_view key, std::span<const std::string_view> known,
              std::string& value);
  // A list of choices; nullopt stays where the key is not there.
  void Choices(std::string_view key, std::span<const std::string_view> known,
               std::optional<std::vector<std::string>>& values);
  void Address(std::string_view key, Endpoint& value);
  // Stays as it is where the key is not there.
  void OptionalAddress(std::string_view key, std::optional<Endpoint>& value);
  void OptionalHost(std::string_view key, std::optional<std::string>& value);
  template <std::integral T>
  void Integer(std::string_view key, std::int64_t least, std::int64_t most,
               T& value) {
    std::int64_t number = static_cast<std::int64_t>(value);
    ReadInteger(key, least, most, number);
    value = static_cast<T>(number);
  }

  // "batch.max_commands".
  std::string NameOf(std::string_view key) const;
  // Refuses the value of `key` for a reason of the caller's.
  void Refuse(std::string_view key, std::string_view problem);
  // Refuses every key that has not been read.
  void RefuseOthers();

 private:
  friend class ConfigDocument;
  struct Source;
  ConfigTable(ConfigDocument* document, std::string name, const void* table)
      : document_(document), name_(std::move(name)), table_(table) {}

  void ReadInteger(std::string_view key, std::int64_t least, std::int64_t most,
                   std::int64_t& value);
  int line() const;

  ConfigDocument* document_;
  std::string name_;
  const void* table_;  // a toml::table, or null when it is not there
  std::vector<std::string> read_;
};

class ConfigDocument {
 public:
  static absl::StatusOr<ConfigDocument> Parse(std::string_view text,
                                              std::string_view path);

  ConfigTable Table(std::string_view name);
  std::size_t NodeCount();
  ConfigTable Node(std::size_t index);
  // Refuses every top-level name but these and the nodes.
  void RefuseOthers(std::span<const std::string_view> tables);

  void Refuse(std::string_view problem) { RefuseLine(0, problem); }
  void RefuseNode(std::size_t index, std::string_view problem);
  // Line 0: the problem is the file's as a whole.
  void RefuseLine(int line, std::string_view problem);

  const absl::Status& status() const { return status_; }

 private:
  ConfigDocument() = default;

  std::string path_;
  std::shared_ptr<const void> root_;  // a toml::table
  absl::Status status_;
};

}  // namespace quorate
