#include "wire/net/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include <array>
#include <csignal>
#include <cstring>
#include <mutex>
#include <utility>

#include "wire/text.h"

namespace quorate {

absl::StatusOr<Addresses> AskSystem(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (const int error =
          getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
      error != 0) {
    return absl::NotFoundError(error == EAI_SYSTEM ? std::strerror(errno)
                                                   : gai_strerror(error));
  }
  Addresses addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::memcpy(&addresses.emplace_back(), each->ai_addr, each->ai_addrlen);
  }
  freeaddrinfo(found);
  return addresses;
}

std::optional<sockaddr_storage> NumericAddress(const Endpoint& endpoint) {
  sockaddr_storage address{};
  const char* host = endpoint.host.c_str();
  if (uv_ip4_addr(host, endpoint.port,
                  reinterpret_cast<sockaddr_in*>(&address)) == 0 ||
      uv_ip6_addr(host, endpoint.port,
                  reinterpret_cast<sockaddr_in6*>(&address)) == 0) {
    return address;
  }
  return std::nullopt;
}

std::string ToString(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&address);
    uv_ip6_name(six, text.data(), text.size());
    return Concat("[", text.data(), "]:", ntohs(six->sin6_port));
  }
  const auto* four = reinterpret_cast<const sockaddr_in*>(&address);
  uv_ip4_name(four, text.data(), text.size());
  return Concat(text.data(), ":", ntohs(four->sin_port));
}

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    const in6_addr& six =
        reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&six) ||
           (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
  }
  const auto* four = reinterpret_cast<const sockaddr_in*>(&address);
  return ntohl(four->sin_addr.s_addr) >> 24 == 127;
}

bool IsWildcard(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    return IN6_IS_ADDR_UNSPECIFIED(
        &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr);
  }
  return reinterpret_cast<const sockaddr_in*>(&address)->sin_addr.s_addr ==
         htonl(INADDR_ANY);
}

// ---- a question -----------------------------------------------------------

struct Lookup::Question {
  Resolver resolver;
  Endpoint endpoint;
  std::mutex mutex;  // Of what follows.
  std::optional<absl::StatusOr<Addresses>> answer;
  uv_async_t* asker = nullptr;  // Null when nobody wants to know any more.

  void Answer() {
    absl::StatusOr<Addresses> found = resolver(endpoint);
    const std::lock_guard lock(mutex);
    answer = std::move(found);
    if (asker != nullptr) uv_async_send(asker);
  }
};

namespace {

template <typename Question>
void* AnswerInThread(void* given) {
  const std::unique_ptr<std::shared_ptr<Question>> question(
      static_cast<std::shared_ptr<Question>*>(given));
  (*question)->Answer();
  return nullptr;
}

// Signals are for the loop's thread, which the new one takes none from.
int StartDetached(void* (*run)(void*), void* argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, run, argument);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

Lookup::Lookup(uv_loop_t* loop, HandleCount& count, Resolver resolver,
               Callback answered)
    : resolver_(std::move(resolver)),
      answered_(std::move(answered)),
      answer_(
          loop, count,
          [](uv_loop_t* on, uv_async_t* async) {
            return uv_async_init(on, async, [](uv_async_t* woken) {
              OwnerOf<Lookup>(woken).HandleAnswer();
            });
          },
          this) {}

Lookup::~Lookup() {
  if (question_ == nullptr) return;
  const std::lock_guard lock(question_->mutex);
  question_->asker = nullptr;
}

void Lookup::Start(const Endpoint& endpoint) {
  question_ = std::make_shared<Question>();
  question_->resolver = resolver_;
  question_->endpoint = endpoint;
  question_->asker = answer_.get();
  auto given = std::make_unique<std::shared_ptr<Question>>(question_);
  if (const int error = StartDetached(&AnswerInThread<Question>, given.get());
      error != 0) {
    question_->answer = absl::ResourceExhaustedError(
        Concat("no thread to look it up: ", std::strerror(error)));
    uv_async_send(answer_.get());
    return;
  }
  static_cast<void>(given.release());  // The thread's.
}

void Lookup::HandleAnswer() {
  if (question_ == nullptr) return;
  std::optional<absl::StatusOr<Addresses>> answer;
  {
    const std::lock_guard lock(question_->mutex);
    answer = std::move(question_->answer);
  }
  if (!answer) return;
  question_.reset();
  // May ask again, or end this object.
  const Callback answered = answered_;
  answered(*std::move(answer));
}

}  // namespace quorate
