// Answers: on which machine did this run, and how busy was it?
//
// Read from /proc and the kernel; a figure that cannot be read is empty or 0,
// never guessed. CPU times are cumulative: callers take differences.
#pragma once

#include <string>

namespace quorate::bench {

struct MachineInfo {
  std::string cpu;     // "AMD EPYC 9B14"
  int cores = 0;       // that this process may use
  std::string kernel;  // "Linux 6.1.0-18-amd64 x86_64"
};
MachineInfo ReadMachineInfo();

// Seconds of CPU this process has used, user and system.
double ProcessCpuSeconds();
// The same for another process; 0 if there is none.
double ProcessCpuSeconds(int pid);

// Since boot, over all cores, in seconds.
struct MachineCpu {
  double busy_s = 0;
  double total_s = 0;
};
MachineCpu ReadMachineCpu();

}  // namespace quorate::bench
