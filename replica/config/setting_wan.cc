#include "replica/config/setting_wan.h"

#include "wire/wan/way.h"

namespace quorate {
namespace {

void ReadJitter(const SettingForm&, std::string_view key, ConfigTable& table,
                ConfigDraft& draft) {
  std::string& jitter = draft.config.wan.jitter;
  table.Text(key, jitter);
  if (const auto parsed = ParseJitter(jitter); !parsed.ok()) {
    table.Refuse(key, std::string(parsed.status().message()));
  }
}

std::string PrintJitter(const SettingForm&, const ClusterConfig& config,
                        std::size_t) {
  return QuoteForToml(config.wan.jitter);
}

}  // namespace

constinit const SettingForm kWanJitter = {
    .read = ReadJitter,
    .print = PrintJitter,
    .allowed = AllowedWords,
    .words =
        "`none`, `uniform MS`, `lognormal MEDIAN_MS SIGMA`, `trace FILE` "
        "with a number of ms a line"};

}  // namespace quorate
