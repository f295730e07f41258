// bench_bare_port DIR: the least that a port program can do for a watcher, as the measure of
// latency. Watches DIR and the directories below it as they stand at the start; what one read of
// inotify brings is one frame ({packet, 4}) that holds a list of {mask, path}. Its first frame is
// the atom `ready`. Knows no new directories, no overflow, no flow control.
#include <dirent.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <unordered_map>

namespace {

constexpr std::uint32_t kMask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVE;

std::unordered_map<int, std::string> watch_all(int queue, const std::string& top) {
  std::unordered_map<int, std::string> paths;
  auto visit = [&](auto&& self, const std::string& path) -> void {
    int watch = ::inotify_add_watch(queue, path.c_str(), kMask);
    if (watch < 0) return;
    paths[watch] = path;
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string name = entry->d_name;
      if (entry->d_type == DT_DIR && name != "." && name != "..") self(self, path + '/' + name);
    }
    ::closedir(directory);
  };
  visit(visit, top);
  return paths;
}

void put_u32(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

void send_frame(const std::string& payload) {
  std::string frame;
  put_u32(frame, static_cast<std::uint32_t>(payload.size()));
  frame += payload;
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t n = ::write(STDOUT_FILENO, frame.data() + sent, frame.size() - sent);
    if (n <= 0) std::_Exit(0);
    sent += static_cast<std::size_t>(n);
  }
}

// As term_to_binary/1 writes [{Mask, Path}, ...].
std::string as_term(const char* bytes, std::size_t size,
                    const std::unordered_map<int, std::string>& paths) {
  std::string list;
  std::uint32_t count = 0;
  for (const char* at = bytes; at < bytes + size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(at);
    at += sizeof *event + event->len;
    const auto directory = paths.find(event->wd);
    if (directory == paths.end()) continue;
    std::string path = directory->second;
    if (event->len > 0) path.append("/").append(event->name);
    list += std::string("\x68\x02\x62", 3);
    put_u32(list, event->mask & 0x7fffffff);
    list += '\x6d';
    put_u32(list, static_cast<std::uint32_t>(path.size()));
    list += path;
    ++count;
  }
  std::string term("\x83\x6c", 2);
  put_u32(term, count);
  return term + list + '\x6a';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_bare_port DIR\n");
    return 2;
  }
  const int queue = ::inotify_init1(IN_CLOEXEC);
  if (queue < 0) {
    std::perror("bench_bare_port: inotify_init1");
    return 1;
  }
  const auto paths = watch_all(queue, argv[1]);

  // The main thread does nothing but wait for the kernel, so that nothing is quicker.
  std::thread([] {
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) continue;
    std::_Exit(0);
  }).detach();

  send_frame(std::string("\x83\x77\x05ready", 8));
  alignas(inotify_event) char buffer[65536];
  for (;;) {
    const ssize_t size = ::read(queue, buffer, sizeof buffer);
    if (size <= 0) return 1;
    send_frame(as_term(buffer, static_cast<std::size_t>(size), paths));
  }
}
