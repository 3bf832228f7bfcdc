#include "wire/record.h"

#include "wire/overloaded.h"

namespace quorate {

std::string_view Name(const Record& record) {
  return std::visit(
      Overloaded{[](const PreAcceptedRecord&) { return "PreAccepted"; },
                 [](const AcceptedRecord&) { return "Accepted"; },
                 [](const PromisedRecord&) { return "Promised"; },
                 [](const ValidatedRecord&) { return "Validated"; },
                 [](const CommittedRecord&) { return "Committed"; },
                 [](const FloorRecord&) { return "Floor"; },
                 [](const ReservedRecord&) { return "Reserved"; },
                 [](const CheckpointBegunRecord&) { return "CheckpointBegun"; },
                 [](const ExecutedRecord&) { return "Executed"; },
                 [](const InstanceRecord&) { return "Instance"; },
                 [](const EntriesRecord&) { return "Entries"; },
                 [](const SessionsRecord&) { return "Sessions"; },
                 [](const CheckpointEndedRecord&) { return "CheckpointEnded"; },
                 [](const DependencyRecord&) { return "Dependency"; },
                 [](const DecidedRecord&) { return "Decided"; }},
      record);
}

Record::Record(const Record& other) = default;
Record::Record(Record&& other) noexcept = default;
Record& Record::operator=(const Record& other) = default;
Record& Record::operator=(Record&& other) noexcept = default;
Record::~Record() = default;

}  // namespace quorate
