#include "runtime/lifecycle/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

namespace millrace::lifecycle {

void IgnoreBrokenPipes() { std::signal(SIGPIPE, SIG_IGN); }

uint64_t RaiseOpenFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

std::string HostName() {
  char buffer[256] = {};
  if (gethostname(buffer, sizeof(buffer) - 1) != 0) return "localhost";
  std::string name(buffer);
  name.resize(std::min(name.find('.'), name.size()));
  return name.empty() ? "localhost" : name;
}

}  // namespace millrace::lifecycle
