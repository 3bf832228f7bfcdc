// Answers: which settings must all nodes of a cluster have alike?
//
// One row a setting. An agreed one is part of what the protocol means: what was
// voted under one value may not be read, counted or executed under another. Its
// value is fixed when a node's directory is created and compared in every
// handshake, in words that are equal when the meaning is: a default and the
// number that it stands for, or two ways to write one quorum system, are the
// same. A private one may differ from node to node and from life to life; why
// that is so stands in its row. A key of cluster.toml without a row fails a
// test. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "replica/config/config.h"
#include "wire/agreed_settings.h"

namespace quorate {

enum class SettingScope : std::uint8_t { kAgreed, kPrivate };

struct SettingRow {
  std::string_view name;  // "protocol.faults": [protocol] faults
  SettingScope scope = SettingScope::kPrivate;
  // What an agreed one means in this configuration; nullopt where the protocol
  // has no use for it. Null for a private one.
  std::optional<std::string> (*value)(const ClusterConfig& config) = nullptr;
  std::string_view why;  // it is agreed, or may differ
};

std::span<const SettingRow> SettingRows();

// The agreed ones of a valid configuration, in the order of the table.
AgreedSettings AgreedSettingsOf(const ClusterConfig& config);

// The table as a page, replica/docs/settings.md.
std::string SettingsPage();

}  // namespace quorate
