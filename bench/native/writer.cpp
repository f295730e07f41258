// bench_writer: changes directories at full speed.
//
//   tree DIR DIRECTORIES FILES  makes so many directories below DIR, ten in each, and spreads
//                               empty files over them
//   mixed DIR CHANGES           makes 100 directories below DIR, then creates, writes, renames and
//                               deletes files in them, a thousand of which are left
//   create DIR CHANGES          the same, but creates and writes only
//   attributes DIR CHANGES      changes the modes of two files in turn, so that the kernel can
//                               merge nothing
//
// Prints "CHANGES WALL CPU": what was done after the preparation, in nanoseconds.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

namespace {

void check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

std::string numbered(const char* prefix, std::uint64_t number, const char* suffix = "") {
  return prefix + std::to_string(number) + suffix;
}

std::string below(const std::string& directory, const std::string& name) {
  return directory + '/' + name;
}

void make_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  check(file, path);
  ::close(file);
}

void make_and_write(const std::string& path) {
  const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  check(file, path);
  check(static_cast<int>(::write(file, "x", 1)), path);
  ::close(file);
}

class Stopwatch {
 public:
  void report(std::uint64_t changes) const {
    const auto wall = std::chrono::steady_clock::now() - start_;
    std::printf("%llu %lld %lld\n", static_cast<unsigned long long>(changes),
                static_cast<long long>(std::chrono::nanoseconds(wall).count()), cpu() - cpu_);
  }

 private:
  static long long cpu() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000'000LL +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1'000LL;
  }
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  long long cpu_ = cpu();
};

void make_tree(const std::string& top, std::uint64_t directories, std::uint64_t files) {
  const Stopwatch stopwatch;
  std::vector<std::string> paths = {top};
  for (std::uint64_t i = 1; i <= directories; ++i) {
    paths.push_back(below(paths[(i - 1) / 10], numbered("folder_", i)));
    check(::mkdir(paths.back().c_str(), 0755), paths.back());
  }
  for (std::uint64_t i = 0; i < files; ++i) {
    make_file(below(paths[i % paths.size()], numbered("source_", i, ".txt")));
  }
  stopwatch.report(directories + files);
}

std::vector<std::string> prepare(const std::string& top) {
  std::vector<std::string> directories;
  for (std::uint64_t i = 0; i < 100; ++i) {
    directories.push_back(below(top, numbered("folder_", i)));
    if (::mkdir(directories.back().c_str(), 0755) < 0 && errno != EEXIST)
      check(-1, directories.back());
  }
  return directories;
}

void mixed(const std::string& top, std::uint64_t changes) {
  constexpr std::uint64_t kKept = 1000;
  const auto directories = prepare(top);
  const auto place = [&](const char* name, std::uint64_t i) {
    return below(directories[i % directories.size()], numbered(name, i, ".txt"));
  };
  const Stopwatch stopwatch;
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; done < changes; ++i) {
    const std::string made = place("new_", i);
    const std::string renamed = place("file_", i);
    make_and_write(made);
    check(::rename(made.c_str(), renamed.c_str()), made);
    done += 3;
    if (i < kKept) continue;
    const std::string old = place("file_", i - kKept);
    check(::unlink(old.c_str()), old);
    ++done;
  }
  stopwatch.report(done);
}

void create(const std::string& top, std::uint64_t changes) {
  const auto directories = prepare(top);
  const Stopwatch stopwatch;
  std::uint64_t done = 0;
  for (std::uint64_t i = 0; done < changes; ++i, done += 2) {
    make_and_write(below(directories[i % directories.size()], numbered("file_", i, ".txt")));
  }
  stopwatch.report(done);
}

void attributes(const std::string& top, std::uint64_t changes) {
  const std::string files[] = {below(top, "first"), below(top, "second")};
  for (const std::string& file : files) make_file(file);
  const Stopwatch stopwatch;
  for (std::uint64_t i = 0; i < changes; ++i) {
    check(::chmod(files[i % 2].c_str(), i % 4 < 2 ? 0600 : 0640), files[i % 2]);
  }
  stopwatch.report(changes);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 4 && words[0] == "tree") {
    make_tree(words[1], std::stoull(words[2]), std::stoull(words[3]));
  } else if (words.size() == 3 && words[0] == "mixed") {
    mixed(words[1], std::stoull(words[2]));
  } else if (words.size() == 3 && words[0] == "create") {
    create(words[1], std::stoull(words[2]));
  } else if (words.size() == 3 && words[0] == "attributes") {
    attributes(words[1], std::stoull(words[2]));
  } else {
    std::fprintf(stderr,
                 "usage: bench_writer tree DIR DIRECTORIES FILES\n"
                 "       bench_writer mixed|create|attributes DIR CHANGES\n");
    return 2;
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench_writer: %s\n", error.what());
  return 1;
}
