#include "tests/bench/lone_node.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "fmt/format.h"
#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/limits.h"
#include "wire/overloaded.h"

namespace quorate::bench {

LoneNode::LoneNode() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  QUORATE_CHECK(bind(listener_, generic, size) == 0 &&
                    listen(listener_, 64) == 0 &&
                    getsockname(listener_, generic, &size) == 0,
                "a loopback port is free");
  endpoint_ = {"127.0.0.1", ntohs(address.sin_port)};
  wake_ = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { Serve(); });
}

LoneNode::~LoneNode() {
  stop_ = true;
  eventfd_write(wake_, 1);
  thread_.join();
  for (const auto& [fd, connection] : connections_) close(fd);
  close(listener_);
  close(wake_);
}

void LoneNode::Serve() {
  while (!stop_) {
    std::vector<pollfd> waits = {{listener_, POLLIN, 0}, {wake_, POLLIN, 0}};
    for (const auto& [fd, connection] : connections_) {
      const bool full = !connection->out.empty();
      waits.push_back({fd, static_cast<short>(full ? POLLOUT : POLLIN), 0});
    }
    poll(waits.data(), waits.size(), -1);
    if (waits[0].revents != 0) Accept();
    for (std::size_t i = 2; i < waits.size(); ++i) {
      const int fd = waits[i].fd;
      Connection& connection = *connections_[fd];
      const bool alive =
          waits[i].revents == 0 ||
          ((waits[i].revents & POLLOUT) != 0 ? Write(fd, connection)
                                             : Read(fd, connection));
      if (alive) continue;
      close(fd);
      connections_.erase(fd);
    }
  }
}

void LoneNode::Accept() {
  const int fd =
      accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (connections_.size() >= most_connections_) {
    close(fd);
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connections_[fd] = std::make_unique<Connection>(kMaxPeerFrameBytes);
}

bool LoneNode::Read(int fd, Connection& connection) {
  const std::span<char> room = connection.reader.Space();
  const ssize_t got = recv(fd, room.data(), room.size(), 0);
  if (got == 0) return false;
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  connection.reader.Filled(static_cast<std::size_t>(got));
  for (;;) {
    const auto frame = connection.reader.Next();
    if (!frame.ok()) return false;
    if (!frame->has_value()) break;
    const auto message = DecodeClientMessage((*frame)->type, (*frame)->body);
    if (!message.ok()) return false;
    Handle(*message, connection.out);
  }
  return Write(fd, connection);
}

bool LoneNode::Write(int fd, Connection& connection) {
  std::string& out = connection.out;
  if (out.empty()) return true;
  const ssize_t sent = send(fd, out.data(), out.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR;
  out.erase(0, static_cast<std::size_t>(sent));
  return true;
}

void LoneNode::Handle(const ClientMessage& message, std::string& out) {
  std::visit(Overloaded{[&](const Hello& hello) {
                          EncodeClientMessage(
                              Hello{.role = PeerRole::kReplica,
                                    .cluster_id = hello.cluster_id},
                              out);
                        },
                        [&](const ClientRequest& request) {
                          if (silent_) {
                            ++unanswered_;
                          } else {
                            Execute(*request.batch, out);
                          }
                        },
                        [&](const StatusRequest&) {
                          EncodeClientMessage(StatusReply{Status()}, out);
                        },
                        [](const auto&) {}},
             message);
}

void LoneNode::Execute(const CommandBatch& batch, std::string& out) {
  ClientReplies replies;
  for (const Command& command : batch.commands()) {
    ClientReply& reply = replies.replies.emplace_back();
    reply.id = command.id;
    const std::uint64_t number = ++executed_;
    const std::uint64_t refuse_every = refuse_every_;
    if (refuse_every > 0 && number % refuse_every == 0) {
      reply.status = ReplyStatus::kRefused;
      reply.reason = RefusalReason::kKeyTooLarge;
      continue;
    }
    state_.Apply(batch.operations(command), reply.results);
    reply.instance = {ReplicaAt(0), number};
    reply.commit_latency_us = 7;
  }
  EncodeClientMessage(std::move(replies), out);
}

std::string LoneNode::Status() const {
  return fmt::format(
      R"({{"cpu_s":{0},"fast_commits":{1},"slow_commits":0,)"
      R"("largest_component":1,"committed":[{1}],"executed":[{1}],)"
      R"("state_hash":"{2:x}"}})",
      static_cast<double>(executed_) * 1e-6, executed_.load(),
      state_.state_hash());
}

}  // namespace quorate::bench
