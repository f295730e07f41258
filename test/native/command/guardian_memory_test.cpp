// P6 where the guardian of a command gets no memory: it goes on, and ends the tree when it gets
// some.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "command/command_test.h"
#include "command/refused_memory.h"

namespace lookout {
namespace {

using GuardianMemoryTest = CommandTest;

TEST_F(GuardianMemoryTest, P6GuardianWithoutMemoryEndsTheTreeWhenItGetsSome) {
  // As lookout_port has it.
  const std::new_handler before = std::set_new_handler([] { std::_Exit(EXIT_FAILURE); });
  LaunchSpec spec = actor({"orphan", "read"});
  spec.input = true;
  spec.cgroup = false;
  start(spec);
  const pid_t orphan = told_pid();
  RefusedMemory& memory = refused_memory();
  memory.refused = 0;
  memory.refusing = true;
  command.write("x");
  EXPECT_TRUE(run_until([&] { return memory.refused > 2; }));
  EXPECT_FALSE(is_gone(orphan));
  memory.refusing = false;
  EXPECT_EQ(exit_status(), (ExitStatus{0, 0}));
  EXPECT_TRUE(eventually([&] { return is_gone(orphan); }));
  std::set_new_handler(before);
}

}  // namespace
}  // namespace lookout
