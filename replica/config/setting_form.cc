#include "replica/config/setting_form.h"

namespace quorate {

std::string QuoteForToml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += Concat("\\", std::string_view(&c, 1));
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += Concat("\\u", absl::Hex(byte, absl::kZeroPad4));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string AllowedNumbers(const SettingForm& form) {
  return Concat(form.least, " to ", form.most);
}

std::string AllowedWords(const SettingForm& form) {
  return std::string(form.words);
}

std::string AllowedNames(const SettingForm& form) {
  std::string text;
  for (const std::string_view name : form.names()) {
    text += Concat(text.empty() ? "" : ", ", "`", name, "`");
  }
  return text;
}

void ReadQuorums(std::string_view key, ConfigTable& table, QuorumSpec& spec) {
  std::string text = ToString(spec);
  table.Text(key, text);
  const absl::StatusOr<QuorumSpec> parsed = ParseQuorumSpec(text);
  if (parsed.ok()) {
    spec = *parsed;
  } else {
    table.Refuse(key, Concat(table.NameOf(key), ": ",
                             std::string(parsed.status().message())));
  }
}

}  // namespace quorate
