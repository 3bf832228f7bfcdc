// Answers: how does a text from elsewhere reach gnuplot without being a command?
//
// Gnuplot runs what stands between backquotes in a double-quoted string and
// takes a text apart as markup ("{/=20 x}", "_", "@"). Single quotes are no way
// out: the documented '' for a quote ends the string where it stands first or
// follows another (5.4). So every byte that could mean something is written as
// an octal escape, which is looked at after all of this; markup is off for all
// our terminals ("noenhanced"). Every text of a result.json goes through here;
// what cannot be a string, such as a path, is kept away from scripts altogether.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace quorate::bench {

// A gnuplot string literal that shows Printable(`text`).
std::string QuoteForGnuplot(std::string_view text);

}  // namespace quorate::bench
