// The program with a mount that hangs among what it watches (P5, P6).
#include <gtest/gtest.h>

#include <string>

#include "bridge/etf_builder.h"
#include "bridge/port_program.h"
#include "watch/hung_mount.h"
#include "watch/own_mounts.h"

namespace lookout {
namespace {

using namespace etf_builder;

class HungMountProgramTest : public OwnMountsTest {
 protected:
  template <class Body>
  void with_program(HungMount::Served served, Body body) {
    home_.directory("local");
    home_.directory("remote");
    apart([&] {
      HungMount mount(home_.at("remote"), served);
      if (!mount.mounted()) {
        std::cerr << "there is no FUSE here\n";
        std::_Exit(0);
      }
      mount.hold();
      Program program;
      program.hear(hello().size());
      program.say(framed(term(tuple({atom("watch"), integer(1),
                                     list({binary(home_.at("local")), binary(home_.at("remote"))}),
                                     list({tuple({atom("credit"), atom("infinity")})})}))));
      hear_until(program, "etimedout");
      home_.write("local/x");
      hear_until(program, home_.at("local/x"));
      program.say(framed(term(tuple({atom("sync"), integer(2)}))));
      hear_until(program, atom("reply") + integer(2));
      body(program, mount);
    });
  }

  static void hear_until(const Program& program, const std::string& bytes) {
    std::string heard;
    while (!heard.ends_with(bytes)) {
      const std::string more = program.hear(1);
      ASSERT_FALSE(more.empty()) << "its output ended";
      heard += more;
    }
  }
};

TEST_F(HungMountProgramTest, EndsWithItsInput) {
  with_program(HungMount::Served::no, [](Program& program, HungMount& /*mount*/) {
    program.close_input();
    program.hear_all();
    EXPECT_EQ(program.wait(), 0);
  });
}

// The kernel ends no thread whose call a FUSE server has taken.
TEST_F(HungMountProgramTest, EndsItsOutputWithItsInputAndIsGoneWhenTheKernelLetsItGo) {
  with_program(HungMount::Served::yes, [](Program& program, HungMount& mount) {
    program.close_input();
    program.hear_all();
    EXPECT_TRUE(mount.holds_calls());
    mount.release();
    EXPECT_EQ(program.wait(), 0);
  });
}

}  // namespace
}  // namespace lookout
