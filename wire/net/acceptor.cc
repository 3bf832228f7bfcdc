#include "wire/net/acceptor.h"

#include <utility>

#include "wire/text.h"
#include "wire/timers.h"

namespace quorate {
namespace {

constexpr int kBacklog = 512;
constexpr std::uint64_t kAskAgainMs = MillisecondsOf<"acceptor.again">;

std::string_view RemedyFor(int error) {
  switch (error) {
    case UV_EADDRINUSE:
      return "stop the other process or change the address in the "
             "configuration";
    case UV_EADDRNOTAVAIL:
      return "it is no address of this machine: correct it, or where others "
             "reach the node by an address that is not its own (NAT, a "
             "container) set listen = \"0.0.0.0\" for the node in the "
             "configuration";
    case UV_EACCES:
      return "the system does not let this user listen there; choose a port "
             "from 1024 on";
    default: return "change the address in the configuration";
  }
}

absl::Status CannotListen(const std::string& where, int error) {
  return absl::UnavailableError(Concat("cannot listen on ", where, ": ",
                                       uv_strerror(error), "; ",
                                       RemedyFor(error)));
}

}  // namespace

Acceptor::Acceptor(uv_loop_t* loop, HandleCount& count, Endpoint endpoint,
                   Resolver resolver, Log log, Callback callback)
    : endpoint_(std::move(endpoint)),
      log_(std::move(log)),
      callback_(std::move(callback)),
      lookup_(loop, count, std::move(resolver),
              [this](const absl::StatusOr<Addresses>& found) {
                HandleAddresses(found);
              }),
      again_(loop, count, uv_timer_init, this),
      listener_(loop, count, uv_tcp_init, this) {}

void Acceptor::Open(Opened opened) {
  opened_ = std::move(opened);
  if (const auto number = NumericAddress(endpoint_)) {
    Tell(Listen(*number));
  } else {
    AskWhere();
  }
}

// Again after a while, unless the resolver has not answered by then.
void Acceptor::AskWhere() {
  lookup_.Start(endpoint_);
  uv_timer_start(
      again_.get(),
      [](uv_timer_t* timer) {
        Acceptor& self = OwnerOf<Acceptor>(timer);
        if (self.listens_at_) return;
        if (self.lookup_.under_way()) {
          self.SayWhyNot("the resolver does not answer");
        } else {
          self.AskWhere();
        }
      },
      kAskAgainMs, kAskAgainMs);
}

void Acceptor::SayWhyNot(absl::string_view why) {
  const std::string line =
      Concat("not listening yet: cannot find the host of ", ToString(endpoint_),
             ": ", why,
             "; correct the name, or set listen = \"0.0.0.0\" for the node in "
             "the configuration");
  if (line != last_line_) log_(line);
  last_line_ = line;
}

// Whoever hears of it may close this acceptor.
void Acceptor::Tell(const absl::Status& status) {
  std::exchange(opened_, nullptr)(status);
}

void Acceptor::HandleAddresses(const absl::StatusOr<Addresses>& found) {
  if (!found.ok()) {
    SayWhyNot(found.status().message());
    return;
  }
  uv_timer_stop(again_.get());
  Tell(Listen(found->front()));
}

absl::Status Acceptor::Listen(const sockaddr_storage& address) {
  const std::string name = ToString(endpoint_);
  const std::string number = ToString(address);
  const std::string where =
      name == number ? name : Concat(name, " (", number, ")");
  if (const int error = uv_tcp_bind(
          listener_.get(), reinterpret_cast<const sockaddr*>(&address), 0);
      error != 0) {
    return CannotListen(where, error);
  }
  const int error = uv_listen(reinterpret_cast<uv_stream_t*>(listener_.get()),
                              kBacklog, [](uv_stream_t* stream, int status) {
                                Acceptor& self = OwnerOf<Acceptor>(stream);
                                if (status != 0) {
                                  ++self.failures_;
                                  return;
                                }
                                self.callback_(stream);
                              });
  if (error != 0) return CannotListen(where, error);
  listens_at_ = address;
  return absl::OkStatus();
}

}  // namespace quorate
