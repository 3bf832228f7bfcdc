#include "experiments/plot/pictures.h"

#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "experiments/bench/text.h"
#include "experiments/plot/gnuplot_text.h"
#include "experiments/plot/latency_curve.h"
#include "experiments/plot/result_check.h"
#include "experiments/plot/result_text.h"
#include "fmt/format.h"

extern char** environ;

namespace quorate::bench {
namespace {

using Json = nlohmann::ordered_json;

// Okabe and Ito's palette: distinguishable with any colour vision.
constexpr std::string_view kPalette[] = {"#0072B2", "#D55E00", "#009E73",
                                         "#CC79A7", "#E69F00", "#56B4E9",
                                         "#000000", "#F0E442", "#999999"};

// Settings that all pictures share; %TERMINAL% is filled in for each format.
constexpr std::string_view kStyle = R"(%TERMINAL%
set encoding utf8
set border 3 lc rgb "#606060"
set tics nomirror out scale 0.6 tc rgb "#303030"
set grid lc rgb "#dddddd" lw 1 lt 1
set title font ",15" tc rgb "#202020"
)";

double NumberAt(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number()) return 0;
  return found->get<double>();
}

std::string TextAt(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return "";
  return found->get<std::string>();
}

// The title, and the workload in small letters between it and the plot.
std::string Titles(const Json& result, const std::string& what) {
  const auto workload = result.find("workload_settings");
  const std::string description =
      workload == result.end() ? "" : TextAt(*workload, "description");
  const std::string title = fmt::format(
      "{} - {}, {} commands/s", what, ShortTitle(result),
      FormatCount(
          static_cast<std::uint64_t>(NumberAt(result, "throughput_ops_s"))));
  return fmt::format(
      "set title {} offset 0,1.3\n"
      "set label {} at graph 0.5, graph 1 center offset 0,1.1 font \",10\"\n",
      QuoteForGnuplot(title), QuoteForGnuplot(description));
}

struct Series {
  std::string title;
  std::string color;
  bool dashed;
  LatencyCurve curve;
};

void AddSeries(const Json& histograms, const std::string& name,
               std::string_view color, std::vector<Series>& series) {
  for (const char* kind : {"execute", "commit"}) {
    const auto buckets = histograms.find(kind);
    if (buckets == histograms.end()) continue;
    LatencyCurve curve(*buckets);
    if (curve.empty()) continue;
    const bool commit = std::string_view(kind) == "commit";
    std::string title =
        commit ? "commit: the order is decided" : "execute: the client's wait";
    if (!name.empty()) title = fmt::format("{}, {}", name, kind);
    series.push_back({title, std::string(color), commit, std::move(curve)});
  }
}

// One pair of curves, or one for each site if the nodes have sites.
std::vector<Series> CollectSeries(const Json& result) {
  std::vector<Series> series;
  const auto sites = result.find("sites");
  const auto nodes = result.find("node_details");
  const bool has_sites = sites != result.end() && nodes != result.end() &&
                         std::ranges::any_of(*nodes, [](const Json& node) {
                           return !TextAt(node, "site").empty();
                         });
  if (has_sites) {
    std::size_t color = 0;
    for (const auto& [name, site] : sites->items()) {
      const auto histograms = site.find("histogram_ns");
      if (histograms == site.end()) continue;
      AddSeries(*histograms, name, kPalette[color++ % std::size(kPalette)],
                series);
    }
  } else if (const auto all = result.find("histogram_ns");
             all != result.end()) {
    AddSeries(*all, "", kPalette[0], series);
  }
  // Alone in the picture, the two get a colour each.
  if (series.size() == 2) series[1].color = kPalette[1];
  return series;
}

struct Extent {
  double from_ms = 1e9;
  double to_ms = 0;
  double top = 2;
};

Extent FindExtent(const std::vector<Series>& series) {
  Extent extent;
  for (const Series& each : series) {
    extent.from_ms =
        std::min(extent.from_ms, std::max(each.curve.lowest_ms(), 1e-3));
    extent.to_ms = std::max(extent.to_ms, each.curve.highest_ms());
    extent.top = std::max(extent.top, TopNines(each.curve.count()));
  }
  extent.from_ms *= 0.9;
  extent.to_ms = std::max(extent.to_ms, extent.from_ms) * 1.15;
  // Room for the labels at the right of the last marks.
  if (series.size() == 2) {
    extent.to_ms *= std::pow(extent.to_ms / extent.from_ms, 0.12);
  }
  return extent;
}

std::string LatencyTics(double from_ms, double to_ms) {
  std::string tics;
  for (double ms : RoundLatencies(from_ms, to_ms)) {
    tics += fmt::format("{}\"{}\" {}", tics.empty() ? "" : ", ",
                        FormatLatency(ms), ms);
  }
  return tics;
}

std::string ShareTicsText(double top) {
  std::string tics;
  for (const ShareTick& tick : ShareTicks(top)) {
    // A label of a tic is a format: "%" opens a directive there.
    tics += fmt::format("{}\"{}%\" {:.5f}", tics.empty() ? "" : ", ",
                        tick.label, Nines(tick.share, 9));
  }
  return tics;
}

// Lines from bucket to bucket, not steps: a dashed staircase looks solid.
std::string CurveData(std::size_t index, const LatencyCurve& curve,
                      double top) {
  std::string data = fmt::format("$curve{} << EOD\n{} 0\n", index,
                                 std::max(curve.lowest_ms(), 1e-3));
  for (const LatencyCurve::Point& point : curve.points()) {
    data += fmt::format("{:.6g} {:.5f}\n", std::max(point.ms, 1e-3),
                        Nines(point.share, top));
  }
  return data + "EOD\n";
}

// Dots with their values at p50, p99 and p99.9.
std::string Marks(const Series& series, double top, bool above) {
  std::string marks;
  for (double share : {0.5, 0.99, 0.999}) {
    if (Nines(share, 9) > top) continue;
    const double ms = series.curve.LatencyAt(share);
    marks += fmt::format(
        "set label \" {} {} \" at {:.6g},{:.5f} {} front point pt 7 ps 1 "
        "lc rgb \"{}\" tc rgb \"{}\" offset {},{}\n",
        share == 0.5    ? "p50"
        : share == 0.99 ? "p99"
                        : "p99.9",
        FormatLatency(ms), ms, Nines(share, 9), above ? "right" : "left",
        series.color, series.color, above ? "-0.4" : "0.4",
        above ? "0.5" : "-0.5");
  }
  return marks;
}

// The timeline as gnuplot data, and what its axes must hold.
struct Times {
  std::string data = "$time << EOD\n";
  double errors = 0;
  double highest_rate = 0;
  double lowest_ms = 1e9;
  double highest_ms = 0;
};

Times ReadTimes(const Json& timeline, double end_s) {
  Times times;
  std::string row;
  for (const Json& point : timeline) {
    times.errors += NumberAt(point, "errors");
    times.highest_rate = std::max(times.highest_rate, NumberAt(point, "ops_s"));
    row = fmt::format(" {:.6g}", NumberAt(point, "ops_s"));
    for (const char* name : {"p50_ms", "p99_ms"}) {
      const double ms = NumberAt(point, name);
      // An interval without answers is a gap in the line, not a zero.
      row += ms > 0 ? fmt::format(" {:.6g}", ms) : " NaN";
      if (ms <= 0) continue;
      times.lowest_ms = std::min(times.lowest_ms, ms);
      times.highest_ms = std::max(times.highest_ms, ms);
    }
    row += fmt::format(" {}\n", NumberAt(point, "errors"));
    times.data += fmt::format("{:.6g}", NumberAt(point, "at_s")) + row;
  }
  // Steps need the end of the last interval too.
  times.data += fmt::format("{:.6g}", end_s) + row + "EOD\n";
  if (times.highest_ms == 0) times.lowest_ms = times.highest_ms = 1;
  return times;
}

// Grey where the load generator itself stood still: nothing there is the
// cluster's.
std::string Pauses(const Json& result) {
  const auto generator = result.find("generator");
  if (generator == result.end() || !generator->is_object()) return "";
  const auto pauses = generator->find("pauses");
  if (pauses == generator->end()) return "";
  std::string script;
  for (const Json& pause : *pauses) {
    const double at = NumberAt(pause, "at_s");
    script += fmt::format(
        "set object rectangle from first {:.6g}, graph 0 to first {:.6g}, "
        "graph 1 behind fc rgb \"#e4e4e4\" fs solid noborder\n",
        at, at + NumberAt(pause, "length_s"));
  }
  if (script.empty()) return "";
  return script +
         "set label \"grey: the load generator itself stood still\" at graph "
         "0.01, graph 0.95 left front tc rgb \"#555555\"\n";
}

// What happened to the cluster meanwhile, in "marks": a line over both plots
// and its text at the top. Scripts that do something add them to the result.
std::string Happenings(const Json& result) {
  std::string script;
  const auto marks = result.find("marks");
  if (marks == result.end()) return script;
  for (const Json& mark : *marks) {
    const double at = NumberAt(mark, "at_s");
    script += fmt::format(
        "set arrow from first {0:.6g}, graph 0 to first {0:.6g}, graph 1 "
        "nohead front dt 3 lw 1.5 lc rgb \"#555555\"\n"
        "set label {1} at first {0:.6g}, graph 0.08 offset 0.6 left front "
        "tc rgb \"#555555\"\n",
        at, QuoteForGnuplot(TextAt(mark, "text")));
  }
  return script;
}

std::string PathIn(const std::string& directory, std::string_view file) {
  return directory.empty() ? std::string(file)
                           : fmt::format("{}/{}", directory, file);
}

// Runs there: a path is not for a script, where it would be text to be quoted,
// a pipe if it began with "|", and wrong as soon as somebody moves it.
absl::Status RunGnuplot(const std::string& directory,
                        const std::string& script) {
  // -d: pictures do not depend on anybody's start-up file.
  const char* arguments[] = {"gnuplot", "-d", script.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(
      &actions, directory.empty() ? "." : directory.c_str());
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, "gnuplot", &actions, nullptr,
                                  const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return absl::UnavailableError(fmt::format(
        "cannot run gnuplot in \"{}\": {}; is the package gnuplot-nox "
        "installed?",
        directory, std::strerror(failed)));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("gnuplot failed on \"{}\" (its messages are above)",
                  PathIn(directory, script)));
}

// Writes NAME.gnuplot, which draws NAME.svg and NAME.png where it stands.
absl::Status Draw(const std::string& directory, const std::string& name,
                  int width, int height, const std::string& body,
                  std::vector<std::string>& files) {
  const std::string script = PathIn(directory, name + ".gnuplot");
  std::ofstream file(script);
  const std::pair<const char*, const char*> formats[] = {
      {"svg", "svg noenhanced font \"Helvetica,12\" background rgb \"white\""},
      {"png", "pngcairo noenhanced font \"Helvetica,12\""}};
  for (const auto& [ending, terminal] : formats) {
    std::string style(kStyle);
    style.replace(style.find("%TERMINAL%"), 10,
                  fmt::format("reset\nset terminal {} size {},{}\n"
                              "set output \"{}.{}\"",
                              terminal, width, height, name, ending));
    file << style << body << "unset output\n";
    files.push_back(PathIn(directory, name + "." + ending));
  }
  file.close();
  if (!file) {
    return absl::UnavailableError(
        fmt::format("cannot write \"{}\": {}", script, std::strerror(errno)));
  }
  return RunGnuplot(directory, name + ".gnuplot");
}

}  // namespace

std::string LatencyScript(const Json& result) {
  const std::vector<Series> series = CollectSeries(result);
  if (series.empty()) return "";
  const Extent extent = FindExtent(series);
  std::string script =
      Titles(result, "Latency") +
      fmt::format(
          "set tmargin 5\nset xlabel \"latency (logarithmic)\"\n"
          "set ylabel \"share of commands at least this fast\"\n"
          "set logscale x\nset xrange [{:.6g}:{:.6g}]\nset yrange [0:{:.3f}]\n"
          "set xtics ({})\nset ytics ({})\n"
          // A share axis in nines leaves the upper left empty, whatever the
          // curve.
          "set key top left Left reverse opaque box lc rgb \"#bbbbbb\" "
          "samplen 4 spacing 1.3 width 1 height 0.4\n",
          extent.from_ms, extent.to_ms, extent.top + 0.05,
          LatencyTics(extent.from_ms, extent.to_ms), ShareTicsText(extent.top));
  std::string plots;
  for (std::size_t i = 0; i < series.size(); ++i) {
    script += CurveData(i, series[i].curve, extent.top);
    plots += fmt::format(
        "{}$curve{} using 1:2 with lines lw 2.5 dt {} "
        "lc rgb \"{}\" title {}",
        i == 0 ? "" : ", ", i, series[i].dashed ? 2 : 1, series[i].color,
        QuoteForGnuplot(series[i].title));
    if (series.size() == 2) {
      script += Marks(series[i], extent.top, series[i].dashed);
    }
  }
  return script + "plot " + plots + "\n";
}

std::string TimelineScript(const Json& result) {
  const auto timeline = result.find("timeline");
  if (timeline == result.end() || timeline->empty()) return "";
  const double end = std::max(NumberAt(result, "duration_s"), 1e-3);
  const Times times = ReadTimes(*timeline, end);
  const std::string error_plot =
      times.errors == 0
          ? ""
          : fmt::format(
                ", $time using 1:5 with impulses lw 3 lc rgb \"{}\" "
                "title \"errors\"",
                kPalette[1]);
  const double low = times.lowest_ms / 1.5;
  const double high = times.highest_ms * 2;
  return times.data +
         fmt::format(
             "set multiplot layout 2,1 margins 0.1,0.97,0.11,0.86 "
             "spacing 0.09\n"
             "{}{}{}"
             "set xrange [0:{:.6g}]\nset yrange [0:{:.6g}]\n"
             "set format y \"%.0s%c\"\nset format x \"\"\n"
             "set ylabel \"commands/s\" offset 0.5\n"
             "set key top right Left reverse opaque horizontal samplen 3\n"
             "set style fill solid 0.18 noborder\n"
             "plot $time using 1:2 with fillsteps lc rgb \"{}\" notitle, "
             "$time using 1:2 with steps lw 2 lc rgb \"{}\" notitle{}\n"
             "unset title\nunset label\nset format x\nset xlabel \"seconds\"\n"
             "set logscale y\nset yrange [{:.6g}:{:.6g}]\nset ytics ({})\n"
             "set ylabel \"execute latency\" offset 0.5\n"
             "plot $time using 1:4 with steps lw 2 lc rgb \"{}\" "
             "title \"p99\", $time using 1:3 with steps lw 2 "
             "lc rgb \"{}\" title \"p50\"\n"
             "unset multiplot\n",
             Pauses(result), Happenings(result), Titles(result, "Over time"),
             end, std::max(times.highest_rate, 1.0) * 1.15, kPalette[5],
             kPalette[0], error_plot, low, high, LatencyTics(low, high),
             kPalette[1], kPalette[0]);
}

absl::StatusOr<std::vector<std::string>> DrawPictures(
    const Json& result, const std::string& directory) {
  absl::Status status = CheckFields(result);
  if (!status.ok()) return status;
  std::vector<std::string> files;
  const std::string latency = LatencyScript(result);
  if (latency.empty()) {
    return absl::NotFoundError(
        "the result has no latencies: no command was answered");
  }
  status = Draw(directory, "latency", 860, 520, latency, files);
  const std::string timeline = TimelineScript(result);
  if (status.ok() && !timeline.empty()) {
    status = Draw(directory, "timeline", 860, 520, timeline, files);
  }
  if (!status.ok()) return status;
  return files;
}

}  // namespace quorate::bench
