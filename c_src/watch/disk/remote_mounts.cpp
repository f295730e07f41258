#include "watch/disk/remote_mounts.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "support/fd_link.h"
#include "watch/disk/file_system.h"
#include "watch/disk/remote_answer.h"

namespace lookout {

RemoteMounts::~RemoteMounts() {
  for (const auto& [place, mounted] : places_) {
    if (mounted.mount) mounted.mount->end();
  }
  if (unknown_) unknown_->end();
  ended_->notify(nullptr);
}

void RemoteMounts::notify(std::function<void()> answered) {
  answered_ = std::move(answered);
  ended_->notify(answered_);
}

RemoteMounts::Pointer RemoteMounts::new_mount() {
  return std::make_shared<RemoteMount>(
      waits_, [this] { answered_(); }, ended_);
}

void RemoteMounts::load(const Mounts& mounts, const MountTypes& types) {
  std::map<std::string, Mounted> before = std::exchange(places_, {});
  mount_names_.clear();
  autofs_.clear();
  some_name_.reset();
  none_ = true;
  for (const auto& [place, what] : mounts) {
    Mounted mounted{what, nullptr};
    const auto type = types.find(place);
    if (type != types.end() && may_block(type->second)) {
      const auto known = before.find(place);
      const bool same = known != before.end() && known->second.what == what;
      mounted.mount = same && known->second.mount ? std::move(known->second.mount) : new_mount();
      none_ = false;
    }
    if (type != types.end() && type->second == kAutofs) autofs_.insert(highest_device(what));
    const std::string name = place.substr(place.rfind('/') + 1);
    some_name_.set(shape_of(name));
    mount_names_.insert(name);
    places_.emplace(place, std::move(mounted));
  }
  names_ = remote_names();
  std::erase_if(left_, [](const Pointer& mount) { return !mount->waits(); });
  for (const auto& [place, mounted] : before) {
    if (!mounted.mount) continue;
    mounted.mount->end();
    if (mounted.mount->waits()) left_.push_back(mounted.mount);
  }
  if (none_ && unknown_) {
    unknown_->end();
    if (unknown_->waits()) left_.push_back(unknown_);
    unknown_ = nullptr;
  }
  if (none_) return;
  if (!unknown_) unknown_ = new_mount();
}

RemoteMounts::Names RemoteMounts::remote_names() const {
  std::unordered_set<std::string> names;
  for (const auto& [place, mounted] : places_) {
    if (mounted.mount || at(parent_of(place))) names.insert(place.substr(place.rfind('/') + 1));
  }
  return std::make_shared<const std::unordered_set<std::string>>(std::move(names));
}

bool RemoteMounts::all_prompt() const {
  if (unknown_ && !unknown_->prompt()) return false;
  return std::all_of(places_.begin(), places_.end(), [](const auto& place) {
    return !place.second.mount || place.second.mount->prompt();
  });
}

bool RemoteMounts::wait() const {
  const auto waits = [](const Pointer& mount) { return mount && mount->waits(); };
  return waits(unknown_) || std::any_of(left_.begin(), left_.end(), waits) ||
         std::any_of(places_.begin(), places_.end(),
                     [&](const auto& place) { return waits(place.second.mount); });
}

void RemoteMounts::forget_answers() {
  if (none_) return;
  unknown_->forget_answers();
  for (const auto& [place, mounted] : places_) {
    if (mounted.mount) mounted.mount->forget_answers();
  }
}

// The mount of an entry whose name some mount point has.
RemoteMounts::Pointer RemoteMounts::across(const OpenDirectory& directory,
                                           const std::string& name) const {
  const std::string path = path_of(directory.get());
  if (path.empty()) return directory.mount() ? directory.mount() : unknown_;
  const auto found = places_.find(join(path, name));
  return found == places_.end() ? directory.mount() : found->second.mount;
}

const RemoteMounts::Pointer& RemoteMounts::at(std::string path) const {
  static const Pointer kLocal;
  while (!none_ && !path.empty()) {
    if (const auto found = places_.find(path); found != places_.end()) return found->second.mount;
    if (path == "/") break;
    path = parent_of(path);
  }
  return kLocal;
}

const RemoteMounts::Pointer& RemoteMounts::within(const std::string& path) const {
  const Pointer& mount = at(path);
  if (none_ || mount) return mount;
  const std::string below = path + '/';
  for (auto place = places_.lower_bound(below);
       place != places_.end() && place->first.starts_with(below); ++place) {
    if (place->second.mount) return place->second.mount;
  }
  return mount;
}

RemoteMounts::Pointer RemoteMounts::within(const OpenDirectory& directory,
                                           const std::string& name) const {
  if (none_) return nullptr;
  const std::string path = path_of(directory.get());
  return path.empty() ? unknown_ : within(join(path, name));
}

std::optional<PathStep> RemoteMounts::step(const std::string& path) const {
  const Pointer& mount = at(path);
  if (none_) return step_to(path);
  if (!mount) return step_without_links_to(path);
  return mount->ask("step " + path, [path] {
    PathStep found = step_to(path);
    found.code = answered(found.code);
    return found;
  });
}

RemoteMounts::Resolved RemoteMounts::resolve(const std::string& path) const {
  Resolved resolved;
  const auto take = [&](const std::string& at, const std::string& name) -> PathStep {
    const std::string next = join(at, name);
    if (const auto step = this->step(next)) return *step;
    resolved.mount = this->at(next);
    resolved.code = resolved.mount->code();
    return {PathStep::Kind::missing, {}};
  };
  const PathEnd end = walk(path, take);
  if (resolved.code != 0) return resolved;
  const bool unknown = end.too_long || end.code == ENAMETOOLONG;
  resolved.mount = unknown ? unknown_ : at(end.at);
  resolved.too_long = end.too_long;
  resolved.missing = end.code;
  if (end.exists) resolved.real = end.at;
  return resolved;
}

RemoteMounts::Resolved RemoteMounts::resolve(const OpenDirectory& directory,
                                             const std::string& name) const {
  const std::string path = path_of(directory.get());
  if (!path.empty()) return resolve(join(path, name));
  Resolved resolved;
  resolved.mount = unknown_;
  return resolved;
}

}  // namespace lookout
