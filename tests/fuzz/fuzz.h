// Answers: what does a fuzz target consist of?
//
// Each target file defines LLVMFuzzerTestOneInput, which must hold for any
// input, and Seeds(), valid inputs to start from. With clang the target is a
// libFuzzer program whose mutator starts from Seeds() (seeded_mutator.cc); with
// any other compiler it is a program that replays a fixed number of seeded
// mutations of them (replay_main.cc) and runs as an ordinary test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace quorate::fuzz {

std::vector<std::string> Seeds();

}  // namespace quorate::fuzz
