#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "wire/codec/batch_codec.h"
#include "wire/codec/body.h"
#include "wire/codec/codec.h"
#include "wire/codec/replies_codec.h"
#include "wire/limits.h"

namespace quorate {
namespace codec {
namespace {

constexpr std::size_t kSmallWords = 64;
// Two pointers, two zero bytes at the end and what fills up the words.
constexpr std::size_t kSettingBytes = 32;
constexpr std::size_t kMaxRejectBytes = 2048;

template <typename Root, typename Fill>
void AppendMessage(FrameType type, std::size_t words, std::string& out,
                   const Fill& fill) {
  BuildBody<Root>(words, fill, [&](std::span<const std::byte> body) {
    AppendFrame(type, body, out);
  });
}

kj::StringPtr TextOf(const std::string& text) {
  return {text.c_str(), text.size()};
}

std::string StringOf(const capnp::Text::Reader& text) {
  return {text.begin(), text.size()};
}

// ---- encoding -------------------------------------------------------------

schema::PeerRole RoleOf(PeerRole role) {
  switch (role) {
    case PeerRole::kReplica: return schema::PeerRole::REPLICA;
    case PeerRole::kClient: return schema::PeerRole::CLIENT;
    case PeerRole::kObserver: return schema::PeerRole::OBSERVER;
  }
  return schema::PeerRole::CLIENT;
}

void SetLife(const NodeLife& life, schema::NodeLife::Builder to) {
  to.setIncarnation(life.incarnation);
  to.setLife(life.life);
  to.setProcess(life.process);
  to.setRecord(life.record);
}

void SetSettings(const AgreedSettings& settings, schema::Hello::Builder to) {
  auto list = to.initSettings(static_cast<unsigned int>(settings.size()));
  unsigned int at = 0;
  for (const AgreedSetting& setting : settings) {
    schema::AgreedSetting::Builder entry = list[at++];
    entry.setName(TextOf(setting.name));
    entry.setValue(TextOf(setting.value));
  }
}

std::size_t HelloWords(const Hello& hello) {
  std::size_t bytes = hello.cluster_id.size() + hello.name.size();
  for (const AgreedSetting& setting : hello.settings) {
    bytes += kSettingBytes + setting.name.size() + setting.value.size();
  }
  return kSmallWords + bytes / 8;
}

void Append(const Hello& hello, std::string& out) {
  AppendMessage<schema::Hello>(
      FrameType::kHello, HelloWords(hello), out,
      [&](schema::Hello::Builder to) {
        to.setMajor(hello.major);
        to.setMinor(hello.minor);
        to.setRole(RoleOf(hello.role));
        to.setNode(static_cast<std::uint8_t>(hello.node));
        to.setClusterId(TextOf(hello.cluster_id));
        to.setIncarnation(hello.life.incarnation);
        to.setLife(hello.life.life);
        to.setProcess(hello.life.process);
        to.setRecord(hello.life.record);
        if (hello.met != NodeLife{}) SetLife(hello.met, to.initMet());
        to.setEra(hello.era);
        to.setName(TextOf(hello.name));
        if (!hello.settings.empty()) SetSettings(hello.settings, to);
        to.setSettingsDigest(hello.settings_digest);
      });
}

void Append(const Reject& reject, std::string& out) {
  AppendMessage<schema::Reject>(
      FrameType::kReject, kSmallWords, out, [&](schema::Reject::Builder to) {
        // Whoever has not said Hello may get no
        // larger frame.
        to.setReason(TextOf(reject.reason.substr(0, kMaxRejectBytes)));
        to.setTaken(reject.taken);
        to.setCode(TextOf(reject.code));
      });
}

void Append(const ClientRequest& request, std::string& out) {
  AppendMessage<schema::CommandBatch>(
      FrameType::kClientRequest, BatchWords(request.batch), out,
      [&](schema::CommandBatch::Builder to) { SetBatch(request.batch, to); });
}

void Append(const ClientReplies& replies, std::string& out) {
  AppendMessage<schema::ClientReplies>(FrameType::kClientReplies,
                                       RepliesWords(replies.replies), out,
                                       [&](schema::ClientReplies::Builder to) {
                                         SetReplies(replies.replies, to);
                                         to.setEra(replies.era);
                                       });
}

void Append(const StatusRequest&, std::string& out) {
  AppendMessage<schema::StatusRequest>(FrameType::kStatusRequest, kSmallWords,
                                       out,
                                       [](schema::StatusRequest::Builder) {});
}

void Append(const StatusReply& reply, std::string& out) {
  AppendMessage<schema::StatusReply>(
      FrameType::kStatusReply, kSmallWords + reply.json.size() / 8, out,
      [&](schema::StatusReply::Builder to) { to.setJson(TextOf(reply.json)); });
}

void Append(const Progress& progress, std::string& out) {
  AppendMessage<schema::Progress>(FrameType::kProgress, kSmallWords, out,
                                  [&](schema::Progress::Builder to) {
                                    to.setRecord(progress.record);
                                    to.setSentUs(progress.sent_us);
                                    to.setHeardUs(progress.heard_us);
                                    to.setHeldUs(progress.held_us);
                                  });
}

// ---- decoding -------------------------------------------------------------

absl::StatusOr<ClientMessage> ReadHello(const schema::Hello::Reader& from) {
  Hello hello{.major = from.getMajor(), .minor = from.getMinor()};
  // Enough to refuse each other by name; the rest may mean something else.
  if (hello.major != kProtocolMajor) return hello;
  switch (from.getRole()) {
    case schema::PeerRole::REPLICA: hello.role = PeerRole::kReplica; break;
    case schema::PeerRole::CLIENT: hello.role = PeerRole::kClient; break;
    case schema::PeerRole::OBSERVER: hello.role = PeerRole::kObserver; break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("hello with role ", static_cast<int>(from.getRole()),
                       ", expected a replica (0) or a client (1)"));
  }
  if (from.getNode() >= kMaxNodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("hello with node index ", from.getNode(),
                     ", the largest is ", kMaxNodes - 1));
  }
  hello.node = ReplicaAt(from.getNode());
  hello.cluster_id = StringOf(from.getClusterId());
  hello.life = {.incarnation = from.getIncarnation(),
                .life = from.getLife(),
                .process = from.getProcess(),
                .record = from.getRecord()};
  const schema::NodeLife::Reader met = from.getMet();
  hello.met = {.incarnation = met.getIncarnation(),
               .life = met.getLife(),
               .process = met.getProcess(),
               .record = met.getRecord()};
  hello.era = from.getEra();
  hello.name = StringOf(from.getName());
  for (const schema::AgreedSetting::Reader setting : from.getSettings()) {
    hello.settings.push_back({.name = StringOf(setting.getName()),
                              .value = StringOf(setting.getValue())});
  }
  hello.settings_digest = from.getSettingsDigest();
  return hello;
}

absl::StatusOr<ClientMessage> ReadRequest(
    const schema::CommandBatch::Reader& from) {
  if (from.getKinds().size() > kMaxRequestOperations) {
    return absl::InvalidArgumentError(
        absl::StrCat("a request of ", from.getKinds().size(),
                     " operations, the limit is ", kMaxRequestOperations));
  }
  absl::StatusOr<CommandBatchPtr> batch =
      ReadBatch(from, BatchLimits::kLeftToCaller);
  if (!batch.ok()) return batch.status();
  return ClientRequest{*std::move(batch)};
}

absl::StatusOr<ClientMessage> ReadClientReplies(
    const schema::ClientReplies::Reader& from) {
  absl::StatusOr<ClientReplies> replies = ReadReplies(from);
  if (!replies.ok()) return replies.status();
  replies->era = from.getEra();
  return *std::move(replies);
}

RefusalReason CheckOperation(const Operation& operation) {
  const OperationRow& row = RowOf(operation.kind);
  if (row.asker == Asker::kReplicas) return RefusalReason::kMalformed;
  // As a range's value is, which is its end.
  const Argument* value = FindArgument(row, Argument::Member::kValue);
  const bool value_is_key =
      value != nullptr && value->form == Argument::Form::kKey;
  if (operation.key.size() > kMaxKeyBytes ||
      (value_is_key && operation.value.size() > kMaxKeyBytes)) {
    return RefusalReason::kKeyTooLarge;
  }
  if (operation.value.size() > kMaxValueBytes ||
      operation.expected.size() > kMaxValueBytes) {
    return RefusalReason::kValueTooLarge;
  }
  return RefusalReason::kNone;
}

}  // namespace
}  // namespace codec

void EncodeClientMessage(const ClientMessage& message, std::string& out) {
  std::visit([&](const auto& m) { codec::Append(m, out); }, message);
}

absl::StatusOr<ClientMessage> DecodeClientMessage(
    FrameType type, std::span<const std::byte> body) {
  switch (type) {
    case FrameType::kHello:
      return codec::ReadBody<schema::Hello>("a hello", body, codec::ReadHello);
    case FrameType::kReject:
      return codec::ReadBody<schema::Reject>(
          "a reject", body,
          [](const auto& from) -> absl::StatusOr<ClientMessage> {
            return Reject{.reason = codec::StringOf(from.getReason())
                                        .substr(0, codec::kMaxRejectBytes),
                          .taken = from.getTaken(),
                          .code = codec::StringOf(from.getCode())};
          });
    case FrameType::kClientRequest:
      return codec::ReadBody<schema::CommandBatch>("a client request", body,
                                                   codec::ReadRequest);
    case FrameType::kClientReplies:
      return codec::ReadBody<schema::ClientReplies>("a client's replies", body,
                                                    codec::ReadClientReplies);
    case FrameType::kStatusRequest: return StatusRequest{};
    case FrameType::kStatusReply:
      return codec::ReadBody<schema::StatusReply>(
          "a status reply", body,
          [](const auto& from) -> absl::StatusOr<ClientMessage> {
            return StatusReply{codec::StringOf(from.getJson())};
          });
    case FrameType::kProgress:
      return codec::ReadBody<schema::Progress>(
          "progress", body,
          [](const auto& from) -> absl::StatusOr<ClientMessage> {
            return Progress{.record = from.getRecord(),
                            .sent_us = from.getSentUs(),
                            .heard_us = from.getHeardUs(),
                            .held_us = from.getHeldUs()};
          });
    case FrameType::kPeerMessage:
      return absl::InvalidArgumentError(
          "a peer message where a client message was expected");
  }
  return absl::UnimplementedError(
      absl::StrCat("frame of type ", static_cast<int>(type),
                   ": the sender runs a newer version"));
}

RefusalReason CheckLimits(const CommandBatch& batch, const Command& command) {
  if (command.operation_count == 0) return RefusalReason::kMalformed;
  if (command.operation_count > kMaxOperationsPerCommand) {
    return RefusalReason::kTooManyOperations;
  }
  std::size_t bytes = 0;
  for (const Operation& operation : batch.operations(command)) {
    const RefusalReason reason = codec::CheckOperation(operation);
    if (reason != RefusalReason::kNone) return reason;
    if (operation.kind == OperationKind::kWithdraw &&
        !MayWithdraw(command, operation)) {
      return RefusalReason::kMalformed;
    }
    bytes += operation.key.size() + operation.value.size() +
             operation.expected.size();
  }
  // One command is never split over instances.
  return bytes > kMaxBatchBytes ? RefusalReason::kValueTooLarge
                                : RefusalReason::kNone;
}

}  // namespace quorate
