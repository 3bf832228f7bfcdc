#include "wire/agreed_settings.h"

#include <xxhash.h>

#include <algorithm>

namespace quorate {
namespace {

const AgreedSetting* Find(const AgreedSettings& settings,
                          std::string_view name) {
  const auto found = std::ranges::find(settings, name, &AgreedSetting::name);
  return found == settings.end() ? nullptr : &*found;
}

}  // namespace

std::uint64_t DigestOf(const AgreedSettings& settings) {
  std::string text;
  for (const AgreedSetting& setting : settings) {
    // A name has no '\0', so no two lists give one text.
    text.append(setting.name).push_back('\0');
    text.append(std::to_string(setting.value.size())).push_back('\0');
    text.append(setting.value);
  }
  return XXH3_64bits(text.data(), text.size());
}

std::optional<SettingDifference> FindDifference(const AgreedSettings& here,
                                                const AgreedSettings& there) {
  for (const AgreedSetting& own : here) {
    const AgreedSetting* other = Find(there, own.name);
    if (other == nullptr) return {{own.name, own.value, std::nullopt}};
    if (other->value != own.value) return {{own.name, own.value, other->value}};
  }
  for (const AgreedSetting& other : there) {
    if (Find(here, other.name) != nullptr) continue;
    return {{other.name, std::nullopt, other.value}};
  }
  return std::nullopt;
}

bool OnlyAddsOperations(const AgreedSettings& before,
                        const AgreedSettings& now) {
  return std::equal(
      before.begin(), before.end(), now.begin(), now.end(),
      [](const AgreedSetting& was, const AgreedSetting& is) {
        if (was == is) return true;
        return was.name == is.name && is.name == kConflictTableName &&
               std::string_view(is.value).starts_with(was.value + " ");
      });
}

std::string Assignment(std::string_view name,
                       const std::optional<std::string>& value) {
  if (!value) return "no " + std::string(name);
  return std::string(name) + " = \"" + *value + "\"";
}

}  // namespace quorate
