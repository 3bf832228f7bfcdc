// Answers: how do the records of a checkpoint become messages and back?
//
// SetCheckpoint writes a record's member of the Record union, Get… reads it.
// Keys, values and sessions travel by column, so that a state of small entries
// costs little more than its bytes; columns are checked against each other
// before anything is made of them. Included by the sources of wire/codec only.
#pragma once

#include <cstddef>

#include "wire/codec/fields.h"
#include "wire/codec/schema/quorate.capnp.h"
#include "wire/record.h"

namespace quorate::codec {

void SetCheckpoint(const CheckpointBegunRecord& record,
                   schema::Record::Builder root);
void SetCheckpoint(const ExecutedRecord& record, schema::Record::Builder root);
void SetCheckpoint(const InstanceRecord& record, schema::Record::Builder root);
void SetCheckpoint(const EntriesRecord& record, schema::Record::Builder root);
void SetCheckpoint(const SessionsRecord& record, schema::Record::Builder root);
void SetCheckpoint(const CheckpointEndedRecord& record,
                   schema::Record::Builder root);

// Words of what a record has beside its fixed fields, roughly.
std::size_t ExtraWords(const ExecutedRecord& record);
std::size_t ExtraWords(const InstanceRecord& record);
std::size_t ExtraWords(const EntriesRecord& record);
std::size_t ExtraWords(const SessionsRecord& record);

ExecutedRecord Get(const schema::ExecutedRecord::Reader& from,
                   FieldReader& fields);
InstanceRecord Get(const schema::InstanceRecord::Reader& from,
                   FieldReader& fields);
EntriesRecord Get(const schema::EntriesRecord::Reader& from,
                  FieldReader& fields);
SessionsRecord Get(const schema::SessionsRecord::Reader& from,
                   FieldReader& fields);

}  // namespace quorate::codec
