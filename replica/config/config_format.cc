// The way back: a configuration as the text that gives it.
#include "replica/config/config.h"
#include "replica/config/setting_table.h"
#include "wire/text.h"

namespace quorate {
namespace {

// "faults = 0\n", or nothing where the key is left out.
std::string Line(const SettingRow& row, const ClusterConfig& config,
                 std::size_t node) {
  const std::string value = row.form.print(row.form, config, node);
  return value.empty() ? "" : Concat(row.key(), " = ", value, "\n");
}

}  // namespace

std::string FormatConfigBy(SettingTable rows, const ClusterConfig& config) {
  std::string text;
  for (const std::string_view section : SectionsOf(rows)) {
    text += Concat(text.empty() ? "" : "\n", "[", section, "]\n");
    for (const SettingRow& row : rows) {
      if (row.of_file() && row.section() == section) {
        text += Line(row, config, 0);
      }
    }
  }
  for (std::size_t i = 0; i < config.nodes.size(); ++i) {
    text += "\n[[node]]\n";
    for (const SettingRow& row : rows) {
      if (row.of_node()) text += Line(row, config, i);
    }
  }
  return text;
}

std::string FormatConfig(const ClusterConfig& config) {
  return FormatConfigBy(SettingRows(), config);
}

}  // namespace quorate
