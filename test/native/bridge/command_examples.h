// The examples of docs/protocol.md that are about commands, and what the codecs must make of them.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <variant>

#include "bridge/command_replies.h"
#include "bridge/replies.h"
#include "bridge/requests.h"
#include "bridge/term_writer.h"

namespace lookout {

using RequestCheck = std::function<bool(const Request&)>;

template <class R>
RequestCheck expect(std::function<bool(const R&)> check) {
  return [check = std::move(check)](const Request& request) {
    const auto* typed = std::get_if<R>(&request);
    return typed != nullptr && check(*typed);
  };
}

template <class Message>
std::string encoded(const Message& message) {
  TermWriter writer;
  encode(writer, message);
  return std::string(writer.bytes());
}

inline std::map<std::string, RequestCheck> command_request_examples() {
  using Kind = OutputTarget::Kind;
  LaunchSpec cat;
  cat.argv = {"cat", "-"};
  cat.directory = "/srv";
  cat.input = true;
  cat.errors = {Kind::merge, ""};
  LaunchSpec make;
  make.argv = {"make", "-j2"};
  make.environment = {{"LANG", "C"}, {"MAKEFLAGS", std::nullopt}};
  make.output = {Kind::file, "/tmp/out"};
  make.errors = {Kind::file_appended, "/tmp/err"};
  make.limits = {{RLIMIT_NOFILE, 1024, 4096}, {RLIMIT_CORE, 0, RLIM_INFINITY}};
  make.nice = 10;
  make.grace = std::chrono::seconds(2);
  make.stop_signal = SIGINT;
  LaunchSpec shell;
  shell.argv = {"/bin/sh"};
  shell.terminal = WindowSize{24, 80};
  LaunchSpec redis;
  redis.argv = {"redis-server"};
  redis.user = "redis";
  redis.group = id_t{33};
  redis.groups = {{id_t{44}, "audio"}};
  redis.linger.reset();
  LaunchSpec limited;
  limited.argv = {"make"};
  limited.groups = {{id_t{7}, id_t{44}}};
  limited.cgroup_limits = {1'073'741'824, 150'000, 100};
  const auto spawn = [](RequestId id, const LaunchSpec& spec, std::uint64_t credit) {
    return expect<SpawnRequest>(
        [=](const auto& r) { return r.id == id && r.spec == spec && r.credit == credit; });
  };
  const auto signal = [](RequestId id, int number) {
    return expect<SignalRequest>([=](const auto& r) { return r.id == id && r.number == number; });
  };
  const auto read = [](OutputStreamName stream, std::uint64_t bytes) {
    return expect<ReadRequest>(
        [=](const auto& r) { return r.stream == stream && r.bytes == bytes; });
  };
  return {
      {R"({:spawn, 11, ["cat", "-"], [cd: "/srv", stdin: :pipe, stdout: :pipe, stderr: :stdout, credit: 262144]})",
       spawn(11, cat, 262144)},
      {R"({:spawn, 12, ["make", "-j2"], [env: [{"LANG", "C"}, {"MAKEFLAGS", nil}], clear_env: false, stdout: {:file, "/tmp/out"}, stderr: {:append, "/tmp/err"}, rlimits: [{:nofile, 1024, 4096}, {:core, 0, :infinity}], nice: 10, linger: 500, grace: 2000, stop_signal: :int, cgroup: true]})",
       spawn(12, make, 0)},
      {R"({:spawn, 13, ["/bin/sh"], [pty: {24, 80}]})", spawn(13, shell, 0)},
      {R"({:spawn, 19, ["redis-server"], [user: "redis", group: 33, groups: [44, "audio"], linger: :infinity]})",
       spawn(19, redis, 0)},
      {R"({:spawn, 20, ["make"], [groups: [7, 44], cgroup: [memory_max: 1073741824, cpu_max: 150000, pids_max: 100]]})",
       spawn(20, limited, 0)},
      {R"({:stats, 21})", expect<StatsRequest>([](const auto& r) { return r.id == 21; })},
      {R"({:stdin, <<104, 105, 10>>})",
       expect<InputRequest>([](const auto& r) { return r.bytes == "hi\n"; })},
      {R"({:close_stdin, 14})",
       expect<CloseInputRequest>([](const auto& r) { return r.id == 14; })},
      {R"({:signal, 15, :hup})", signal(15, SIGHUP)},
      {R"({:signal, 16, 10})", signal(16, 10)},
      {R"({:stop, 17, 5000})", expect<StopRequest>([](const auto& r) {
         return r.id == 17 && r.grace == std::chrono::seconds(5);
       })},
      {R"({:resize, 18, {50, 132}})", expect<ResizeRequest>([](const auto& r) {
         return r.id == 18 && r.size == WindowSize{50, 132};
       })},
      {R"({:read, :stdout, 65536})", read(OutputStreamName::output, 65536)},
      {R"({:read, :stderr, :infinity})", read(OutputStreamName::errors, kUnlimitedBytes)},
  };
}

inline std::map<std::string, std::string> command_said_examples() {
  return {
      {R"({:stdout, <<104, 105, 10>>})", encoded(CommandOutput{OutputStreamName::output, "hi\n"})},
      {R"({:stderr, "no such file"})",
       encoded(CommandOutput{OutputStreamName::errors, "no such file"})},
      {R"({:stdin_taken, 3})", encoded(InputTaken{3})},
      {R"({:stdin_closed, :epipe})", encoded(InputBroken{})},
      {R"({:exit, 0})", encoded(CommandExit{{0, 0}})},
      {R"({:exit, {:signal, :kill, 9}})", encoded(CommandExit{{0, SIGKILL}})},
      {R"({:exit, {:signal, :term, 15}, [killed: true]})",
       encoded(CommandExit{{0, SIGTERM}, true})},
      {R"({:reply, 21, {:ok, %{cpu_from: :cgroup, cpu_system: 40000, cpu_user: 210000, memory_from: :proc, memory_peak: 9437184}}})",
       encoded(Reply{
           21, CommandStats{210'000, 40'000, UsageSource::cgroup, 9'437'184, UsageSource::proc}})},
      {R"({:reply, 19, {:error, {:bad_user, :user, nil, "there is no user \"redis\"; getent passwd and getent group list what there is"}}})",
       encoded(Reply{19, Error{"bad_user", "user", "",
                               "there is no user \"redis\"; getent passwd and getent group list "
                               "what there is"}})},
      {R"({:reply, 17, {:error, {:eperm, :stop, nil, "process 4242 (sudo) runs as another user and may not be signalled; it goes on, what else there was of the command is killed"}}})",
       encoded(Reply{17, Error{"eperm", "stop", "",
                               "process 4242 (sudo) runs as another user and may not be signalled; "
                               "it goes on, what else there was of the command is killed"}})},
  };
}

}  // namespace lookout
