// Answers: what exists while the loop knows a node? For node.cc and
// node_turn.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "replica/host/turn.h"
#include "replica/node/client_port.h"
#include "replica/node/commit_clock.h"
#include "replica/node/handshake.h"
#include "replica/node/look_out.h"
#include "replica/node/node.h"
#include "replica/node/peer_links.h"
#include "replica/node/trouble_watch.h"
#include "storage/journal/journal.h"
#include "wire/net/handles.h"

namespace quorate {

inline std::uint64_t NowUs() { return uv_hrtime() / 1000; }

// The loop's peers, clients and journal as a turn sees them.
class Node::World final : public TurnWorld, public TurnDisk {
 public:
  explicit World(Node& node) : node_(node) {}

  Replica& replica() override { return *node_.replica_; }
  void Step(const Event& event, Actions& actions) override {
    node_.replica_->Step(event, actions);
  }
  ClientCommands TakeCommands() override;
  void Send(const OutgoingMessage& message) override;
  void Flush() override;
  void Reply(std::vector<OutgoingReply>& replies,
             std::span<const CommittedInstance> committed) override;
  void SetReading(bool reads) override;
  void NoteDurable(RecordSequence through) override;
  void NoteActivity() override;
  bool stays_awake() const override;

  RecordSequence durable() const override;
  void Append(std::vector<Record>& records, RecordSequence last) override;
  bool AppendNow(std::vector<Record>& records, RecordSequence last) override;
  std::size_t unwritten_bytes() const override;
  bool takes_slice() const override;
  void WriteSlice(SnapshotWrite slice, bool of_peer) override;
  bool checkpoint_is_due() const override;
  void ReadChunks(const SnapshotRead& read) override;
  std::vector<OutgoingMessage> TakeChunks() override;

  // When the last own checkpoint was handed over whole; 0: none was.
  std::uint64_t checkpoint_us() const { return checkpoint_us_; }

 private:
  Running& running() const { return *node_.running_; }
  Journal& journal() const;

  Node& node_;
  std::uint64_t checkpoint_us_ = 0;
};

struct Node::Running {
  Running(uv_loop_t* loop, Node& node)
      : handshake(node.config_, node.self_, node.life_,
                  std::move(node.known_peers_)),
        clock(OwnColumn(node.config_.NodeSettings(node.self_))),
        links(loop, node.count_, node.config_, node.self_, handshake,
              node.refusals_, node, node.options_.log, node.options_.resolver,
              node.options_.clients.hello_timeout_ms),
        clients(
            loop, node.count_, node.config_, node.self_, handshake, clock,
            node.refusals_, [&node] { return node.StatusJson(); },
            node.options_.clients, node.options_.resolver, node.options_.log),
        tick(loop, node.count_, uv_timer_init, &node),
        before_poll(loop, node.count_, uv_prepare_init, &node),
        after_poll(loop, node.count_, uv_check_init, &node),
        look_out(loop, node.count_, node.options_.look_out_us),
        journal(node.store_ == nullptr
                    ? nullptr
                    : std::make_unique<Journal>(
                          loop, node.count_, std::move(node.store_),
                          node.options_.journal_look_out_us,
                          [&node] { node.OnJournalChange(); })),
        world(node),
        turn(world, journal == nullptr ? nullptr : &world,
             node.replica_->last_record()) {
    if (node.config_.wan.trouble.empty()) return;
    trouble = std::make_unique<TroubleWatch>(
        loop, node.count_, node.config_,
        [this](const TroubleTable& troubles) { links.Befall(troubles); },
        node.options_.log);
  }

  Handshake handshake;
  CommitClock clock;
  PeerLinks links;
  ClientPort clients;
  Handle<uv_timer_t> tick;
  Handle<uv_prepare_t> before_poll;
  Handle<uv_check_t> after_poll;
  LookOut look_out;
  std::unique_ptr<Journal> journal;  // Null when durability is memory.
  World world;
  Turn turn;
  std::unique_ptr<TroubleWatch> trouble;  // Null unless wan.trouble is set.
};

}  // namespace quorate
