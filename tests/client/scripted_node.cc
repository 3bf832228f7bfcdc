#include "tests/client/scripted_node.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "wire/codec/codec.h"
#include "wire/limits.h"

namespace quorate {

struct ScriptedNode::Peer {
  uv_tcp_t tcp;
  ScriptedNode* node;
  FrameReader reader{kMaxClientFrameBytes};
};

namespace {

struct Write {
  uv_write_t request;
  std::string bytes;
};

}  // namespace

ScriptedNode::ScriptedNode(uv_loop_t* loop) : loop_(loop) {
  EncodeClientMessage(Hello{.role = PeerRole::kReplica, .cluster_id = "test"},
                      greeting_);
  uv_tcp_init(loop_, &listener_);
  listener_.data = this;
  sockaddr_in any{};
  uv_ip4_addr("127.0.0.1", 0, &any);
  EXPECT_EQ(uv_tcp_bind(&listener_, reinterpret_cast<const sockaddr*>(&any), 0),
            0);
  EXPECT_EQ(uv_listen(reinterpret_cast<uv_stream_t*>(&listener_), 16,
                      [](uv_stream_t* listener, int) {
                        static_cast<ScriptedNode*>(listener->data)->Accept();
                      }),
            0);
  int size = sizeof(any);
  uv_tcp_getsockname(&listener_, reinterpret_cast<sockaddr*>(&any), &size);
  port_ = ntohs(any.sin_port);
}

void ScriptedNode::Accept() {
  Disconnect();
  ++connections_;
  peer_ = new Peer{.node = this};
  uv_tcp_init(loop_, &peer_->tcp);
  peer_->tcp.data = peer_;
  uv_stream_t* stream = reinterpret_cast<uv_stream_t*>(&peer_->tcp);
  uv_accept(reinterpret_cast<uv_stream_t*>(&listener_), stream);
  uv_read_start(
      stream,
      [](uv_handle_t* handle, std::size_t, uv_buf_t* room) {
        const auto space = static_cast<Peer*>(handle->data)->reader.Space();
        *room =
            uv_buf_init(space.data(), static_cast<unsigned int>(space.size()));
      },
      [](uv_stream_t* from, ssize_t bytes, const uv_buf_t*) {
        Peer* peer = static_cast<Peer*>(from->data);
        ScriptedNode* node = peer->node;
        if (node->peer_ != peer) return;
        if (bytes < 0) {
          node->Disconnect();
          return;
        }
        peer->reader.Filled(static_cast<std::size_t>(bytes));
        while (node->peer_ == peer) {
          const auto frame = peer->reader.Next();
          ASSERT_TRUE(frame.ok()) << frame.status();
          if (!frame->has_value()) return;
          const auto message =
              DecodeClientMessage((*frame)->type, (*frame)->body);
          ASSERT_TRUE(message.ok()) << message.status();
          node->HandleMessage(*message);
        }
      });
}

void ScriptedNode::HandleMessage(const ClientMessage& message) {
  if (std::holds_alternative<Hello>(message)) {
    if (!greeting_.empty()) SendBytes(greeting_);
    return;
  }
  if (const ClientRequest* request = std::get_if<ClientRequest>(&message)) {
    requests_.push_back(request->batch);
  }
  if (script_) script_(*this, message);
}

void ScriptedNode::Send(const ClientMessage& message) {
  std::string bytes;
  EncodeClientMessage(message, bytes);
  SendBytes(std::move(bytes));
}

void ScriptedNode::SendBytes(std::string bytes) {
  if (peer_ == nullptr) return;
  Write* write = new Write{.bytes = std::move(bytes)};
  write->request.data = write;
  const uv_buf_t buffer = uv_buf_init(
      write->bytes.data(), static_cast<unsigned int>(write->bytes.size()));
  uv_write(&write->request, reinterpret_cast<uv_stream_t*>(&peer_->tcp),
           &buffer, 1, [](uv_write_t* request, int) {
             delete static_cast<Write*>(request->data);
           });
}

void ScriptedNode::AnswerAll(const ClientRequest& request, ReplyStatus status,
                             RefusalReason reason) {
  ClientReplies replies;
  for (const Command& command : request.batch->commands()) {
    ClientReply& reply = replies.replies.emplace_back();
    reply.id = command.id;
    reply.status = status;
    reply.reason = reason;
    if (status == ReplyStatus::kDone) {
      reply.instance = {ReplicaAt(0), 1};
      reply.results.resize(command.operation_count);
    }
  }
  Send(replies);
}

void ScriptedNode::Disconnect() {
  if (peer_ == nullptr) return;
  uv_close(
      reinterpret_cast<uv_handle_t*>(&std::exchange(peer_, nullptr)->tcp),
      [](uv_handle_t* handle) { delete static_cast<Peer*>(handle->data); });
}

void ScriptedNode::Close() {
  if (closed_) return;
  closed_ = true;
  Disconnect();
  uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
}

}  // namespace quorate
