#include "replica/shell/acceptor.h"

#include <netdb.h>

#include <cstring>
#include <string>

#include "replica/shell/text.h"

namespace quorate {
namespace {

constexpr int kBacklog = 512;

absl::Status CannotListen(const Endpoint& endpoint, int error) {
  return absl::UnavailableError(
      Concat("cannot listen on ", ToString(endpoint), ": ", uv_strerror(error),
             "; stop the other process or change the address in the "
             "configuration"));
}

}  // namespace

absl::StatusOr<sockaddr_storage> Resolve(const Endpoint& endpoint) {
  sockaddr_storage address{};
  const char* host = endpoint.host.c_str();
  if (uv_ip4_addr(host, endpoint.port,
                  reinterpret_cast<sockaddr_in*>(&address)) == 0 ||
      uv_ip6_addr(host, endpoint.port,
                  reinterpret_cast<sockaddr_in6*>(&address)) == 0) {
    return address;
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (const int error = getaddrinfo(host, port.c_str(), &hints, &found);
      error != 0) {
    return absl::NotFoundError(Concat("cannot find the host of ",
                                      ToString(endpoint), ": ",
                                      gai_strerror(error),
                                      "; correct the address in the "
                                      "configuration"));
  }
  std::memcpy(&address, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(
    uv_loop_t* loop, HandleCount& count, const Endpoint& endpoint,
    Callback callback) {
  absl::StatusOr<sockaddr_storage> address = Resolve(endpoint);
  if (!address.ok()) return address.status();
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(loop, count, std::move(callback)));
  uv_tcp_t* listener = acceptor->listener_.get();
  if (const int error = uv_tcp_bind(
          listener, reinterpret_cast<const sockaddr*>(&*address), 0);
      error != 0) {
    return CannotListen(endpoint, error);
  }
  const int error = uv_listen(reinterpret_cast<uv_stream_t*>(listener),
                              kBacklog, [](uv_stream_t* stream, int status) {
                                Acceptor& self = OwnerOf<Acceptor>(stream);
                                if (status != 0) {
                                  ++self.failures_;
                                  return;
                                }
                                self.callback_(stream);
                              });
  if (error != 0) return CannotListen(endpoint, error);
  return acceptor;
}

}  // namespace quorate
