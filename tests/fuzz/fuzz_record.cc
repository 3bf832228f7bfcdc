// Any bytes as a group of the journal: once as they are, where a checksum
// refuses nearly all of them, and once as the message of one entry whose
// checksum is right, as if a defect of ours had written it.
#include <cstring>
#include <span>
#include <variant>

#include "tests/fuzz/fuzz.h"
#include "tests/wire/random_values.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quorate::fuzz {
namespace {

constexpr int kColumns = 3;
constexpr std::size_t kEntryHeaderBytes = 8;

// The bytes as an entry (wire/README.md).
std::string Seal(std::string_view body) {
  const auto length = static_cast<std::uint32_t>(body.size());
  const auto check = static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(body.data(), body.size(), body.size()));
  std::string entry(kEntryHeaderBytes, '\0');
  std::memcpy(entry.data(), &length, sizeof(length));
  std::memcpy(entry.data() + sizeof(length), &check, sizeof(check));
  return entry.append(body);
}

void CheckGroup(std::string_view group) {
  const absl::Status status =
      DecodeRecords(group, kColumns, [](Record&& record) {
        std::string again;
        EncodeRecord(record, again);
        const absl::Status same =
            DecodeRecords(again, kColumns, [&](Record&& decoded) {
              QUORATE_CHECK(Same(record, decoded),
                            "a decoded record survives a round trip");
            });
        QUORATE_CHECK(same.ok(), "a record of ours can be read");
      });
  QUORATE_CHECK(status.ok() || !status.message().empty(),
                "a refusal has a text");
}

}  // namespace

std::vector<std::string> Seeds() {
  Random random(3);
  std::vector<std::string> seeds;
  for (int i = 0; i < 20; ++i) {
    for (std::size_t type = 0; type < std::variant_size_v<Record::variant>; ++type) {
      std::string entry;
      EncodeRecord(RandomRecord(random, type, kColumns), entry);
      const std::string body = entry.substr(kEntryHeaderBytes);
      QUORATE_CHECK(Seal(body) == entry, "entries are sealed as documented");
      seeds.push_back(body);
    }
  }
  return seeds;
}

}  // namespace quorate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  quorate::fuzz::CheckGroup(input);
  quorate::fuzz::CheckGroup(quorate::fuzz::Seal(input));
  return 0;
}
