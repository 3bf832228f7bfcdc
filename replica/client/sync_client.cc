#include "replica/client/sync_client.h"

#include <uv.h>

#include <optional>
#include <utility>

namespace quorate {

struct SyncClient::Loop {
  explicit Loop(ClientOptions options) {
    uv_loop_init(&loop);
    client.emplace(&loop, std::move(options),
                   [this](std::span<const Completion> completions) {
                     last = completions.back();
                   });
    session = client->OpenSession();
  }
  ~Loop() {
    client->Close(nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    client.reset();
    uv_loop_close(&loop);
  }

  uv_loop_t loop;
  std::optional<Client> client;
  std::size_t session = 0;
  std::optional<Completion> last;
};

SyncClient::SyncClient(ClientOptions options)
    : loop_(std::make_unique<Loop>(std::move(options))) {}
SyncClient::~SyncClient() = default;

Completion SyncClient::Execute(std::span<const Operation> operations) {
  loop_->last.reset();
  loop_->client->Submit(loop_->session, operations);
  while (!loop_->last.has_value()) uv_run(&loop_->loop, UV_RUN_ONCE);
  return *std::exchange(loop_->last, std::nullopt);
}

Completion SyncClient::Execute(const Operation& operation) {
  return Execute(std::span<const Operation>(&operation, 1));
}

absl::StatusOr<std::string> SyncClient::Status(int timeout_ms) {
  std::optional<absl::StatusOr<std::string>> status;
  loop_->client->RequestStatus(timeout_ms,
                               [&status](absl::StatusOr<std::string> answer) {
                                 status = std::move(answer);
                               });
  while (!status.has_value()) uv_run(&loop_->loop, UV_RUN_ONCE);
  return *std::move(status);
}

const absl::Status& SyncClient::connection_status() const {
  return loop_->client->connection_status();
}

}  // namespace quorate
