#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/tidy/rules.h"

namespace quorate::tidy {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool IsText(const std::string& text) {
  return text.find('\0') == std::string::npos;
}

void AddFile(const fs::path& root, const fs::path& path, SourceTree& tree) {
  SourceFile file{.path = fs::relative(path, root).generic_string(),
                  .text = ReadAll(path)};
  if (IsText(file.text)) tree.files.push_back(std::move(file));
}

// Walks over C++ text and blanks what is not code.
class Blanker {
 public:
  Blanker(std::string_view code, bool strings)
      : out_(code), strings_(strings) {}

  std::string Run() {
    while (at_ < out_.size()) {
      if (Starts("//")) {
        Blank(out_.find('\n', at_));
      } else if (Starts("/*")) {
        const std::size_t end = out_.find("*/", at_ + 2);
        Blank(end == std::string::npos ? end : end + 2);
      } else if (Starts("R\"") && !InsideWord()) {
        RawString();
      } else if (out_[at_] == '"' || (out_[at_] == '\'' && !InsideWord())) {
        Literal(out_[at_]);
      } else {
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  bool Starts(std::string_view text) const {
    return std::string_view(out_).substr(at_).starts_with(text);
  }
  // 1'000: the quote separates digits.
  bool InsideWord() const {
    return at_ > 0 &&
           std::isalnum(static_cast<unsigned char>(out_[at_ - 1])) != 0;
  }
  void Blank(std::size_t end) {
    end = std::min(end, out_.size());
    for (; at_ < end; ++at_) {
      if (out_[at_] != '\n') out_[at_] = ' ';
    }
  }
  void Pass(std::size_t end) {
    if (strings_) {
      Blank(end);
    } else {
      at_ = std::min(end, out_.size());
    }
  }
  void RawString() {
    const std::size_t open = out_.find('(', at_);
    if (open == std::string::npos) return Pass(out_.size());
    const std::string close = ")" + out_.substr(at_ + 2, open - at_ - 2) + "\"";
    const std::size_t end = out_.find(close, open);
    Pass(end == std::string::npos ? end : end + close.size());
  }
  void Literal(char quote) {
    std::size_t end = at_ + 1;
    while (end < out_.size() && out_[end] != quote && out_[end] != '\n') {
      end += out_[end] == '\\' ? 2u : 1u;
    }
    Pass(end + 1);
  }

  std::string out_;
  bool strings_;
  std::size_t at_ = 0;
};

}  // namespace

std::string SourceFile::folder() const {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool SourceTree::Has(std::string_view path) const {
  return std::ranges::any_of(
      files, [&](const SourceFile& file) { return file.path == path; });
}

SourceTree ReadTree(const std::string& root) {
  SourceTree tree;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    tree.top_level.push_back(name);
    if (entry.is_regular_file()) AddFile(root, entry.path(), tree);
    if (!entry.is_directory() || !IsSourceFolder(name)) continue;
    for (const fs::directory_entry& inner :
         fs::recursive_directory_iterator(entry.path())) {
      if (inner.is_regular_file()) AddFile(root, inner.path(), tree);
    }
  }
  std::ranges::sort(tree.top_level);
  std::ranges::sort(tree.files, {}, &SourceFile::path);
  return tree;
}

std::string BlankOut(std::string_view code, bool strings) {
  return Blanker(code, strings).Run();
}

}  // namespace quorate::tidy
