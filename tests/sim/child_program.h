// Answers: what does a program say when it is run as a shell would?
//
// Several may run at the same time: Output waits for the end. For tests.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace quorate::sim {

class ChildProgram {
 public:
  explicit ChildProgram(const std::string& command_line)
      : pipe_(popen((command_line + " 2>&1").c_str(), "r")) {}
  ~ChildProgram() { Output(); }
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  const std::string& Output() {
    if (pipe_ == nullptr) return output_;
    for (int c = 0; (c = std::fgetc(pipe_)) != EOF;) {
      output_ += static_cast<char>(c);
    }
    status_ = pclose(pipe_);
    pipe_ = nullptr;
    return output_;
  }
  // After Output; -1 if it did not end by itself.
  int exit_code() const {
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }

 private:
  std::FILE* pipe_;
  std::string output_;
  int status_ = -1;
};

}  // namespace quorate::sim
