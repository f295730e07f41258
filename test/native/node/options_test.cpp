// The command line of a node, and its cookie file.
#include "node/options.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "node/cookie.h"
#include "watch/temp_directory.h"

namespace lookout {
namespace {

NodeOptions parsed(const std::vector<std::string>& arguments) {
  const auto result = parse_node_options(arguments);
  EXPECT_TRUE(std::holds_alternative<NodeOptions>(result));
  return std::holds_alternative<NodeOptions>(result) ? std::get<NodeOptions>(result)
                                                     : NodeOptions{};
}

std::string refused(const std::vector<std::string>& arguments) {
  const auto result = parse_node_options(arguments);
  const auto* error = std::get_if<UsageError>(&result);
  return error != nullptr ? error->text : "";
}

TEST(NodeOptions, ListenOnThisHostAloneAndRunNoCommandsUnlessTold) {
  const NodeOptions options = parsed({"--node", "watch"});
  EXPECT_EQ(options.address, "127.0.0.1");
  EXPECT_FALSE(options.commands);
  EXPECT_TRUE(options.allowed.empty());
  EXPECT_EQ(options.max_sessions, 64);
}

TEST(NodeOptions, AnAddressMayHaveAPort) {
  EXPECT_EQ(parsed({"--node", "a", "--listen", "10.0.0.1:4370"}).port, 4370);
  EXPECT_EQ(parsed({"--node", "a", "--listen", "::1"}).address, "::1");
  const NodeOptions six = parsed({"--node", "a", "--listen", "[::1]:4370"});
  EXPECT_EQ(six.address, "::1");
  EXPECT_EQ(six.port, 4370);
}

TEST(NodeOptions, WhatIsRefusedIsNamed) {
  EXPECT_NE(refused({"--node", "a b"}).find("NAME"), std::string::npos);
  EXPECT_NE(refused({"--node", "--help"}).find("NAME"), std::string::npos);
  EXPECT_NE(refused({"--node", "a", "--allow", "srv"}).find("absolute"), std::string::npos);
  EXPECT_NE(refused({"--node", "a", "--max-sessions", "0"}).find("--max-sessions"),
            std::string::npos);
  EXPECT_NE(refused({"--node", "a", "--listen", "1.2.3.4:70000"}).find("--listen"),
            std::string::npos);
  EXPECT_NE(refused({"--node", "a", "--no-epmd"}).find("port"), std::string::npos);
  EXPECT_NE(refused({"--node", "a", "--what"}).find("--what"), std::string::npos);
  EXPECT_NE(refused({"--node"}).find("value"), std::string::npos);
}

class CookieFile : public ::testing::Test {
 protected:
  TempDirectory directory_;
  std::string path_ = directory_.path() + "/cookie";

  void write(const std::string& content, mode_t mode) {
    ::unlink(path_.c_str());
    std::ofstream(path_) << content;
    ::chmod(path_.c_str(), mode);
  }
  std::string reason() {
    const auto read = read_cookie(path_);
    const auto* error = std::get_if<Error>(&read);
    return error != nullptr ? error->reason : "";
  }
};

TEST_F(CookieFile, IsReadWithoutItsNewlineAlsoThroughALink) {
  write("monster\n", 0400);
  const std::string link = path_ + "-link";
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_EQ(std::get<std::string>(read_cookie(link)), "monster");
}

TEST_F(CookieFile, IsRefusedWhereOthersMayReadItOrItIsNoFile) {
  write("monster\n", 0440);
  EXPECT_EQ(reason(), "eperm");
  ::unlink(path_.c_str());
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(reason(), "eperm");
}

TEST_F(CookieFile, OfAnotherSizeThanACookieIsRefusedWithoutItsContent) {
  write("", 0400);
  EXPECT_EQ(reason(), "einval");
  write(std::string(300, 's'), 0400);
  const auto read = read_cookie(path_);
  EXPECT_EQ(std::get<Error>(read).detail.find("sss"), std::string::npos);
}

}  // namespace
}  // namespace lookout
