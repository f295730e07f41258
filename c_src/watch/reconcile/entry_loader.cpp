#include "watch/reconcile/entry_loader.h"

#include <cerrno>
#include <utility>
#include <variant>

namespace lookout {

void EntryLoader::load(NodeId directory, const std::string& name) {
  const auto opened = directories_.open(directory);
  if (!std::holds_alternative<DirectoryFd>(opened)) {
    hints_.touch(directory, name, 0);
    return;
  }
  const auto checked = reader_.read(directory, std::get<DirectoryFd>(opened), name);
  const FileStatus* seen = std::get_if<FileStatus>(&checked);
  if (seen == nullptr) {
    if (std::get<int>(checked) == ENOENT) return;  // gone, or not visible
    hints_.touch(directory, name, 0);
    return;
  }
  if (!failures_.require_room(directory, name, seen->identity.device)) return;
  const NodeId made = add_entry(tree_, roots_, directory, name, seen->type, seen->identity);
  if (seen->type == EntryType::directory) {
    comparison_.record_new_directory(made, *seen, agenda_);
  } else {
    hard_links_.set_signature(made, *seen);
  }
}

bool EntryLoader::load_link() {
  if (links_.empty()) return false;
  const auto [directory, name] = std::move(links_.back());
  links_.pop_back();
  if (tree_.alive(directory) && tree_.is_directory(directory) &&
      tree_.child(directory, name) == kNoNode) {
    load(directory, name);
  }
  return true;
}

}  // namespace lookout
