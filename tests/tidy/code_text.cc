#include "tests/tidy/code_text.h"

#include <cctype>

namespace quorate::tidy {

bool IsInside(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() &&
         path[folder.size()] == '/';
}

// The header an #include line names; empty for any other line.
std::string_view IncludedHeader(std::string_view line) {
  const auto skip_spaces = [&] {
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) {
      line.remove_prefix(1);
    }
  };
  skip_spaces();
  if (!line.starts_with('#')) return {};
  line.remove_prefix(1);
  skip_spaces();
  if (!line.starts_with("include")) return {};
  const std::size_t open = line.find_first_of("<\"");
  if (open == std::string_view::npos) return {};
  const char close = line[open] == '<' ? '>' : '"';
  const std::size_t end = line.find(close, open + 1);
  if (end == std::string_view::npos) return {};
  return line.substr(open + 1, end - open - 1);
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::size_t FindWord(std::string_view line, std::string_view word,
                     std::size_t from) {
  for (std::size_t at = line.find(word, from); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !IsWordCharacter(line[at - 1])) &&
        (end == line.size() || !IsWordCharacter(line[end]))) {
      return at;
    }
  }
  return std::string_view::npos;
}

bool Calls(std::string_view line, std::string_view name) {
  for (std::size_t at = FindWord(line, name); at != std::string_view::npos;
       at = FindWord(line, name, at + 1)) {
    const bool member = (at >= 1 && line[at - 1] == '.') ||
                        (at >= 2 && line.substr(at - 2, 2) == "->");
    const std::size_t next = line.find_first_not_of(' ', at + name.size());
    if (!member && next != std::string_view::npos && line[next] == '(') {
      return true;
    }
  }
  return false;
}

}  // namespace quorate::tidy
