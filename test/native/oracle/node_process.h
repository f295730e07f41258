// `lookout_port --node` as a child process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace lookout::oracle {

class NodeProcess {
 public:
  static constexpr const char* kName = "watch@127.0.0.1";
  static constexpr const char* kCookie = "a cookie of this test";

  // Starts the node, which allows `directory` and has its cookie file there, and waits until it
  // listens. Throws Broken.
  explicit NodeProcess(const std::string& directory);
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  std::uint16_t port() const { return port_; }
  void signal(int number) const;
  // Waits until it has ended, and returns its wait status, as in waitpid(2).
  int wait();

 private:
  bool start(const std::string& directory, const std::string& cookie_file);

  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace lookout::oracle
