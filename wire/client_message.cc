#include "wire/client_message.h"

namespace quorate {

ClientMessage::ClientMessage(const ClientMessage& other) = default;
ClientMessage::ClientMessage(ClientMessage&& other) noexcept = default;
ClientMessage& ClientMessage::operator=(const ClientMessage& other) = default;
ClientMessage& ClientMessage::operator=(ClientMessage&& other) noexcept =
    default;
ClientMessage::~ClientMessage() = default;

}  // namespace quorate
