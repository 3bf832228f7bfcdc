// Answers: what can a load generator be tried against without a cluster?
//
// One node that speaks the client protocol over real sockets and executes on
// the real state machine at once: no replication, no disk, one thread. It can
// be told to stop answering, and to refuse. Its status has the fields of a
// node's.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "executor/kv_state_machine.h"
#include "replica/config/config.h"
#include "wire/client_message.h"
#include "wire/frame.h"

namespace quorate::bench {

class LoneNode {
 public:
  LoneNode();
  ~LoneNode();
  LoneNode(const LoneNode&) = delete;
  LoneNode& operator=(const LoneNode&) = delete;

  Endpoint endpoint() const { return endpoint_; }
  std::uint64_t executed() const { return executed_; }
  // Requests that it kept silent about.
  std::uint64_t unanswered() const { return unanswered_; }
  // Reads on, but answers nothing until told otherwise.
  void set_silent(bool silent) { silent_ = silent; }
  // Closes every further connection at once.
  void set_most_connections(std::size_t most) { most_connections_ = most; }
  // Every so-manieth command is refused; 0: none.
  void set_refuse_every(std::uint64_t commands) { refuse_every_ = commands; }

 private:
  struct Connection {
    explicit Connection(std::size_t limit) : reader(limit) {}
    FrameReader reader;
    std::string out;
  };

  void Serve();
  void Accept();
  // False if the connection is over.
  bool Read(int fd, Connection& connection);
  bool Write(int fd, Connection& connection);
  void Handle(const ClientMessage& message, std::string& out);
  void Execute(const CommandBatch& batch, std::string& out);
  std::string Status() const;

  Endpoint endpoint_;
  int listener_ = -1;
  int wake_ = -1;
  std::map<int, std::unique_ptr<Connection>> connections_;
  KvStateMachine state_;
  std::atomic<std::uint64_t> executed_ = 0;
  std::atomic<std::uint64_t> unanswered_ = 0;
  std::atomic<bool> silent_ = false;
  std::atomic<std::size_t> most_connections_ = 1'000'000;
  std::atomic<std::uint64_t> refuse_every_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace quorate::bench
