// Answers: what do encoding and decoding cost a command?
//
// Puts with 16-byte keys and values in batches of 1 to 4096, the way they
// travel: a whole frame is written, cut out of the stream again, decoded, and
// every key and the batch hashed. Reported per command, with the bytes a
// command takes on the wire. Replies likewise.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "wire/check.h"
#include "wire/codec/codec.h"
#include "wire/frame.h"
#include "wire/limits.h"

namespace quorate {
namespace {

constexpr int kColumns = 3;

CommandBatchPtr PutBatch(std::size_t commands) {
  CommandBatchBuilder builder;
  for (std::size_t i = 0; i < commands; ++i) {
    std::string key = std::to_string(1'000'000'000'000'000 + i);
    std::string value = std::to_string(9'000'000'000'000'000 - i);
    builder.AddCommand(
        {static_cast<ClientId>(0x1234'5678'9abc'def0 + i), 1000 + i}, 990 + i);
    builder.AddOperation(
        {.kind = OperationKind::kPut, .key = key, .value = value});
  }
  return builder.Finish();
}

Message PreAcceptOf(std::size_t commands) {
  DependencySet deps(kColumns);
  for (int i = 0; i < kColumns; ++i) deps.Set(ReplicaAt(i), 1000);
  return PreAccept{.instance = {ReplicaAt(0), 1001},
                   .batch = PutBatch(commands),
                   .initial_deps = deps};
}

void ReportPerCommand(benchmark::State& state, std::size_t bytes) {
  const double commands = static_cast<double>(state.range(0));
  state.counters["per_command"] = benchmark::Counter(
      commands * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_command"] = static_cast<double>(bytes) / commands;
}

void BM_EncodePreAccept(benchmark::State& state) {
  const Message message = PreAcceptOf(static_cast<std::size_t>(state.range(0)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    EncodeMessage(message, out);
    benchmark::DoNotOptimize(out.data());
  }
  ReportPerCommand(state, out.size());
}

void BM_DecodePreAccept(benchmark::State& state) {
  std::string stream;
  EncodeMessage(PreAcceptOf(static_cast<std::size_t>(state.range(0))), stream);
  FrameReader reader(kMaxPeerFrameBytes);
  for (auto _ : state) {
    for (std::size_t at = 0; at < stream.size();) {
      const auto space = reader.Space();
      const std::size_t bytes = std::min(space.size(), stream.size() - at);
      std::memcpy(space.data(), stream.data() + at, bytes);
      reader.Filled(bytes);
      at += bytes;
    }
    const auto frame = reader.Next();
    QUORATE_CHECK(frame.ok() && frame->has_value(), "a whole frame was read");
    const auto message = DecodeMessage((*frame)->body, kColumns);
    QUORATE_CHECK(message.ok(), "the frame holds a message");
    benchmark::DoNotOptimize(message->index());
  }
  ReportPerCommand(state, stream.size());
}

ClientReplies RepliesOf(std::size_t count) {
  ClientReplies replies;
  for (std::size_t i = 0; i < count; ++i) {
    replies.replies.push_back({.id = {static_cast<ClientId>(77), i + 1},
                               .instance = {ReplicaAt(1), 500},
                               .results = {OperationResult{}},
                               .commit_latency_us = 900});
  }
  return replies;
}

void BM_EncodeReplies(benchmark::State& state) {
  const ClientMessage message =
      RepliesOf(static_cast<std::size_t>(state.range(0)));
  std::string out;
  for (auto _ : state) {
    out.clear();
    EncodeClientMessage(message, out);
    benchmark::DoNotOptimize(out.data());
  }
  ReportPerCommand(state, out.size());
}

void BM_DecodeReplies(benchmark::State& state) {
  std::string frame;
  EncodeClientMessage(RepliesOf(static_cast<std::size_t>(state.range(0))),
                      frame);
  const auto body = std::as_bytes(std::span(frame)).subspan(kFrameHeaderBytes);
  for (auto _ : state) {
    const auto message = DecodeClientMessage(FrameType::kClientReplies, body);
    QUORATE_CHECK(message.ok(), "the frame holds replies");
    benchmark::DoNotOptimize(message->index());
  }
  ReportPerCommand(state, frame.size());
}

BENCHMARK(BM_EncodePreAccept)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->Arg(4096);
BENCHMARK(BM_DecodePreAccept)->Arg(1)->Arg(8)->Arg(64)->Arg(512)->Arg(4096);
BENCHMARK(BM_EncodeReplies)->Arg(1)->Arg(64)->Arg(512);
BENCHMARK(BM_DecodeReplies)->Arg(1)->Arg(64)->Arg(512);

}  // namespace
}  // namespace quorate

BENCHMARK_MAIN();
