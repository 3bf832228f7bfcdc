# Answers: how do Quorate's values lie on the wire and in the journal?
#
# The body of every frame (wire/frame.h) and of every journal entry is one of
# the roots below, in one segment. Fields are only ever added, at the end; a
# decoder skips what it does not know, and refuses a union member that it does
# not know as one message, not as a broken connection. Batches and replies are
# stored by column, one list a field: a column that would hold nothing but its
# default is left out (null). What the values mean is said in wire/*.h.
@0x807e4b11b4e2eaae;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("quorate::schema");

# ---- shared by all roots ----------------------------------------------------

# wire/command_columns.h. The root of a ClientRequest frame.
struct CommandBatch {
  # One entry a command.
  clients @0 :List(UInt64);
  sequences @1 :List(UInt64);
  unacknowledged @2 :List(UInt32);   # sequence - acknowledged
  acknowledged @3 :List(UInt64);     # instead, when a difference needs 33 bits
  operationCounts @4 :List(UInt16);  # left out: 1 each

  # One entry an operation.
  kinds @5 :List(UInt8);             # OperationKind
  keyLengths @6 :List(UInt32);
  valueLengths @7 :List(UInt32);     # left out: 0 each
  expectedLengths @8 :List(UInt32);  # left out: 0 each
  numbers @9 :List(Int64);           # left out: 0 each

  # key, value, expected of the first operation, then of the second, ...
  bytes @10 :Data;
}

struct Value {
  union {
    none @0 :Void;
    noop @1 :Void;
    commands @2 :CommandBatch;
    digest @3 :UInt64;  # commands whose payload was left out
  }
}

# A dependency set is a List(UInt64), one watermark a column; left out when all
# are 0. An instance is a pair of fields, slot and replica.

enum InstanceStatus {
  unknown @0;
  preAccepted @1;
  accepted @2;
  committed @3;
}

# ---- between replicas -------------------------------------------------------

# Root of a PeerMessage frame.
struct PeerMessage {
  union {
    preAccept @0 :PreAccept;
    preAcceptReply @1 :PreAcceptReply;
    accept @2 :Accept;
    acceptReply @3 :AcceptReply;
    nack @4 :Nack;
    commit @5 :Commit;
    recover @6 :Recover;
    recoverReply @7 :RecoverReply;
    validate @8 :Validate;
    validateReply @9 :ValidateReply;
    waiting @10 :Waiting;
    inquire @11 :Inquire;
    inquireReply @12 :InquireReply;
    frontier @13 :Frontier;
    truncated @14 :Truncated;
    snapshotRequest @15 :SnapshotRequest;
    snapshotChunk @16 :SnapshotChunk;
    dependencyRequest @17 :DependencyRequest;
    dependencyReply @18 :DependencyReply;
    instanceReplies @19 :InstanceReplies;
    prepare @20 :Prepare;
    promise @21 :Promise;
    lead @22 :Lead;
    leadReply @23 :LeadReply;
  }
}

struct PreAccept {
  slot @0 :UInt64;
  replica @1 :UInt8;
  fastQuorum @2 :UInt16;  # bit i: replica i
  batch @3 :CommandBatch;
  initialDeps @4 :List(UInt64);
}

struct PreAcceptReply {
  slot @0 :UInt64;
  replica @1 :UInt8;
  deps @2 :List(UInt64);
}

struct Accept {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  value @3 :Value;
  deps @4 :List(UInt64);
  committed @5 :UInt64;
}

struct AcceptReply {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
}

struct Nack {
  slot @0 :UInt64;
  replica @1 :UInt8;
  promisedBallot @2 :UInt64;
}

struct Commit {
  slot @0 :UInt64;
  replica @1 :UInt8;
  value @2 :Value;
  deps @3 :List(UInt64);
}

struct Recover {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  batch @3 :CommandBatch;  # left out: not known
}

struct RecoverReply {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  status @3 :InstanceStatus;
  acceptedBallot @4 :UInt64;
  value @5 :Value;
  deps @6 :List(UInt64);
  matchesInitial @7 :Bool;
  recused @8 :Bool;
  fastQuorum @9 :UInt16;
}

struct Validate {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  batch @3 :CommandBatch;
  initialDeps @4 :List(UInt64);
}

struct ValidateReply {
  struct Conflict {
    slot @0 :UInt64;
    replica @1 :UInt8;
    committed @2 :Bool;
  }
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  conflicts @3 :List(Conflict);
}

struct Waiting {
  slot @0 :UInt64;
  replica @1 :UInt8;
  matchingVotes @2 :UInt8;
}

struct Inquire {
  slot @0 :UInt64;
  replica @1 :UInt8;
}

struct InquireReply {
  slot @0 :UInt64;
  replica @1 :UInt8;
  status @2 :InstanceStatus;
  promisedBallot @3 :UInt64;
  workingOnIt @4 :Bool;
}

struct Frontier {
  committed @0 :List(UInt64);
  executed @1 :List(UInt64);
  baseFloor @2 :List(UInt64);
  forgottenThrough @3 :UInt64;
  era @4 :UInt64;
}

struct Truncated {
  slot @0 :UInt64;
  replica @1 :UInt8;
  dropFloor @2 :List(UInt64);
}

struct SnapshotRequest {
  through @0 :UInt64;  # 0: the last checkpoint
  first @1 :UInt64;
  forgotten @2 :List(UInt64);
}

struct SnapshotChunk {
  through @0 :UInt64;
  index @1 :UInt64;
  chunks @2 :UInt64;
  entries @3 :Data;  # journal entries
}

struct DependencyRequest {
  slot @0 :UInt64;
  replica @1 :UInt8;
  batch @2 :CommandBatch;
}

struct DependencyReply {
  slot @0 :UInt64;
  replica @1 :UInt8;
  deps @2 :List(UInt64);
}

struct InstanceReplies {
  slot @0 :UInt64;
  replica @1 :UInt8;
  replies @2 :ClientReplies;
}

struct Prepare {
  ballot @0 :UInt64;
  first @1 :UInt64;
}

struct Promise {
  struct Vote {
    slot @0 :UInt64;
    ballot @1 :UInt64;
    value @2 :Value;
    decided @3 :Bool;
  }
  ballot @0 :UInt64;
  first @1 :UInt64;
  through @2 :UInt64;
  votes @3 :List(Vote);
}

struct Lead {
  ballot @0 :UInt64;
  committed @1 :UInt64;
  round @2 :UInt64;
}

struct LeadReply {
  ballot @0 :UInt64;
  round @1 :UInt64;
}

# ---- clients and handshake --------------------------------------------------

enum PeerRole {
  replica @0;
  client @1;
  observer @2;  # Asks for the status, sends no command.
}

# Root of a Hello frame. Major and minor stay what and where they are in every
# version to come, so that any two versions can at least refuse each other.
struct Hello {
  major @0 :UInt16;
  minor @1 :UInt16;
  role @2 :PeerRole;
  node @3 :UInt8;
  clusterId @4 :Text;
  incarnation @5 :UInt64;  # of `life`
  era @6 :UInt64;
  life @7 :UInt64;
  process @8 :UInt64;
  record @9 :UInt64;
  met @10 :NodeLife;  # left out: never met
  name @11 :Text;
  settings @12 :List(AgreedSetting);
  settingsDigest @13 :UInt64;
}

struct NodeLife {
  incarnation @0 :UInt64;
  life @1 :UInt64;
  process @2 :UInt64;
  record @3 :UInt64;
}

struct AgreedSetting {
  name @0 :Text;
  value @1 :Text;
}

# Root of a Progress frame.
struct Progress {
  record @0 :UInt64;
  sentUs @1 :UInt64;
  heardUs @2 :UInt64;
  heldUs @3 :UInt64;
}

# Root of a Reject frame.
struct Reject {
  reason @0 :Text;
  taken @1 :Bool;
  code @2 :Text;
}

# Root of a ClientReplies frame.
struct ClientReplies {
  # One entry a reply.
  clients @0 :List(UInt64);
  sequences @1 :List(UInt64);
  slots @2 :List(UInt64);            # left out: 0 each
  replicas @3 :List(UInt8);          # left out: 0 each
  statuses @4 :List(UInt8);          # ReplyStatus; left out: done each
  reasons @5 :List(UInt8);           # RefusalReason; left out: none each
  commitLatenciesUs @6 :List(UInt32);  # left out: 0 each
  resultCounts @7 :List(UInt16);     # left out: 1 each

  # One entry a result. Statuses and lengths may only be left out where
  # resultCounts is.
  resultStatuses @8 :List(UInt8);    # OperationStatus; left out: ok each
  valueLengths @9 :List(UInt32);     # left out: 0 each
  rowCounts @10 :List(UInt32);       # left out: 0 each

  # One entry a row.
  rowKeyLengths @11 :List(UInt32);
  rowValueLengths @12 :List(UInt32);

  # value, then key and value of each row, of the first result, then of the
  # second, ...
  bytes @13 :Data;

  era @14 :UInt64;
}

# Root of a StatusRequest frame.
struct StatusRequest {
}

# Root of a StatusReply frame.
struct StatusReply {
  json @0 :Text;
}

# ---- journal ----------------------------------------------------------------

# Root of a journal entry. Its members resemble messages but are types of their
# own: journals outlive versions, connections do not.
struct Record {
  union {
    preAccepted @0 :PreAcceptedRecord;
    accepted @1 :AcceptedRecord;
    promised @2 :PromisedRecord;
    validated @3 :ValidatedRecord;
    committed @4 :CommittedRecord;
    floor @5 :FloorRecord;
    # The records of a checkpoint.
    checkpointBegun @6 :CheckpointBegunRecord;
    executed @7 :ExecutedRecord;
    instance @8 :InstanceRecord;
    entries @9 :EntriesRecord;
    sessions @10 :SessionsRecord;
    checkpointEnded @11 :CheckpointEndedRecord;

    reserved @12 :ReservedRecord;
    dependency @13 :DependencyRecord;
    decided @14 :DecidedRecord;
  }
}

struct PreAcceptedRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  fastQuorum @2 :UInt16;
  batch @3 :CommandBatch;
  initialDeps @4 :List(UInt64);
  deps @5 :List(UInt64);
}

struct AcceptedRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  value @3 :Value;
  deps @4 :List(UInt64);
}

struct PromisedRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  ballot @2 :UInt64;
  batch @3 :CommandBatch;  # left out: nothing was asked for
  deps @4 :List(UInt64);   # left out with it
}

struct ValidatedRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  batch @2 :CommandBatch;
  initialDeps @3 :List(UInt64);
}

struct CommittedRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  value @2 :Value;
  deps @3 :List(UInt64);
}

struct FloorRecord {
  baseFloor @0 :List(UInt64);
  dropFloor @1 :List(UInt64);
}

struct ReservedRecord {
  through @0 :UInt64;
  lazyFastCommit @1 :Bool;
}

struct DependencyRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  batch @2 :CommandBatch;
  deps @3 :List(UInt64);
}

struct DecidedRecord {
  through @0 :UInt64;
}

struct CheckpointBegunRecord {
  through @0 :UInt64;
}

struct ExecutedRecord {
  executed @0 :List(UInt64);
  # One entry an instance above.
  aboveSlots @1 :List(UInt64);
  aboveReplicas @2 :List(UInt8);
  era @3 :UInt64;
}

struct InstanceRecord {
  slot @0 :UInt64;
  replica @1 :UInt8;
  status @2 :InstanceStatus;
  promisedBallot @3 :UInt64;
  acceptedBallot @4 :UInt64;
  value @5 :Value;
  deps @6 :List(UInt64);
  initialBatch @7 :CommandBatch;  # left out: not known
  initialKnown @8 :Bool;
  initialDeps @9 :List(UInt64);
  fastQuorum @10 :UInt16;
  collected @11 :Bool;
}

struct EntriesRecord {
  # One entry a key.
  keySizes @0 :List(UInt32);
  valueSizes @1 :List(UInt32);
  # key, value of the first entry, then of the second, ...
  bytes @2 :Data;
}

struct SessionsRecord {
  # One entry a session.
  clients @0 :List(UInt64);
  acknowledged @1 :List(UInt64);
  intervalCounts @2 :List(UInt32);

  # One entry an interval.
  firsts @3 :List(UInt64);
  lasts @4 :List(UInt64);

  results @5 :ClientReplies;

  # One entry a session.
  lastEras @6 :List(UInt64);
  requestsHashes @7 :List(UInt64);
  resultsCuts @8 :List(UInt64);      # left out: 0 each
}

struct CheckpointEndedRecord {
  through @0 :UInt64;
  stateHash @1 :UInt64;
}
