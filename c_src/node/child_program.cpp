#include "node/child_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "command/orphans.h"
#include "command/process_tree.h"

namespace lookout {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kChunk = std::size_t{64} * 1024;              // bytes
constexpr std::size_t kMaxBacklog = std::size_t{64} * 1024 * 1024;  // bytes
constexpr std::size_t kMaxPayload = std::size_t{64} * 1024 * 1024;  // bytes
constexpr const char* kSelf = "/proc/self/exe";

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

struct Spawned {
  pid_t pid;
  int code;  // errno; 0: it runs
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "pipe", "");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Starts lookout_port again, on these two descriptors.
Spawned spawn_self(int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  // Signals for the group of the node do not reach it; the end of its input does.
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::string name = "lookout_port";
  std::array<char*, 2> arguments{name.data(), nullptr};
  pid_t pid = 0;
  const int code = ::posix_spawn(&pid, kSelf, &actions, &attributes, arguments.data(), ::environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return {pid, code};
}

// Reaps the child when it ends, even if its ChildProgram is gone by then. A known child is not
// killed with the orphans of a command.
void reap_when_ended(asio::io_context& io, pid_t pid) {
  add_known_child(pid);
  const int fd = open_pidfd(pid);
  if (fd < 0) return;
  const auto process = std::make_shared<asio::posix::stream_descriptor>(io, fd);
  process->async_wait(asio::posix::stream_descriptor::wait_read,
                      [process, pid](const error_code& error) {
                        if (!error) reap_known_child(pid);
                      });
}

}  // namespace

Result<std::unique_ptr<ChildProgram>> ChildProgram::start(asio::io_context& io, Sink& output,
                                                          LostHandler lost) {
  auto requests = make_pipe();
  if (auto* error = std::get_if<Error>(&requests)) return std::move(*error);
  auto messages = make_pipe();
  if (auto* error = std::get_if<Error>(&messages)) return std::move(*error);
  auto& to = std::get<Pipe>(requests);
  auto& from = std::get<Pipe>(messages);
  const auto spawned = spawn_self(to.read.get(), from.write.get());
  if (spawned.code != 0) return errno_error(spawned.code, "spawn", kSelf);
  try {
    reap_when_ended(io, spawned.pid);
    return std::unique_ptr<ChildProgram>(
        new ChildProgram(io, std::move(to.write), std::move(from.read), output, std::move(lost)));
  } catch (const boost::system::system_error& error) {
    return errno_error(error.code().value(), "epoll_ctl", "");
  }
}

ChildProgram::ChildProgram(asio::io_context& io, UniqueFd input, UniqueFd output, Sink& sink,
                           LostHandler lost)
    : input_(io),
      output_(io),
      sink_(sink),
      lost_(std::move(lost)),
      frames_(kMaxPayload),
      chunk_(kChunk),
      queue_(io, input_, kMaxBacklog,
             {[] {}, [] {},
              [this](const error_code& error) {
                lose(errno_error(error.value(), "write", "lookout_port"));
              }}) {
  input_.assign(input.get());
  input.release();
  output_.assign(output.get());
  output.release();
  input_.non_blocking(true);
  output_.non_blocking(true);
  read();
}

void ChildProgram::send(std::string_view payload) {
  const auto header = frame_header(static_cast<std::uint32_t>(payload.size()));
  queue_.add({{header.data(), header.size()}, payload});
  if (!queue_.has_room())
    lose({"stalled", "write", "", "the program of the command does not read"});
}

void ChildProgram::on_room() {
  if (std::exchange(paused_, false)) read();
}

void ChildProgram::read() {
  output_.async_wait(asio::posix::stream_descriptor::wait_read,
                     lifetime_.guard([this](const error_code& error) {
                       if (!error && !is_lost_) on_readable();
                     }));
}

void ChildProgram::on_readable() {
  const ssize_t size = ::read(output_.native_handle(), chunk_.data(), chunk_.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return read();
  if (size <= 0) {
    return lose({"port_died", "read", "",
                 "the lookout_port that ran the command of this session has ended"});
  }
  std::string_view chunk(chunk_.data(), static_cast<std::size_t>(size));
  while (true) {
    const auto next = frames_.next(chunk);
    if (std::holds_alternative<NeedMore>(next)) break;
    if (const auto* error = std::get_if<Error>(&next)) return lose(*error);
    if (std::exchange(greeted_, true)) sink_.send(std::get<Frame>(next).payload);
  }
  paused_ = !sink_.has_room();
  if (!paused_) read();
}

// The handler destroys this object, so it is called from the loop, not from within send().
void ChildProgram::lose(const Error& error) {
  if (std::exchange(is_lost_, true)) return;
  queue_.close();
  asio::post(output_.get_executor(), lifetime_.guard([lost = lost_, error] { lost(error); }));
}

}  // namespace lookout
