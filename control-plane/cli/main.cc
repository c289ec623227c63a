// millrace: the command-line client of the admin API.

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "control-plane/cli/command.h"

int main(int argc, char** argv) {
  // A pipe that was closed (`| head`) ends the command through its stream, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  return millrace::cli::Run(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
