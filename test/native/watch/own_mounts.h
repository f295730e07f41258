// Tests that mount: in a child with a mount namespace of its own, since a process cannot leave one
// again.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>

#include "watch/temp_directory.h"

namespace lookout {

// Enters namespaces of its own; whether file systems may be mounted there.
bool enter_own_mounts();
// Lazily, as `umount -l` does, with more flags of umount2(2).
void unmount(const std::string& path, int flags = 0);

class OwnMountsTest : public testing::Test {
 protected:
  void SetUp() override;

  // Runs `body` where it may mount.
  template <class Body>
  void apart(Body body) {
    EXPECT_EXIT(std::_Exit(run(body)), testing::ExitedWithCode(0), "");
  }

  TempDirectory home_;

 private:
  static int run(const std::function<void()>& body);
};

}  // namespace lookout
