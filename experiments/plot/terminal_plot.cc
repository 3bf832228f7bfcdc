#include "experiments/plot/terminal_plot.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "experiments/plot/latency_curve.h"
#include "fmt/format.h"

namespace quorate::bench {
namespace {

// Dots a character cell: a braille character has two columns of four.
constexpr int kDotColumns = 2;
constexpr int kDotRows = 4;

// More would leave the body of the distribution a single row.
constexpr double kTopNines = 4;

constexpr std::string_view kColors[] = {"\x1b[33m", "\x1b[36m"};
constexpr std::string_view kReset = "\x1b[0m";

// A grid of dots, each drawn by at most one series; later series win a cell's
// colour.
class Canvas {
 public:
  Canvas(int columns, int rows)
      : columns_(columns), cells_(static_cast<std::size_t>(columns * rows)) {}

  int width() const { return columns_ * kDotColumns; }
  int height() const {
    return static_cast<int>(cells_.size()) / columns_ * kDotRows;
  }

  // (0, 0) is the lower left corner.
  void Set(int x, int y, int series) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    const int from_top = height() - 1 - y;
    Cell& cell = cells_[static_cast<std::size_t>(
        from_top / kDotRows * columns_ + x / kDotColumns)];
    static constexpr std::uint8_t kBits[kDotRows][kDotColumns] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    cell.dots = static_cast<std::uint8_t>(
        cell.dots | kBits[from_top % kDotRows][x % kDotColumns]);
    cell.series = series;
  }

  std::string Row(int row, const TerminalStyle& style) const {
    std::string text;
    for (int column = 0; column < columns_; ++column) {
      AppendCell(cells_[static_cast<std::size_t>(row * columns_ + column)],
                 style, text);
    }
    return text;
  }

 private:
  struct Cell {
    std::uint8_t dots = 0;
    int series = 0;
  };

  static void AppendCell(const Cell& cell, const TerminalStyle& style,
                         std::string& text) {
    if (cell.dots == 0) {
      text += ' ';
      return;
    }
    if (style.color) text += kColors[cell.series];
    if (style.utf8) {
      // U+2800 + dots in UTF-8.
      text += "\xe2";
      text += static_cast<char>(0xa0 + (cell.dots >> 6));
      text += static_cast<char>(0x80 + (cell.dots & 0x3f));
    } else {
      text += cell.series == 0 ? '.' : '#';
    }
    if (style.color) text += kReset;
  }

  int columns_;
  std::vector<Cell> cells_;
};

struct Scale {
  double from_ms;
  double to_ms;
  double top_nines;

  double MsAt(double share_of_width) const {
    return from_ms * std::pow(to_ms / from_ms, share_of_width);
  }
  double Across(double ms) const {
    return std::log(ms / from_ms) / std::log(to_ms / from_ms);
  }
};

// Draws from left to right; a dashed line leaves out three dots of six.
void DrawCurve(const LatencyCurve& curve, const Scale& scale, int series,
               bool dashed, Canvas& canvas) {
  const auto height_at = [&](int x) {
    const double ms = scale.MsAt((x + 0.5) / canvas.width());
    const double nines = Nines(curve.ShareAt(ms), scale.top_nines);
    return static_cast<int>(
        std::lround(nines / scale.top_nines * (canvas.height() - 1)));
  };
  int from = 0;
  int drawn = 0;
  for (int x = 0; x < canvas.width(); ++x) {
    const int to = height_at(x);
    // A line along the bottom or the top says nothing.
    const bool flat_end = to == from && (to == 0 || to == canvas.height() - 1);
    for (int y = std::min(from + 1, to); y <= to && !flat_end; ++y) {
      if (!dashed || drawn % 6 < 3) canvas.Set(x, y, series);
      ++drawn;
    }
    from = to;
  }
}

// The labels under the axis: each centred under its tick if there is room.
std::string TickLine(const Scale& scale, int columns) {
  std::string line(static_cast<std::size_t>(columns + 8), ' ');
  std::size_t free_from = 0;
  for (double ms : RoundLatencies(scale.from_ms, scale.to_ms)) {
    const std::string label = FormatLatency(ms);
    const auto column =
        static_cast<std::size_t>(std::lround(scale.Across(ms) * columns));
    const std::size_t half = label.size() / 2;
    const std::size_t start = column > half ? column - half : 0;
    if (start < free_from || start + label.size() > line.size()) continue;
    line.replace(start, label.size(), label);
    free_from = start + label.size() + 2;
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

// The share that belongs at the left of `row`, or nothing.
std::string RowLabel(int row, int rows, const Scale& scale) {
  for (const ShareTick& tick : ShareTicks(scale.top_nines)) {
    const double height = Nines(tick.share, scale.top_nines) / scale.top_nines;
    const auto tick_row =
        static_cast<int>(std::lround((1 - height) * (rows * kDotRows - 1))) /
        kDotRows;
    if (tick_row == row) return tick.label;
  }
  return "";
}

std::string Legend(const TerminalStyle& style) {
  const auto entry = [&](int series, std::string_view line,
                         std::string_view text) {
    if (!style.color) return fmt::format("{} {}", line, text);
    return fmt::format("{}{}{} {}", kColors[series], line, kReset, text);
  };
  return entry(0, style.utf8 ? "\u2804\u2804 \u2804\u2804" : "....",
               "commit (decided)") +
         "     " +
         entry(1, style.utf8 ? "\u2824\u2824\u2824\u2824" : "####",
               "execute (the client's wait)");
}

Scale MakeScale(const LatencyCurve& commit, const LatencyCurve& execute) {
  Scale scale{.from_ms = execute.lowest_ms(),
              .to_ms = execute.highest_ms(),
              .top_nines = std::min(TopNines(execute.count()), kTopNines)};
  if (!commit.empty()) {
    scale.from_ms = std::min(scale.from_ms, commit.lowest_ms());
    scale.to_ms = std::max(scale.to_ms, commit.highest_ms());
  }
  scale.from_ms = std::max(scale.from_ms, 1e-3) * 0.9;
  scale.to_ms = std::max(scale.to_ms, scale.from_ms) * 1.1;
  return scale;
}

}  // namespace

TerminalStyle DetectTerminalStyle() {
  TerminalStyle style;
  style.utf8 = false;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale(value);
    style.utf8 = locale.find("UTF-8") != std::string_view::npos ||
                 locale.find("utf8") != std::string_view::npos;
    break;
  }
  style.color =
      isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return style;
}

std::string DrawLatencyCdf(const nlohmann::ordered_json& result,
                           const TerminalStyle& style) {
  const auto histograms = result.find("histogram_ns");
  if (histograms == result.end() || !histograms->is_object()) return "";
  const LatencyCurve commit(
      histograms->value("commit", nlohmann::ordered_json()));
  const LatencyCurve execute(
      histograms->value("execute", nlohmann::ordered_json()));
  if (execute.empty()) return "";
  const Scale scale = MakeScale(commit, execute);
  Canvas canvas(style.columns, style.rows);
  if (!commit.empty()) DrawCurve(commit, scale, 0, true, canvas);
  DrawCurve(execute, scale, 1, false, canvas);

  std::string text = "share of commands answered within a latency\n";
  for (int row = 0; row < style.rows; ++row) {
    const std::string label = RowLabel(row, style.rows, scale);
    text += fmt::format("{:>9} {}{}\n", label,
                        style.utf8 ? (label.empty() ? "\u2502" : "\u2524")
                                   : (label.empty() ? "|" : "+"),
                        canvas.Row(row, style));
  }
  std::string axis;
  for (int i = 0; i < style.columns; ++i) axis += style.utf8 ? "\u2500" : "-";
  text += fmt::format("{:>9} {}{}\n", "", style.utf8 ? "\u2514" : "+", axis);
  text += fmt::format("{:>11}{}\n", "", TickLine(scale, style.columns));
  text += fmt::format("{:>11}{}\n", "", Legend(style));
  return text;
}

}  // namespace quorate::bench
