#include "inject/command_script.h"

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bridge/etf_builder.h"
#include "inject/port.h"
#include "inject/workspace.h"

namespace lookout::inject {
namespace {

using namespace etf_builder;

constexpr int kTries = 4;  // of a request, until the failures end

// One command and what must come of it where nothing is said of a failure.
struct Scenario {
  std::string name;
  std::vector<std::string> argv;
  std::string options;  // the elements of the list, one after the other
  std::uint32_t option_count = 0;
  std::string exit = "0";  // as print() writes the term
  std::string output{};
  std::string errors{};
  std::function<void(Port&)> act = nullptr;  // when it runs
};

std::string list_of(std::uint32_t count, const std::string& elements) {
  return count == 0 ? nil() : "l" + big_endian(count, 4) + elements + nil();
}

std::string content_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class CommandScript : public Script {
 public:
  explicit CommandScript(const TrialOptions& options)
      : options_(options), workspace_(options.directory) {}

  void on_message(const Term& message) override {
    if (message.is_tuple("stdout")) {
      output_ += message.at(1).text;
    } else if (message.is_tuple("stderr")) {
      errors_ += message.at(1).text;
    } else if (message.is_tuple("exit")) {
      if (exit_) throw Broken("a second exit: " + print(message));
      exit_ = print(message.at(1));
    } else if (!message.is_tuple("stdin_taken")) {
      say(message);  // the input was dropped, or the like
      excused_ = true;
    }
  }

  void run(Port& port) override {
    port.await_hello();
    descriptors_ = port.open_descriptors();
    remove_cgroups(port);  // of an earlier process with the same id
    if (options_.work != Work::command) return end_while_running(port);
    for (const Scenario& scenario : scenarios()) play(port, scenario);
    port.injector().disarm();
    if (!play(port, echo())) throw Broken("no command can be run any more");
    port.finish();
    if (!removals_fail() && remove_cgroups(port) > 0) throw Broken("a cgroup is left behind");
  }

 private:
  static Scenario echo() { return {"echo", {"echo", "hello"}, "", 0, "0", "hello\n", "", nullptr}; }

  Scenario cat() {
    const std::string text(100'000, 'x');
    return {"cat",
            {"cat"},
            option("stdin", atom("pipe")) + option("stderr", atom("stdout")),
            2,
            "0",
            text + text,
            "",
            [this, text](Port& port) {
              port.cast(tuple({atom("stdin"), binary(text)}));
              port.cast(tuple({atom("stdin"), binary(text)}));
              insist(port, "close_stdin", "", 0);
            }};
  }

  static Scenario shell(const std::string& name, const std::string& line) {
    return {name, {"/bin/sh", "-c", line}, "", 0, "0", "", "", nullptr};
  }

  static Scenario both_streams() {
    Scenario scenario = shell("both streams", "echo out; echo err >&2; exit 3");
    scenario.exit = "3";
    scenario.output = "out\n";
    scenario.errors = "err\n";
    return scenario;
  }

  Scenario terminal() {
    Scenario scenario = shell("terminal", "stty size; read line; stty size");
    scenario.options = option("pty", tuple({integer(24), integer(80)}));
    scenario.option_count = 1;
    scenario.output = "24 80\r\n\r\n30 90\r\n";
    scenario.act = [this](Port& port) {
      insist(port, "resize", tuple({integer(30), integer(90)}), 1);
      port.cast(tuple({atom("stdin"), binary("\n")}));
    };
    return scenario;
  }

  Scenario files() {
    Scenario scenario = shell("files", "pwd; ulimit -n; nice; echo err >&2");
    const std::string out = workspace_.path() + "/out";
    const std::string err = workspace_.path() + "/err";
    scenario.options =
        option("cd", binary("/usr")) + option("stdout", tuple({atom("file"), binary(out)})) +
        option("stderr", tuple({atom("append"), binary(err)})) +
        option("rlimits", list({tuple({atom("nofile"), integer(64), integer(64)})})) +
        option("nice", integer(19));
    scenario.option_count = 5;
    return scenario;
  }

  Scenario stopped() {
    Scenario scenario = shell("stopped", "trap '' TERM; echo ready; sleep 1000 & exec sleep 1000");
    scenario.exit = "{:signal, :kill, 9}";
    scenario.output = "ready\n";
    scenario.act = [this](Port& port) { insist(port, "stop", integer(20), 1); };
    return scenario;
  }

  Scenario signalled() {
    Scenario scenario = shell("signalled", "echo ready; exec sleep 1000");
    scenario.exit = "{:signal, :usr1, 10}";
    scenario.output = "ready\n";
    scenario.act = [this](Port& port) { insist(port, "signal", atom("usr1"), 1); };
    return scenario;
  }

  static Scenario lingering() {
    Scenario scenario = shell("lingering", "setsid sleep 1000 & exit 0");
    scenario.options = option("linger", integer(20));
    scenario.option_count = 1;
    return scenario;
  }

  static Scenario without_guardian() {
    Scenario scenario = shell("without guardian", "echo ready; sleep 1000 & sleep 1000");
    scenario.exit = "{:signal, :kill, 9}";
    scenario.output = "ready\n";
    scenario.act = [](Port& port) {
      const std::string children = port.children();
      const std::size_t number = children.find_first_of("0123456789");
      if (number != std::string::npos) ::kill(std::stoi(children.substr(number)), SIGKILL);
    };
    return scenario;
  }

  static Scenario missing() {
    return {"missing", {"/no/such/program"}, "", 0, "none", "", "", nullptr};
  }

  std::vector<Scenario> scenarios() {
    return {echo(),    cat(),       both_streams(), terminal(), files(),
            stopped(), signalled(), lingering(),    missing(),  without_guardian()};
  }

  // As long as calls fail it may have an error, but then it may be tried again.
  void insist(Port& port, const std::string& name, const std::string& elements, int count) {
    for (int tries = 1; tries <= kTries; ++tries) {
      const Term reply = port.request(name, elements, count);
      if (reply.is_atom("ok") || exit_) return;
      say(reply);
      if (tries == kTries - 1) port.injector().disarm();
    }
    throw Broken(name + " still fails: " + said());
  }

  // False where it had an error.
  bool spawn(Port& port, const Scenario& scenario) {
    output_.clear();
    errors_.clear();
    exit_.reset();
    excused_ = false;
    std::string words;
    for (const std::string& word : scenario.argv) words += binary(word);
    const std::string options =
        list_of(scenario.option_count + 1, scenario.options + option("credit", atom("infinity")));
    const Term reply = port.request(
        "spawn", list_of(static_cast<std::uint32_t>(scenario.argv.size()), words) + options, 2);
    if (reply.is_tuple("ok")) return true;
    if (scenario.exit == "none" && reply.at(1).at(0).is_atom("enoent")) return false;
    if (port.injector().injected() == 0) throw Broken(scenario.name + ": " + print(reply));
    say(reply);
    return false;
  }

  bool play(Port& port, const Scenario& scenario) {
    const bool runs = spawn(port, scenario);
    if (runs) {
      // A command that has something to say says it when it can be acted on.
      if (scenario.act && scenario.name != "cat") {
        port.await("output of " + scenario.name,
                   [this] { return !output_.empty() || exit_ || excused_; });
      }
      if (scenario.act && !exit_) scenario.act(port);
      port.await("the exit of the command " + scenario.name, [this] { return exit_.has_value(); });
      compare(scenario);
    }
    const auto nothing_left = [&] {
      return port.children().empty() && port.open_descriptors() <= descriptors_;
    };
    // The reply comes a moment before the last is closed.
    for (int i = 0; i < 1000 && !nothing_left(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!nothing_left()) {
      throw Broken(scenario.name + ": left behind:" + port.children() +
                   " and descriptors: " + std::to_string(port.open_descriptors()) + " instead of " +
                   std::to_string(descriptors_));
    }
    return runs;
  }

  void compare(const Scenario& scenario) {
    if (scenario.exit == "none") throw Broken(scenario.name + " was started");
    if (excused_) return;
    const std::string wrong = " is not as without failures, and nothing was said of it: ";
    if (*exit_ != scenario.exit) throw Broken(scenario.name + ": the exit" + wrong + *exit_);
    if (output_ != scenario.output) throw Broken(scenario.name + ": the output" + wrong + output_);
    if (errors_ != scenario.errors) throw Broken(scenario.name + ": stderr" + wrong + errors_);
    if (scenario.name == "files" && content_of(workspace_.path() + "/out") != "/usr\n64\n19\n") {
      throw Broken("the file" + wrong + content_of(workspace_.path() + "/out"));
    }
  }

  void end_while_running(Port& port) {
    const Scenario scenario = shell("running", "trap '' TERM; setsid sleep 1000 & sleep 1000");
    for (int tries = 0; tries < 2 && !spawn(port, scenario); ++tries) {
    }
    if (options_.work == Work::killed) ::kill(port.injector().pid(), SIGKILL);
    port.finish(options_.work == Work::killed ? 128 + SIGKILL : 0);
    if (!removals_fail() && remove_cgroups(port) > 0) throw Broken("a cgroup is left behind");
  }

  // What a removal could not do that failed each time is not asked for.
  bool removals_fail() const {
    return options_.rule.last > options_.rule.first &&
           options_.rule.calls == std::vector<int>{call_number("rmdir")};
  }

  // Those of the commands of this port that are left. How many there were.
  static std::size_t remove_cgroups(const Port& port) {
    const std::string name = "lookout-" + std::to_string(port.pid()) + "-";
    std::size_t count = 0;
    std::ifstream lines("/proc/self/cgroup");
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("0::")) continue;
      for (const std::string mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        count += remove_directories(mount + line.substr(3), name);
      }
    }
    return count;
  }

  static std::size_t remove_directories(const std::string& parent, const std::string& name) {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
      if (entry.path().filename().string().starts_with(name)) found.push_back(entry.path());
    }
    for (const auto& path : found) std::filesystem::remove(path, ignored);
    return found.size();
  }

  const TrialOptions& options_;
  Workspace workspace_;
  std::size_t descriptors_ = 0;
  std::string output_;
  std::string errors_;
  std::optional<std::string> exit_;
  bool excused_ = false;  // something was said of this command
};

}  // namespace

std::unique_ptr<Script> make_command_script(const TrialOptions& options) {
  return std::make_unique<CommandScript>(options);
}

}  // namespace lookout::inject
