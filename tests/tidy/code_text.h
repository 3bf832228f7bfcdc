// Answers: what does a line of code say, to whoever does not compile it?
//
// What the rules have in common. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "wire/words.h"

namespace quorate::tidy {

// Is the path that of the folder, or of what is in it?
bool IsInside(std::string_view path, std::string_view folder);

// What a line of the form #include "..." or <...> names; empty if it is none.
std::string_view IncludedHeader(std::string_view line);

bool IsWordCharacter(char c);

// Where `word` stands as a whole word at or after `from`; npos if nowhere.
std::size_t FindWord(std::string_view line, std::string_view word,
                     std::size_t from = 0);

// Is a function of that name called, and no member of something?
bool Calls(std::string_view line, std::string_view name);

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& names,
              std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Calls `check(line, number)` for each line of the file's code.
template <typename Check>
void ForLines(std::string_view text, Check check) {
  std::size_t number = 0;
  for (const std::string_view line : Lines(text)) check(line, ++number);
}

}  // namespace quorate::tidy
