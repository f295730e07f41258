// lookout_mutator: changes a directory as a seed or a script says; see mutator.h for what it says
// on its output. Exit status 0 when all operations were carried out, 1 when some failed (a script
// may have such), 2 where the arguments are wrong or the input ended early.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "mutator/mutator.h"

namespace {

using lookout::oracle::MutatorOptions;

constexpr const char* kUsage =
    "usage: lookout_mutator --dir WORKSPACE [--seed N] [--ops N] [--roots N] [--existing N]\n"
    "                       [--interval MIN MAX] [--shared] [--no-links] [--nested] [--stalls] "
    "[--at-once]\n"
    "                       [--log FILE] [--script FILE]\n";

std::string text_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot read " + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class Arguments {
 public:
  Arguments(int argc, char** argv) : argc_(argc), argv_(argv) {}
  bool next(std::string& word) {
    if (at_ >= argc_) return false;
    word = argv_[at_++];
    return true;
  }
  std::string text() {
    std::string word;
    if (!next(word)) throw std::runtime_error("a value is missing");
    return word;
  }
  std::uint64_t number() { return std::stoull(text()); }

 private:
  int argc_;
  char** argv_;
  int at_ = 1;
};

MutatorOptions parse(int argc, char** argv) {
  MutatorOptions options;
  Arguments arguments(argc, argv);
  for (std::string word; arguments.next(word);) {
    if (word == "--dir")
      options.workspace = arguments.text();
    else if (word == "--seed")
      options.generator.seed = arguments.number();
    else if (word == "--ops")
      options.operations = arguments.number();
    else if (word == "--roots")
      options.generator.roots = static_cast<int>(arguments.number());
    else if (word == "--existing")
      options.existing = arguments.number();
    else if (word == "--shared")
      options.generator.shared = true;
    else if (word == "--no-links")
      options.generator.hard_links = false;
    else if (word == "--nested")
      options.generator.nested = true;
    else if (word == "--stalls")
      options.generator.stalls = true;
    else if (word == "--at-once")
      options.run_at_once = true;
    else if (word == "--log")
      options.log = arguments.text();
    else if (word == "--script")
      options.script = lookout::oracle::parse_script(text_of(arguments.text()));
    else if (word == "--interval") {
      options.shortest = arguments.number();
      options.longest = arguments.number();
    } else {
      throw std::runtime_error("unknown argument " + word);
    }
  }
  if (options.workspace.empty()) throw std::runtime_error("--dir is missing");
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  int failures = lookout::oracle::run_mutator(parse(argc, argv), STDIN_FILENO, STDOUT_FILENO);
  if (failures < 0) return 2;
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "lookout_mutator: %s\n%s", error.what(), kUsage);
  return 2;
}
