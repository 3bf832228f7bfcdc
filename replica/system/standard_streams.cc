#include "replica/system/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace quorate {
namespace {

// Of stdout. Streams live as long as the process, and so does this.
int first_error = 0;
OutputIs declared = OutputIs::kAReport;

// What a write gives. The whole is always reported as written: a stream that
// has failed once would fail for ever, and some libraries throw.
ssize_t WriteAll(int descriptor, const char* bytes, std::size_t size,
                 int* error) {
  std::size_t written = 0;
  while (written < size) {
    const ssize_t wrote = write(descriptor, bytes + written, size - written);
    if (wrote >= 0) {
      written += static_cast<std::size_t>(wrote);
    } else if (errno != EINTR) {
      if (*error == 0) *error = errno;
      break;
    }
  }
  return static_cast<ssize_t>(size);
}

ssize_t WriteOutput(void*, const char* bytes, std::size_t size) {
  return WriteAll(STDOUT_FILENO, bytes, size, &first_error);
}

ssize_t WriteError(void*, const char* bytes, std::size_t size) {
  int ignored = 0;  // There is nobody left to tell.
  return WriteAll(STDERR_FILENO, bytes, size, &ignored);
}

// Opens take the lowest descriptor that is free. An output that was closed must
// tell so, therefore it is only opened for reading.
void OpenMissingDescriptors() {
  for (;;) {
    const int descriptor = open("/dev/null", O_RDONLY);
    if (descriptor > STDERR_FILENO) {
      close(descriptor);
      return;
    }
    if (descriptor < 0) return;
  }
}

std::FILE* Replace(std::FILE* stream, cookie_write_function_t* write,
                   int buffering) {
  cookie_io_functions_t functions{};
  functions.write = write;
  std::FILE* const made = fopencookie(nullptr, "w", functions);
  if (made == nullptr) return stream;
  std::setvbuf(made, nullptr, buffering, BUFSIZ);
  return made;
}

}  // namespace

void PrepareStandardStreams() {
  // To write to a reader that has gone, or past a limit of size, is an error.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  OpenMissingDescriptors();
  const bool shown_at_once = isatty(STDOUT_FILENO) == 1;
  stdout = Replace(stdout, WriteOutput, shown_at_once ? _IOLBF : _IOFBF);
  stderr = Replace(stderr, WriteError, _IONBF);
}

int FlushStandardOutput() {
  std::fflush(stdout);
  return first_error == EPIPE ? 0 : first_error;
}

void DeclareOutput(OutputIs output) { declared = output; }

int FinishStandardStreams(std::string_view program, int exit_code) {
  const int error = FlushStandardOutput();
  if (error == 0) return exit_code;
  const bool answer = declared == OutputIs::kTheAnswer;
  std::fprintf(stderr, "%.*s: the output could not be written: %s; %s\n",
               static_cast<int>(program.size()), program.data(),
               // A closed one is open for reading only.
               error == EBADF ? "it is closed" : std::strerror(error),
               answer ? "ask again with one that can be written"
                      : "the exit code says what was done");
  return answer && exit_code == EXIT_SUCCESS ? EXIT_FAILURE : exit_code;
}

}  // namespace quorate
