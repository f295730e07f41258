#include "watch/cursor.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <random>
#include <set>
#include <system_error>
#include <utility>
#include <variant>

#include "watch/disk/path_walk.h"

namespace lookout {
namespace {

using std::chrono::milliseconds;

// The lookout_port of an earlier run may still be ending, and have the lock.
constexpr milliseconds kLockAgain{50};
constexpr int kLockTries = 40;
// How long a save waits for a time without changes.
constexpr milliseconds kOverdue{500};
// When the disk does not answer, the save fails and changes are reported again.
constexpr milliseconds kGiveUp{10'000};

std::uint64_t draw_salt() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

Error not_first() {
  return {"already_watched", "watch", "",
          "only the first watch of a lookout_port may have a cursor"};
}

}  // namespace

std::optional<Error> Cursor::refusal(const Root& root) const {
  if (!directory_ || !root.target.only.empty()) return std::nullopt;
  const std::pair identity{root.target.identity.device, root.target.identity.inode};
  const auto& above = directory_->above();
  if (std::find(above.begin(), above.end(), identity) == above.end()) return std::nullopt;
  return Error{"cursor_inside", "watch", root.path,
               "the directory of cursors " + directory_->path() +
                   " is inside this watched directory; choose one outside"};
}

// --- going on ----------------------------------------------------------------------------------

void Cursor::watch_from(const std::vector<std::string>& paths, const WatchOptions& options,
                        const CursorStart& start, SeqHandler done) {
  if (is_open() || lock_again_.is_set()) {
    boost::asio::post(io_, [done = std::move(done)] { done(not_first()); });
    return;
  }
  open({paths, options, start, std::move(done), kLockTries});
}

void Cursor::open(Opening opening) {
  auto opened = SnapshotDirectory::open(opening.start.directory);
  std::optional<Error> error;
  if (Error* failed = std::get_if<Error>(&opened)) {
    if (failed->cause == Cause::locked && --opening.tries > 0) {
      lock_again_.set(kLockAgain, [this, again = std::move(opening)] { open(again); });
      return;
    }
    error = std::move(*failed);
  } else {
    directory_ = std::get<SnapshotDirectory>(std::move(opened));
    error = begin(opening);
  }
  if (error) {
    directory_.reset();
    boost::asio::post(io_, [done = opening.done, failed = std::move(*error)] { done(failed); });
  }
  wake_();
}

// The directory is open. An error leaves everything as it was.
std::optional<Error> Cursor::begin(Opening& opening) {
  if (!roots_.roots().all().empty()) return not_first();
  const auto allows = [this](const Root& root) { return refusal(root); };
  if (opening.start.from.empty()) {
    auto prepared = roots_.prepare(opening.paths, opening.options, {}, allows);
    if (Error* error = std::get_if<Error>(&prepared)) return std::move(*error);
    tree_.keep_stamps(draw_salt());
    roots_.begin(std::get<RootManager::Prepared>(prepared));
    opening.done(std::uint64_t{0});
    return std::nullopt;
  }
  auto source = directory_->read(opening.start.from);
  if (Error* error = std::get_if<Error>(&source)) return std::move(*error);
  SnapshotDecoder decoder(std::get<SnapshotDecoder::Source>(std::move(source)),
                          directory_->path_of(opening.start.from));
  auto read = decoder.header();
  if (Error* error = std::get_if<Error>(&read)) return std::move(*error);
  auto& header = std::get<SnapshotHeader>(read);
  std::set<std::string> saved;
  for (const SnapshotRoot& root : header.roots) {
    if (!root.single) saved.insert(root.path);
    for (const std::string& name : root.names) saved.insert(join(root.path, name));
  }
  auto prepared = roots_.prepare(opening.paths, opening.options, saved, allows);
  if (Error* error = std::get_if<Error>(&prepared)) return std::move(*error);
  DeviceSearch devices(header);
  loading_ = std::make_unique<Loading>(Loading{
      TreeLoader(tree_, std::move(decoder), std::move(header), opening.options.follow_symlinks),
      std::move(devices), std::get<RootManager::Prepared>(std::move(prepared)), opening.options,
      opening.done});
  return std::nullopt;
}

void Cursor::load_step() {
  Loading& loading = *loading_;
  if (loading.failure) {
    if (loading.loader.undo()) return;
    const std::unique_ptr<Loading> failed = std::move(loading_);
    directory_.reset();
    failed->done(*failed->failure);
    return;
  }
  TreeLoader& loader = loading.loader;
  const SnapshotHeader& header = loader.header();
  if (loading.devices) {
    if (loading.devices->step(mounts_)) return;
    loading.failure = loader.begin(loading.devices->found(header.devices));
    loading.devices.reset();
    return;
  }
  if (!loading.adoption) {
    auto more = loader.step();
    if (Error* error = std::get_if<Error>(&more)) {
      loading.failure = std::move(*error);
    } else if (!std::get<bool>(more)) {
      tree_.keep_stamps(header.salt);
      loading.adoption = RootManager::begin_adoption(loading.prepared, loading.options);
    }
    return;
  }
  if (roots_.adopt(*loading.adoption, header, loader.roots())) return;
  const std::unique_ptr<Loading> loaded = std::move(loading_);
  reconciler_.compare_since(header.moment, loader.moments());
  loaded->done(header.seq);
}

// --- saving ------------------------------------------------------------------------------------

void Cursor::save(const std::string& name, std::uint64_t round, SeqHandler done) {
  saves_.push_back({name, round, Clock::now(), std::move(done)});
}

bool Cursor::is_save_overdue() const {
  return saves_.front().round <= reconciler_.round() &&
         Clock::now() - saves_.front().since >= kOverdue;
}

SnapshotHeader Cursor::header(std::uint64_t seq, std::vector<NodeId>& nodes) const {
  SnapshotHeader header;
  header.moment = reconciler_.moments().clean();
  header.seq = seq;
  header.salt = tree_.salt().value_or(0);
  std::map<std::uint64_t, std::uint32_t> indexes;
  for (const std::uint64_t number : tree_.devices()) {
    const FileSystem* system = reconciler_.last_file_system(number);
    indexes.emplace(number, static_cast<std::uint32_t>(header.devices.size()));
    header.devices.push_back(
        {number, system == nullptr ? 0 : system->id, system == nullptr ? 0 : system->type, {}});
  }
  std::size_t placed = 0;
  const auto place = [&](NodeId node) {
    const auto index = indexes.find(tree_.identity(node).device);
    SnapshotDevice& device = header.devices[index->second];
    if (device.path.empty()) {
      device.path = tree_.path(node);
      ++placed;
    }
  };
  for (const Roots::Pointer& root : roots_.roots().all()) {
    if (root->phase != Root::Phase::reported) continue;
    SnapshotRoot saved;
    const Identity identity = tree_.identity(root->node);
    saved.path = root->is_base ? root->target.directory : root->path;
    saved.recursive = root->options.recursive;
    saved.single = root->is_base;
    for (const auto& [name, member] : root->members) {
      if (member->joined) saved.names.push_back(name);
    }
    saved.device = indexes.at(identity.device);
    saved.inode = identity.inode;
    saved.mode = tree_.mode(root->node);
    saved.moment = reconciler_.moments().blind_since(root->node);
    header.roots.push_back(std::move(saved));
    nodes.push_back(root->node);
    place(root->node);
  }
  // The file systems that are mounted below the roots.
  if (placed < header.devices.size()) {
    tree_.for_each_directory([&](NodeId node) {
      if (tree_.is_root(node)) return;
      if (tree_.identity(tree_.parent(node)).device != tree_.identity(node).device) place(node);
    });
  }
  for (SnapshotDevice& device : header.devices) {
    if (device.path.empty()) device.path = "/";
  }
  return header;
}

void Cursor::begin_save(std::uint64_t seq) {
  const Save save = std::move(saves_.front());
  saves_.pop_front();
  if (!directory_) {
    save.done(Error{"no_cursor", "save", "", "the first watch was made without a cursor"});
    return;
  }
  std::vector<NodeId> nodes;
  SnapshotHeader saved = header(seq, nodes);
  std::unique_ptr<SnapshotSaver> file;
  try {
    auto done = lifetime_.guard([this](const std::optional<Error>& error) { end_save(error); });
    file = std::make_unique<SnapshotSaver>(
        *directory_, save.name, [&io = io_, done](std::optional<Error> error) {
          boost::asio::post(io, [done, error = std::move(error)] { done(error); });
        });
  } catch (const std::system_error& error) {
    save.done(errno_error(error.code().value(), "save", directory_->path_of(save.name)));
    return;
  }
  // NOLINTNEXTLINE(modernize-make-unique): a TreeSaver cannot be moved
  saving_.reset(
      new Saving{seq, save.done,
                 TreeSaver(
                     tree_, std::move(saved), std::move(nodes),
                     [this](NodeId node) { return reconciler_.moments().blind_since(node); },
                     [waiting = reconciler_.waiting_entries()](NodeId node) {
                       return waiting.contains(node);
                     }),
                 std::move(file), false});
  give_up_.set(kGiveUp, [this] {
    if (!saving_) return;
    saving_->file->give_up();
    stuck_ = true;
    Error error{"etimedout", "save", directory_->path(),
                "the disk did not take the snapshot within 10 s; save again, or choose a directory "
                "on another disk"};
    end_save(std::move(error));
  });
}

bool Cursor::save_step() {
  Saving& saving = *saving_;
  if (saving.encoded) return false;
  const bool more = saving.tree.step();
  if (!saving.tree.fits()) {
    saving.file->give_up();
    end_save(Error{"efbig", "save", directory_->path(),
                   "the snapshot would be larger than its format allows; watch fewer directories "
                   "and single files, or shorten the names of more than 8192 bytes"});
    return true;
  }
  saving.file->write(saving.tree.take());
  if (!more) {
    saving.encoded = true;
    saving.file->finish();
  }
  return true;
}

void Cursor::end_save(std::optional<Error> error) {
  if (!saving_) return;
  give_up_.cancel();
  const std::unique_ptr<Saving> saved = std::move(saving_);
  if (error) {
    saved->done(std::move(*error));
  } else {
    saved->done(saved->seq);
  }
  wake_();
}

}  // namespace lookout
