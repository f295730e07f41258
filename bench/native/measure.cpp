// bench_measure PROGRAM ARGUMENT...: runs it without its output, and prints "WALL CPU" in
// nanoseconds.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>

extern char** environ;

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_measure PROGRAM ARGUMENT...\n");
    return 2;
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);

  const auto start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, argv[1], &actions, nullptr, argv + 1, environ);
  int status = 0;
  if (code != 0 || ::waitpid(child, &status, 0) < 0 || status != 0) {
    std::fprintf(stderr, "bench_measure: %s failed: %s\n", argv[1], std::strerror(code));
    return 1;
  }
  const auto wall = std::chrono::steady_clock::now() - start;
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const long long cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000'000LL +
                        (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1'000LL;
  std::printf("%lld %lld\n", static_cast<long long>(std::chrono::nanoseconds(wall).count()), cpu);
}
