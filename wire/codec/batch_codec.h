// Answers: how does a batch of commands become a CommandBatch message and back?
//
// Only the way between columns in a message and the columns of
// wire/command_columns.h, which does the checking and building. Reading takes
// the lists' memory as it is: their elements are little-endian, as this machine
// is. Included by the sources of wire/codec only.
#pragma once

#include <capnp/any.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "wire/codec/schema/quorate.capnp.h"
#include "wire/command.h"

namespace quorate::codec {

static_assert(std::endian::native == std::endian::little,
              "columns are read as they lie in the message");

// Are keys, values and operations of each command held to wire/limits.h?
enum class BatchLimits : std::uint8_t {
  kEnforced,      // between replicas: every command has been checked before
  kLeftToCaller,  // from clients (CheckLimits, one refusal a command) and from
                  // the journal (an older version may have had larger limits)
};

// Words that a message needs for this batch, roughly; 0 for none.
std::size_t BatchWords(const CommandBatchPtr& batch);

// `batch` is not null.
void SetBatch(const CommandBatchPtr& batch,
              schema::CommandBatch::Builder builder);

absl::StatusOr<CommandBatchPtr> ReadBatch(
    const schema::CommandBatch::Reader& reader, BatchLimits limits);

// Writes get(0), get(1), ... into a list.
template <typename ListBuilder, typename Get>
void FillColumn(ListBuilder list, const Get& get) {
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, get(i));
}

// Gives the memory of a message's lists, as long as their elements have the
// size of T: in a message of another schema they need not.
class ColumnReader {
 public:
  template <typename T, typename ListReader>
  std::span<const T> Column(const ListReader& list) {
    constexpr capnp::ElementSize kSize =
        sizeof(T) == 8   ? capnp::ElementSize::EIGHT_BYTES
        : sizeof(T) == 4 ? capnp::ElementSize::FOUR_BYTES
        : sizeof(T) == 2 ? capnp::ElementSize::TWO_BYTES
                         : capnp::ElementSize::BYTE;
    const capnp::AnyList::Reader any(list);
    if (any.getElementSize() != kSize) {
      readable_ = false;
      return {};
    }
    return {reinterpret_cast<const T*>(any.getRawBytes().begin()), any.size()};
  }
  // Were all lists of their columns' types?
  absl::Status status() const;

 private:
  bool readable_ = true;
};

inline std::string_view BytesOf(const capnp::Data::Reader& data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

}  // namespace quorate::codec
