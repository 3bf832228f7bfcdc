// Answers: what exists while the loop knows a node? For node.cc and
// node_turn.cc.
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "replica/node/client_port.h"
#include "replica/node/commit_clock.h"
#include "replica/node/handshake.h"
#include "replica/node/look_out.h"
#include "replica/node/node.h"
#include "replica/node/peer_links.h"
#include "storage/journal/journal.h"
#include "wire/net/handles.h"

namespace quorate {

inline std::uint64_t NowUs() { return uv_hrtime() / 1000; }

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
        look_out(loop, node.count_, node.options_.look_out_us) {
    if (node.store_ == nullptr) return;
    journal = std::make_unique<Journal>(
        loop, node.count_, std::move(node.store_),
        node.options_.journal_look_out_us, [&node] { node.OnJournalChange(); });
  }

  Handshake handshake;
  CommitClock clock;
  PeerLinks links;
  ClientPort clients;
  std::unique_ptr<Journal> journal;  // Null when durability is memory.
  Handle<uv_timer_t> tick;
  Handle<uv_prepare_t> before_poll;
  Handle<uv_check_t> after_poll;
  LookOut look_out;
};

}  // namespace quorate
