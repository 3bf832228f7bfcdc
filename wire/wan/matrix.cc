#include "wire/wan/matrix.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "wire/text.h"

namespace quorate::wan {
namespace {

constexpr double kNanosecondsInOneMs = 1e6;
// An hour in milliseconds: what is longer is a slip of the pen, and sums stay
// far from 2^63.
constexpr double kLongest = 3'600'000;

constexpr std::string_view kOfRoundTrips = "region";
constexpr std::string_view kOfOneWay = "one-way";

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// What stands in messages: no control characters, not longer than a name.
std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShown)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    shown += control ? '?' : c;
  }
  return shown + (text.size() > kShown ? "...\"" : "\"");
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(Trimmed(line.substr(0, comma)));
    if (comma == line.npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

// Why it cannot be a site's name: other files and command lines put names
// between these characters.
std::optional<std::string> FaultOfName(std::string_view name) {
  if (name.empty()) return "a site without a name; give it one";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Concat("the name ", Quoted(name),
                    " has a control character; use letters, digits, - . _");
    }
    if (c == ';') {
      return "fields are separated by \";\"; write commas, and points in "
             "numbers";
    }
    if (c == '"' || c == '\'' || c == '=' || c == ':') {
      return Concat("the name ", Quoted(name), " has a ", std::string(1, c),
                    "; use letters, digits, - . _");
    }
  }
  return std::nullopt;
}

std::string Named(const std::vector<std::string>& sites) {
  return absl::StrJoin(sites, ", ");
}

}  // namespace

// Reads a file line by line; the first fault ends it.
class MatrixReader {
 public:
  explicit MatrixReader(std::string_view name) { matrix_.name_ = name; }

  absl::StatusOr<RegionMatrix> Read(std::string_view text) {
    constexpr std::string_view kUtf8 = "\xef\xbb\xbf";
    if (text.starts_with(kUtf8)) text.remove_prefix(kUtf8.size());
    while (!text.empty()) {
      ++line_;
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = Trimmed(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.empty() || line.front() == '#') continue;
      absl::Status status =
          matrix_.sites_.empty() ? ReadHeader(line) : ReadRow(line);
      if (!status.ok()) return status;
    }
    absl::Status status = CheckComplete();
    if (!status.ok()) return status;
    return std::move(matrix_);
  }

 private:
  absl::Status Fault(std::string_view what) const {
    return absl::InvalidArgumentError(
        Concat(matrix_.name_, ":", line_, ": ", what));
  }
  // `field` counts from 0.
  absl::Status FaultAt(std::size_t field, std::string_view what) const {
    const std::string to =
        field > 0 && field <= matrix_.size()
            ? Concat(" (to ", Quoted(matrix_.sites_[field - 1]), ")")
            : "";
    return Fault(Concat("column ", field + 1, to, ": ", what));
  }

  absl::Status ReadHeader(std::string_view line) {
    const std::vector<std::string_view> fields = Fields(line);
    if (fields[0] != kOfRoundTrips && fields[0] != kOfOneWay) {
      return FaultAt(0, Concat("the header begins with ", Quoted(fields[0]),
                               "; write ", kOfRoundTrips,
                               ",SITE,SITE,... above round-trip times in "
                               "ms, or ",
                               kOfOneWay,
                               ",SITE,SITE,... above one-way "
                               "times"));
    }
    matrix_.of_round_trips_ = fields[0] == kOfRoundTrips;
    if (fields.size() - 1 > kMostSites) {
      return Fault(
          Concat(fields.size() - 1, " sites; there may be ", kMostSites));
    }
    std::vector<std::string> sites;
    for (std::size_t i = 1; i < fields.size(); ++i) {
      if (const auto fault = FaultOfName(fields[i])) return FaultAt(i, *fault);
      if (std::ranges::count(sites, fields[i]) > 0) {
        return FaultAt(i, Concat("the site ", Quoted(fields[i]),
                                 " is there twice; name each site once"));
      }
      sites.emplace_back(fields[i]);
    }
    if (sites.empty()) {
      return Fault(Concat("the header names no site; write ", fields[0],
                          ",SITE,SITE,..."));
    }
    matrix_.sites_ = std::move(sites);
    matrix_.one_way_ns_.resize(matrix_.size() * matrix_.size());
    row_is_there_.resize(matrix_.size());
    return absl::OkStatus();
  }

  absl::Status ReadRow(std::string_view line) {
    const std::vector<std::string_view> fields = Fields(line);
    const auto site = std::ranges::find(matrix_.sites_, fields[0]);
    if (site == matrix_.sites_.end()) {
      return FaultAt(0, Concat("the header has no site ", Quoted(fields[0]),
                               "; it has ", Named(matrix_.sites_)));
    }
    const auto from = static_cast<std::size_t>(site - matrix_.sites_.begin());
    if (row_is_there_[from]) {
      return FaultAt(0, Concat("a second row of ", Quoted(*site),
                               "; leave one of them away"));
    }
    if (fields.size() != matrix_.size() + 1) {
      return Fault(Concat("the row of ", Quoted(*site), " has ",
                          fields.size() - 1, " times, the header has ",
                          matrix_.size(),
                          " sites; write one a site, in the header's order"));
    }
    row_is_there_[from] = true;
    for (std::size_t to = 0; to < matrix_.size(); ++to) {
      absl::Status status = ReadTime(fields[to + 1], from, to);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadTime(std::string_view field, std::size_t from,
                        std::size_t to) {
    const std::string remedy =
        Concat("write the ", matrix_.of_round_trips_ ? "round-trip" : "one-way",
               " time in milliseconds, such as 70.5");
    double in_ms = 0;
    const char* const end = field.data() + field.size();
    const auto [at, error] = std::from_chars(field.data(), end, in_ms);
    const auto fault = [&](std::string_view what) {
      return FaultAt(to + 1, Concat(Quoted(field), what, "; ", remedy));
    };
    if (field.empty()) return FaultAt(to + 1, Concat("no time; ", remedy));
    // "nan" and "inf" are read as well.
    if (error != std::errc() || at != end || !std::isfinite(in_ms)) {
      return fault(" is not a number");
    }
    if (std::signbit(in_ms)) return fault(" is negative");
    if (in_ms > kLongest) return fault(" is longer than an hour");
    const double share = matrix_.of_round_trips_ ? 0.5 : 1;
    matrix_.one_way_ns_[from * matrix_.size() + to] =
        std::llround(in_ms * share * kNanosecondsInOneMs);
    return absl::OkStatus();
  }

  absl::Status CheckComplete() const {
    if (matrix_.sites_.empty()) {
      return absl::InvalidArgumentError(
          Concat(matrix_.name_, ": there is no line but comments; write ",
                 kOfRoundTrips, ",SITE,SITE,... and a row a site"));
    }
    for (std::size_t i = 0; i < matrix_.size(); ++i) {
      if (row_is_there_[i]) continue;
      return absl::InvalidArgumentError(
          Concat(matrix_.name_, ": the row of ", Quoted(matrix_.sites_[i]),
                 " is missing; each site of the header has one"));
    }
    return absl::OkStatus();
  }

  RegionMatrix matrix_;
  std::vector<bool> row_is_there_;
  std::size_t line_ = 0;
};

absl::StatusOr<RegionMatrix> RegionMatrix::Parse(std::string_view text,
                                                 std::string_view name) {
  return MatrixReader(name).Read(text);
}

absl::StatusOr<std::size_t> RegionMatrix::Find(std::string_view site) const {
  const auto found = std::ranges::find(sites_, site);
  if (found != sites_.end()) {
    return static_cast<std::size_t>(found - sites_.begin());
  }
  return absl::NotFoundError(Concat("there is no site ", Quoted(site), " in ",
                                    name_, "; there are ", Named(sites_)));
}

absl::StatusOr<RegionMatrix> RegionMatrix::Select(
    std::span<const std::string> sites) const {
  std::vector<std::size_t> places;
  for (const std::string& site : sites) {
    const absl::StatusOr<std::size_t> place = Find(site);
    if (!place.ok()) return place.status();
    if (std::ranges::count(places, *place) > 0) {
      return absl::InvalidArgumentError(
          Concat("the site ", Quoted(site), " is named twice; name it once"));
    }
    places.push_back(*place);
  }
  RegionMatrix selected;
  selected.name_ = name_;
  selected.of_round_trips_ = of_round_trips_;
  selected.sites_.assign(sites.begin(), sites.end());
  for (const std::size_t from : places) {
    for (const std::size_t to : places) {
      selected.one_way_ns_.push_back(DistanceNs(from, to));
    }
  }
  return selected;
}

std::string RegionMatrix::ToCsv() const {
  std::string csv(of_round_trips_ ? kOfRoundTrips : kOfOneWay);
  for (const std::string& site : sites_) csv += Concat(",", site);
  csv += '\n';
  const int ways = of_round_trips_ ? 2 : 1;
  for (std::size_t from = 0; from < size(); ++from) {
    csv += sites_[from];
    for (std::size_t to = 0; to < size(); ++to) {
      csv += Concat(",", MillisecondsOf(ways * DistanceNs(from, to)));
    }
    csv += '\n';
  }
  return csv;
}

std::string MillisecondsOf(std::int64_t nanoseconds) {
  std::string text = absl::StrFormat("%d.%06d", nanoseconds / 1'000'000,
                                     nanoseconds % 1'000'000);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace quorate::wan
