#include "mutator/mutator.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "mutator/executor.h"

namespace lookout::oracle {
namespace {

void say(int fd, const std::string& text) {
  const char* data = text.data();
  std::size_t left = text.size();
  while (left > 0) {
    ssize_t written = ::write(fd, data, left);
    if (written < 0) return;
    data += written;
    left -= static_cast<std::size_t>(written);
  }
}

// The intervals, from the seed or from a script; each ends with a rest.
class Source {
 public:
  Source(const MutatorOptions& options, const Executor& executor)
      : options_(options),
        executor_(executor),
        generator_(options.generator),
        random_(~options.generator.seed) {}

  std::vector<Operation> next() {
    if (options_.script) return from_script();
    if (first_) {
      first_ = false;
      return generator_.existing(options_.existing);
    }
    if (drawn_ >= options_.operations) return {};
    if (options_.generator.shared) generator_.reload(*executor_.look());
    std::size_t count = random_.between(options_.shortest, options_.longest);
    count = std::min(count, options_.operations - drawn_);
    drawn_ += count;
    return generator_.interval(count);
  }

 private:
  std::vector<Operation> from_script() {
    const std::vector<Operation>& script = *options_.script;
    std::vector<Operation> interval;
    while (drawn_ < script.size()) {
      interval.push_back(script[drawn_++]);
      if (interval.back().verb == Verb::rest) {
        first_ = false;
        return interval;
      }
    }
    // What exists may be nothing, but "ready" is said even then.
    if (!interval.empty() || std::exchange(first_, false)) interval.push_back({.verb = Verb::rest});
    return interval;
  }

  const MutatorOptions& options_;
  const Executor& executor_;
  Generator generator_;
  Random random_;
  std::size_t drawn_ = 0;
  bool first_ = true;
};

class Mutator {
 public:
  Mutator(const MutatorOptions& options, int input, int output)
      : options_(options), input_(input), output_(output), executor_(options.workspace) {
    if (options.log.empty()) return;
    log_ = Descriptor(::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!log_) throw std::system_error(errno, std::generic_category(), options.log);
  }

  int run() {
    make_workspace();
    Source source(options_, executor_);
    std::string_view word = "ready";
    for (std::vector<Operation> interval = source.next(); !interval.empty();
         interval = source.next()) {
      note(interval);
      if (!carry_out(interval)) return -1;
      say(output_, std::string(word) + '\n');
      if (!(word == "ready" && options_.run_at_once) && !wait_for_go()) return -1;
      word = "rest";
    }
    say(output_, "done\n");
    return failures_;
  }

 private:
  void make_workspace() {
    for (int i = 0; i < options_.generator.roots; ++i) make_directory("r" + std::to_string(i));
    make_directory("side");
    if (options_.generator.nested) make_directory("r0/inner");
  }

  // Another writer may have made it.
  void make_directory(const std::string& path) {
    const int error = executor_.run({.verb = Verb::mkdir, .path = path});
    if (error != 0 && error != EEXIST)
      throw std::system_error(error, std::generic_category(), path);
  }

  // Written before the interval begins, so that the burst itself is nothing but its system calls.
  void note(const std::vector<Operation>& interval) {
    if (!log_) return;
    std::string text;
    for (const Operation& operation : interval) text += to_line(operation) + '\n';
    say(log_.get(), text);
  }

  bool carry_out(const std::vector<Operation>& interval) {
    for (const Operation& operation : interval) {
      if (operation.verb == Verb::stall) {
        say(output_, "stall\n");
        if (!wait_for_go()) return false;
      } else if (operation.verb == Verb::resume) {
        say(output_, "resume\n");
      } else if (int error = executor_.run(operation)) {
        ++failures_;
        if (log_) say(log_.get(), "# " + to_line(operation) + ": " + std::strerror(error) + '\n');
      }
    }
    return true;
  }

  bool wait_for_go() {
    char c = 0;
    while (::read(input_, &c, 1) == 1) {
      if (c == '\n') return true;
    }
    return false;
  }

  const MutatorOptions& options_;
  int input_;
  int output_;
  Executor executor_;
  Descriptor log_;
  int failures_ = 0;
};

}  // namespace

int run_mutator(const MutatorOptions& options, int input, int output) {
  return Mutator(options, input, output).run();
}

std::vector<Operation> parse_script(const std::string& text) {
  std::vector<Operation> script;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.empty() || line[0] == '#') continue;
    std::optional<Operation> operation = from_line(line);
    if (!operation) throw std::runtime_error("not an operation: " + line);
    script.push_back(*operation);
  }
  return script;
}

}  // namespace lookout::oracle
