#include "replica/config/config_table.h"

#include <algorithm>

#include "wire/text.h"

// The only file that sees the TOML library, without its exceptions.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma GCC diagnostic pop

namespace quorate {
namespace {

constexpr std::string_view kNodes = "node";

int LineOf(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

const toml::table& AsTable(const void* table) {
  return *static_cast<const toml::table*>(table);
}

const toml::node* FindIn(const void* table, std::string_view key) {
  return table == nullptr ? nullptr : AsTable(table).get(key);
}

// "a string", "an integer", ...
std::string_view KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a fraction";
    case toml::node_type::boolean: return "true or false";
    case toml::node_type::array: return "an array";
    case toml::node_type::table: return "a table";
    default: return "a date or time";
  }
}

std::string WrongKind(std::string_view name, std::string_view expected,
                      const toml::node& found) {
  return Concat(name, " is ", KindOf(found), ", expected ", expected);
}

// "a, b, c", each word between `left` and `right`.
template <typename Words>
std::string Listed(const Words& words, std::string_view left,
                   std::string_view right) {
  std::string text;
  for (const auto& word : words) {
    text += Concat(text.empty() ? "" : ", ", left, word, right);
  }
  return text;
}

// The line of the first character beyond ASCII that is neither quoted nor in a
// comment; 0 if there is none. TOML allows none there, and toml++ 3.3 has
// undefined behaviour when it meets one. Quotes end with their line here: text
// over several lines is ASCII.
int FindBareUnicode(std::string_view text) {
  int line = 1;
  char quote = '\0';  // or '#', which nothing but the end of the line closes
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      quote = '\0';
    } else if (quote == '\0') {
      if (static_cast<unsigned char>(c) >= 0x80) return line;
      if (c == '"' || c == '\'' || c == '#') quote = c;
    } else if (quote == '"' && c == '\\') {
      if (i + 1 < text.size() && text[i + 1] != '\n') ++i;
    } else if (quote != '#' && c == quote) {
      quote = '\0';
    }
  }
  return 0;
}

}  // namespace

// ---- a table --------------------------------------------------------------

std::string ConfigTable::NameOf(std::string_view key) const {
  return Concat(name_, ".", key);
}

int ConfigTable::line() const {
  return table_ == nullptr ? 0 : LineOf(AsTable(table_));
}

void ConfigTable::Text(std::string_view key, std::string& value) {
  read_.emplace_back(key);
  const toml::node* node = FindIn(table_, key);
  if (node == nullptr) return;
  if (!node->is_string()) {
    document_->RefuseLine(LineOf(*node),
                          WrongKind(NameOf(key), "a string in quotes", *node));
    return;
  }
  value = node->as_string()->get();
}

void ConfigTable::RequiredText(std::string_view key, std::string& value) {
  const toml::node* node = FindIn(table_, key);
  if (node == nullptr) {
    read_.emplace_back(key);
    document_->RefuseLine(
        line(), Concat(NameOf(key), " is missing; add ", key, " = \"...\""));
    return;
  }
  Text(key, value);
  if (node->is_string() && value.empty()) {
    Refuse(key, Concat(NameOf(key), " is empty; give it a value"));
  }
}

void ConfigTable::Flag(std::string_view key, bool& value) {
  read_.emplace_back(key);
  const toml::node* node = FindIn(table_, key);
  if (node == nullptr) return;
  if (!node->is_boolean()) {
    document_->RefuseLine(LineOf(*node),
                          WrongKind(NameOf(key), "true or false", *node));
    return;
  }
  value = node->as_boolean()->get();
}

void ConfigTable::Choice(std::string_view key,
                         std::span<const std::string_view> known,
                         std::string& value) {
  std::string chosen = value;
  Text(key, chosen);
  if (std::ranges::find(known, chosen) == known.end()) {
    Refuse(key, Concat(NameOf(key), " is \"", chosen, "\", this binary knows ",
                       Listed(known, "\"", "\""), "; choose one of them"));
    return;
  }
  value = chosen;
}

void ConfigTable::Choices(std::string_view key,
                          std::span<const std::string_view> known,
                          std::optional<std::vector<std::string>>& values) {
  read_.emplace_back(key);
  const toml::node* node = FindIn(table_, key);
  if (node == nullptr) return;
  if (!node->is_array()) {
    document_->RefuseLine(LineOf(*node),
                          WrongKind(NameOf(key), "a list", *node));
    return;
  }
  values.emplace();
  for (const toml::node& each : *node->as_array()) {
    const std::string value = each.is_string() ? each.as_string()->get() : "";
    if (std::ranges::find(known, value) == known.end()) {
      document_->RefuseLine(
          LineOf(each),
          Concat(NameOf(key), " has \"", value, "\", this binary knows ",
                 Listed(known, "\"", "\""), "; choose some of them"));
      return;
    }
    values->push_back(value);
  }
}

void ConfigTable::Address(std::string_view key, Endpoint& value) {
  std::string text;
  RequiredText(key, text);
  if (text.empty()) return;
  absl::StatusOr<Endpoint> endpoint = ParseEndpoint(text);
  if (!endpoint.ok()) {
    Refuse(key, Concat(NameOf(key), ": ", endpoint.status().message()));
    return;
  }
  value = *std::move(endpoint);
}

void ConfigTable::OptionalAddress(std::string_view key,
                                  std::optional<Endpoint>& value) {
  read_.emplace_back(key);
  if (FindIn(table_, key) == nullptr) return;
  Address(key, value.emplace());
}

void ConfigTable::OptionalHost(std::string_view key,
                               std::optional<std::string>& value) {
  std::string text;
  Text(key, text);
  if (text.empty()) return;
  absl::StatusOr<std::string> host = ParseHost(text);
  if (!host.ok()) {
    Refuse(key, Concat(NameOf(key), ": ", host.status().message()));
    return;
  }
  value = *std::move(host);
}

void ConfigTable::ReadInteger(std::string_view key, std::int64_t least,
                              std::int64_t most, std::int64_t& value) {
  read_.emplace_back(key);
  const toml::node* node = FindIn(table_, key);
  if (node == nullptr) return;
  if (!node->is_integer()) {
    document_->RefuseLine(LineOf(*node),
                          WrongKind(NameOf(key), "an integer", *node));
    return;
  }
  const std::int64_t number = node->as_integer()->get();
  if (number < least || number > most) {
    Refuse(key, Concat(NameOf(key), " is ", number, "; choose a number from ",
                       least, " to ", most));
    return;
  }
  value = number;
}

void ConfigTable::Refuse(std::string_view key, std::string_view problem) {
  const toml::node* node = FindIn(table_, key);
  document_->RefuseLine(node == nullptr ? line() : LineOf(*node), problem);
}

void ConfigTable::RefuseOthers() {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : AsTable(table_)) {
    if (std::ranges::find(read_, key.str()) != read_.end()) continue;
    document_->RefuseLine(static_cast<int>(key.source().begin.line),
                          Concat("unknown key \"", key.str(), "\" in ", name_,
                                 "; known are ", Listed(read_, "", "")));
  }
}

// ---- the document ---------------------------------------------------------

absl::StatusOr<ConfigDocument> ConfigDocument::Parse(std::string_view text,
                                                     std::string_view path) {
  ConfigDocument document;
  document.path_ = path;
  if (const int line = FindBareUnicode(text); line > 0) {
    document.RefuseLine(line,
                        "this is not TOML: a character beyond ASCII outside of "
                        "quotes and comments; quote or remove it");
    return document.status_;
  }
  toml::parse_result result = toml::parse(text, path);
  if (!result) {
    const toml::parse_error& error = result.error();
    document.RefuseLine(static_cast<int>(error.source().begin.line),
                        Concat("this is not TOML: ", error.description(),
                               "; correct the line"));
    return document.status_;
  }
  document.root_ =
      std::make_shared<const toml::table>(std::move(result).table());
  return document;
}

ConfigTable ConfigDocument::Table(std::string_view name) {
  const toml::node* node = FindIn(root_.get(), name);
  const toml::table* table = nullptr;
  if (node != nullptr) {
    table = node->as_table();
    if (table == nullptr) {
      RefuseLine(LineOf(*node), WrongKind(name, "a table", *node));
    }
  }
  return ConfigTable(this, std::string(name), table);
}

std::size_t ConfigDocument::NodeCount() {
  const toml::node* node = FindIn(root_.get(), kNodes);
  if (node == nullptr) return 0;
  if (!node->is_array_of_tables()) {
    RefuseLine(LineOf(*node),
               "node is no array of tables; write [[node]] above each node");
    return 0;
  }
  return node->as_array()->size();
}

ConfigTable ConfigDocument::Node(std::size_t index) {
  const toml::node* nodes = FindIn(root_.get(), kNodes);
  return ConfigTable(this, std::string(kNodes),
                     nodes->as_array()->get(index)->as_table());
}

void ConfigDocument::RefuseOthers(std::span<const std::string_view> tables) {
  for (const auto& [key, node] : AsTable(root_.get())) {
    if (key.str() == kNodes ||
        std::ranges::find(tables, key.str()) != tables.end()) {
      continue;
    }
    RefuseLine(static_cast<int>(key.source().begin.line),
               Concat("unknown name \"", key.str(), "\"; known are ",
                      Listed(tables, "[", "]"), " and [[", kNodes, "]]"));
  }
}

void ConfigDocument::RefuseNode(std::size_t index, std::string_view problem) {
  const toml::node* nodes = FindIn(root_.get(), kNodes);
  RefuseLine(LineOf(*nodes->as_array()->get(index)), problem);
}

void ConfigDocument::RefuseLine(int line, std::string_view problem) {
  if (!status_.ok()) return;
  const std::string where = line > 0 ? Concat(" line ", line) : "";
  status_ = absl::InvalidArgumentError(
      Concat("config \"", path_, "\"", where, ": ", problem));
}

}  // namespace quorate
