// `quorate serve`: one node in the foreground.
#include <CLI/CLI.hpp>
#include <string>

#include "replica/cli/arguments.h"
#include "replica/cli/cli.h"
#include "replica/node/serve.h"

namespace quorate::cli {

int ServeMain(int argc, const char* const* argv) {
  std::string config;
  std::string node;
  CLI::App app(
      "Runs one node in the foreground; prints where it listens, and \"ready\" "
      "when it\nserves.",
      "quorate serve");
  app.footer(
      "Example:\n  quorate serve --config cluster.toml --node r1\n"
      "The file: `quorate settings` lists what it can say, `quorate settings "
      "--example`\nis one for five machines; replica/docs/settings.md is the "
      "same as a page.\n"
      "SIGTERM and SIGINT stop it. Exit codes: 0 stopped, 1 failed, 2 wrong "
      "usage,\n74 storage failure.");
  AddConfigOption(app, config);
  app.get_option("--config")->required();
  app.add_option("--node", node, "the node's name in the file")
      ->required()
      ->type_name("NAME");
  if (const auto exit_code = ParseArguments(app, argc, argv)) {
    return *exit_code;
  }
  return Serve(config, node);
}

}  // namespace quorate::cli
