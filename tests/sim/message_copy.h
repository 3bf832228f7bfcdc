// Answers: what does a message or record look like on the other side?
//
// Machines share batches by pointer, and a batch carries `origin`, which is
// local to one process. Whatever crosses to another node, or to the next life
// of the same one, is therefore rebuilt without it, as the codec does; each
// batch once a run. The comparisons are by contents.
#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "wire/command.h"
#include "wire/message.h"
#include "wire/record.h"

namespace quorate::sim {

class OriginStripper {
 public:
  // The same batch with every origin 0; null stays null.
  CommandBatchPtr Strip(const CommandBatchPtr& batch);
  Message Strip(const Message& message);
  Record Strip(const Record& record);

 private:
  // Keyed by address; `kept` keeps the address from being used again.
  struct Entry {
    CommandBatchPtr kept;
    CommandBatchPtr stripped;
  };
  absl::flat_hash_map<const CommandBatch*, Entry> known_;
};

// Equal in everything that travels.
bool SameContents(const Message& a, const Message& b);
bool SameContents(const Record& a, const Record& b);

}  // namespace quorate::sim
