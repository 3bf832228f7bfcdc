// Answers: do two nodes mean the same by what they say?
//
// The settings that give a cluster's protocol its meaning, each with its value
// in words, in the order of the table they are made from
// (replica/config/setting_table.h). A node writes them into its directory when
// it creates it, says them in every handshake, and goes on only with equal
// ones. Equal meanings have equal words, so nobody who compares them has to
// know what they mean, and whoever finds a difference can name it. Plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate {

struct AgreedSetting {
  std::string name;   // "protocol.faults": as in cluster.toml
  std::string value;  // "1"
  friend bool operator==(const AgreedSetting&, const AgreedSetting&) = default;
};

using AgreedSettings = std::vector<AgreedSetting>;

// Names that begin so are of the program and not of cluster.toml: another
// release may have another value.
inline constexpr std::string_view kReleasePrefix = "release.";
// Who they are, in order: a node of another list counts other quorums.
inline constexpr std::string_view kMembersName = "node.name";

// Equal for equal settings, on every machine.
std::uint64_t DigestOf(const AgreedSettings& settings);

struct SettingDifference {
  std::string name;
  // Nothing: that side does not say the setting at all.
  std::optional<std::string> here;
  std::optional<std::string> there;

  bool of_release() const { return name.starts_with(kReleasePrefix); }
  bool of_members() const { return name == kMembersName; }
};

// The first setting, in the order of `here`, that differs.
std::optional<SettingDifference> FindDifference(const AgreedSettings& here,
                                                const AgreedSettings& there);

// What commutes, as words: the first stands for the operations that were there
// at first, each further one for one that has come since.
inline constexpr std::string_view kConflictTableName = "release.conflict_table";

// Do the settings differ in nothing but that `now` knows further operations? A
// directory written with `before` may be read with `now`; two nodes must not
// differ even in that.
bool OnlyAddsOperations(const AgreedSettings& before,
                        const AgreedSettings& now);

// "protocol.faults = \"1\"", or "no protocol.faults".
std::string Assignment(std::string_view name,
                       const std::optional<std::string>& value);

}  // namespace quorate
