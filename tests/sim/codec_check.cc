#include "tests/sim/codec_check.h"

#include <cstring>
#include <string>
#include <utility>

#include "tests/sim/message_copy.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate::sim {
namespace {

constexpr const char* kInvariant = "codec: what was encoded is decoded";

// Feeds the frame in two pieces, as a socket might.
absl::StatusOr<Message> Decode(const std::string& bytes, int columns) {
  FrameReader reader(kMaxPeerFrameBytes);
  std::string_view rest = bytes;
  std::size_t piece = rest.size() / 2;
  for (;;) {
    const std::span<char> space = reader.Space();
    piece = std::min({piece, space.size(), rest.size()});
    std::memcpy(space.data(), rest.data(), piece);
    reader.Filled(piece);
    rest.remove_prefix(piece);
    absl::StatusOr<std::optional<Frame>> frame = reader.Next();
    if (!frame.ok()) return frame.status();
    if (frame->has_value()) return DecodeMessage((*frame)->body, columns);
    if (rest.empty()) return absl::DataLossError("the frame never ends");
    piece = rest.size();
  }
}

}  // namespace

void MessageThroughCodec(int columns, Message& message, Verdict& verdict) {
  std::string bytes;
  EncodeMessage(message, bytes);
  absl::StatusOr<Message> decoded = Decode(bytes, columns);
  if (!decoded.ok()) {
    verdict.Fail(kInvariant, std::string(Name(message)) + ": " +
                                 std::string(decoded.status().message()));
  } else if (!SameContents(message, *decoded)) {
    verdict.Fail(kInvariant, std::string(Name(message)) + " came out changed");
  } else {
    message = *std::move(decoded);
  }
}

void RecordsThroughCodec(int columns, std::vector<Record>& records,
                         Verdict& verdict) {
  std::string bytes;
  for (const Record& record : records) EncodeRecord(record, bytes);
  std::vector<Record> decoded;
  const absl::Status status = DecodeRecords(
      bytes, columns,
      [&decoded](Record&& record) { decoded.push_back(std::move(record)); });
  if (!status.ok() || decoded.size() != records.size()) {
    verdict.Fail(kInvariant, "journal: " + std::string(status.message()));
    return;
  }
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (SameContents(records[i], decoded[i])) continue;
    verdict.Fail(kInvariant,
                 std::string(Name(records[i])) + " record came out changed");
    return;
  }
  records = std::move(decoded);
}

}  // namespace quorate::sim
