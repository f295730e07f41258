// The consumer in a trial: owns the engine, replays what it tells into a mirror, strictly, and asks
// it in the manner of a caller that waits for each answer. Anything that breaks a promise ends the
// trial by an exception.
#pragma once

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mutator/random.h"
#include "oracle/mirror.h"
#include "oracle/subject.h"
#include "oracle/trial.h"

namespace lookout::oracle {

struct Batch {
  std::uint64_t seq;
  std::vector<Event> events;
};

class Observer : public Listener {
 public:
  // `base`: how it watches, but for what the fault changes of it. `directory`: holds the roots;
  // snapshots are in `cursor` there, with Fault::away. `make`: what is judged.
  Observer(boost::asio::io_context& io, Fault fault, WatchOptions base, std::uint64_t seed,
           const std::string& directory, const SubjectMaker& make);
  ~Observer() override;

  // Begins to watch; the mirror is complete when this returns. `mirrored` are those of the roots
  // that do not lie in another.
  void start(const std::vector<std::string>& roots, const std::vector<std::string>& mirrored,
             bool report_existing);
  void watch(const std::string& root, bool mirrored);
  void unwatch(const std::string& root, bool mirrored);
  void sync();
  // Waits until no event of a file waits for its writers.
  void await_writers();
  // Saves a snapshot, and throws the engine away; another goes on from the snapshot. In between a
  // root may be taken out, or in.
  void leave();
  void change_unwatched(const std::string& root, bool added);
  void come_back();
  // The mirror must be empty below a root that is no longer watched.
  void forget(const std::string& root);
  // The states of entries that saved mirrors point to are about to go.
  void forget_saved() { saved_.reset(); }
  // A mirror made from a listing and the batches after it, and the listing itself.
  Mirror listing(bool with_stat, std::vector<Entry>& entries);
  std::vector<Entry> listing_below(const std::string& directory);

  // Runs the loop until `reached`.
  // The engine is thrown away, and another begins with a new listing.
  void restart();
  // The engine, which is settled, does no work: nothing but the few timers that follow a change.
  // With `calm` waits for those, and then there is nothing at all.
  void expect_rest(bool calm);
  void pump(const std::string& what, const std::function<bool()>& reached);
  void complain(const std::string& what);

  Mirror& mirror() { return *mirror_; }
  std::uint64_t last_seq() const { return last_seq_; }
  EngineInfo info();
  // The engine does not run for a while.
  void pause(bool paused) { subject_->pause(paused); }
  // The batches since this was last called.
  std::vector<Batch> take_batches() { return std::exchange(batches_, {}); }
  std::uint64_t events() const { return events_; }

  void on_events(std::uint64_t seq, const std::vector<Event>& events) override;
  void on_notice(Notice notice) override;
  bool has_room() const override { return room_; }

 private:
  WatchOptions options(bool report_existing) const;
  void replay(Mirror& mirror, const Batch& batch);
  std::uint64_t list(std::optional<std::string> under, bool with_stat, std::vector<Entry>& entries);
  void await(const std::string& name, const std::function<void(Engine::DoneHandler)>& call);
  void pump_awake(const std::string& what, const std::function<bool()>& reached);
  std::uint64_t check_seq(const std::string& name, const Result<std::uint64_t>& result);
  std::string text_of(const std::string& name, const Error& error) const;
  std::string work_since(const EngineInfo& before) const;
  void grant(std::uint64_t batches);
  bool expects(const Notice& notice) const;
  // What a consumer has stored in one transaction: the cursor and its own state.
  struct Saved {
    std::string name;
    std::uint64_t seq;
    Mirror mirror;
  };
  void save(const std::function<void()>& saved);
  void act_away();
  void split();

  void renew();
  void end();
  void grant_first();
  void take_descriptors(bool all);
  void tick();
  void act();

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;  // the timer, for good
  Fault fault_;
  WatchOptions base_;
  Random random_;
  std::unique_ptr<Subject> subject_;
  Watching* engine_ = nullptr;  // null while nobody watches
  std::vector<std::string> watched_;
  std::vector<std::string> mirrored_;
  std::optional<Mirror> mirror_;
  std::string cursor_;
  std::optional<Saved> saved_;
  std::uint64_t saves_ = 0;  // so far; for names
  bool saving_ = false;
  bool room_ = true;
  bool dying_ = false;      // the engine is to be thrown away
  bool splitting_ = false;  // the connection is to be lost
  bool away_ = false;       // no requests are made now
  // With Fault::split: more batches may be in flight than the node keeps.
  bool unbounded_ = false;
  bool awake_ = false;  // an answer is due, which may need credit
  std::uint64_t granted_ = 0;
  std::uint64_t last_seq_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Batch> batches_;
  std::string complaint_;
  rlimit descriptors_{};  // as it was at the beginning
};

}  // namespace lookout::oracle
