// Answers: which settings are there, and which must all nodes have alike?
//
// One row a setting, and nothing else to touch for a new one of a known kind:
// the row says how it is read, checked and printed (setting_form.h), what it is
// for, and whether a cluster agrees on it. Parse, print, `quorate settings` and
// replica/docs/settings.md come from here.
//
// An agreed setting is part of what the protocol means: what was voted under
// one value may not be read, counted or executed under another. Its value is
// fixed when a node's directory is created and compared in every handshake, in
// words that are equal when the meaning is (setting_meaning.h). A private one
// may differ from node to node and from life to life. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replica/config/config.h"
#include "replica/config/setting_form.h"
#include "wire/agreed_settings.h"

namespace quorate {

enum class SettingScope : std::uint8_t { kAgreed, kPrivate };

struct SettingRow {
  std::string_view name;  // "protocol.faults": [protocol] faults
  SettingForm form;
  std::string_view about;  // what it says
  SettingScope scope = SettingScope::kPrivate;
  // What an agreed one means in this configuration; nullopt where the protocol
  // has no use for it. Null for a private one.
  std::optional<std::string> (*value)(const ClusterConfig& config) = nullptr;
  std::string_view why;  // it is agreed, or may differ

  std::string_view section() const { return name.substr(0, name.find('.')); }
  std::string_view key() const { return name.substr(name.find('.') + 1); }
  // Of cluster.toml, and not of the program.
  bool of_file() const { return form.read != nullptr; }
  bool of_node() const { return section() == "node"; }
  // "64", "\"epaxos\"", or words.
  std::string Default() const;
  std::string Allowed() const { return form.allowed(form); }
};

// Of each table of the file the rows are in its order.
using SettingTable = std::span<const SettingRow>;
SettingTable SettingRows();

// The row of that name, which must be there.
const SettingRow& SettingRowOf(std::string_view name);

// The tables of the file but [[node]], in order.
std::vector<std::string_view> SectionsOf(SettingTable rows);

// The agreed ones of a valid configuration, in the order of the table.
AgreedSettings AgreedSettingsOf(const ClusterConfig& config,
                                SettingTable rows = SettingRows());

// ParseConfig and FormatConfig by another table.
absl::StatusOr<ClusterConfig> ParseConfigBy(SettingTable rows,
                                            std::string_view text,
                                            std::string_view path);
std::string FormatConfigBy(SettingTable rows, const ClusterConfig& config);

// A cluster.toml for five machines with no more than it needs.
std::string_view MinimalConfig();

// The table as a page, replica/docs/settings.md.
std::string SettingsPage(SettingTable rows = SettingRows());

}  // namespace quorate
