// What was mounted for a moment, so that no reading of the mount table has it (P1).
#include "watch/mount_alert.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <boost/asio/io_context.hpp>
#include <variant>

#include "watch/engine_model.h"
#include "watch/own_mounts.h"
#include "watch/silent_sink.h"

namespace lookout {
namespace {

class MountAlertTest : public OwnMountsTest {
 protected:
  void SetUp() override {
    OwnMountsTest::SetUp();
    home_.directory("in/root");
    home_.directory("other/root");
  }
};

TEST_F(MountAlertTest, ARootIsCheckedAgainIfItsCheckMayHaveSeenWhatWasMountedForAMoment) {
  apart([&] {
    boost::asio::io_context io;
    SilentSink sink;
    EngineModel model(sink);
    MountAlert alert(io, model.roots, model.reconciler, model.paths, model.remotes, [] {});
    RootChecks& checks = model.roots.checks();
    const auto check_all = [&] {
      while (checks.any() || model.roots.load()) {
        if (checks.any()) model.roots.check();
      }
    };
    auto prepared = model.roots.prepare({home_.at("in/root")}, {}, {}, {});
    model.roots.begin(std::get<RootManager::Prepared>(prepared));
    check_all();
    EXPECT_FALSE(alert.take());

    EXPECT_EQ(::mount(home_.at("other").c_str(), home_.at("in").c_str(), nullptr, MS_BIND, nullptr),
              0);
    checks.add_all();
    check_all();
    unmount(home_.at("in"));
    EXPECT_TRUE(alert.take());
    EXPECT_TRUE(checks.any());

    check_all();
    EXPECT_FALSE(alert.take());
    EXPECT_FALSE(checks.any());
  });
}

}  // namespace
}  // namespace lookout
