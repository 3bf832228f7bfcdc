#include "experiments/bench/machine_info.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "fmt/format.h"

namespace quorate::bench {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) * 1e-6;
}

double TicksPerSecond() { return static_cast<double>(sysconf(_SC_CLK_TCK)); }

std::string ReadCpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

MachineInfo ReadMachineInfo() {
  MachineInfo info{.cpu = ReadCpuModel()};
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    info.cores = CPU_COUNT(&allowed);
  }
  utsname names;
  if (uname(&names) == 0) {
    info.kernel =
        fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  }
  return info;
}

double ProcessCpuSeconds() {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double ProcessCpuSeconds(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::stringstream text;
  text << file.rdbuf();
  const std::string line = text.str();
  // The name, field 2, may hold anything; the fields are counted after it.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / TicksPerSecond();
}

MachineCpu ReadMachineCpu() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  MachineCpu cpu;
  double ticks[8] = {};  // user nice system idle iowait irq softirq steal
  for (double& count : ticks) {
    file >> count;
    cpu.total_s += count;
  }
  cpu.busy_s = cpu.total_s - ticks[3] - ticks[4];
  cpu.busy_s /= TicksPerSecond();
  cpu.total_s /= TicksPerSecond();
  return cpu;
}

}  // namespace quorate::bench
