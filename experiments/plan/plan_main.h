// Answers: what does `quorate plan` do?
//
// Reads what is asked, predicts, prints. The exit codes are those of every
// sub-command.
#pragma once

namespace quorate::plan {

int PlanMain(int argc, const char* const* argv);

}  // namespace quorate::plan
