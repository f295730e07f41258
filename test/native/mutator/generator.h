// Draws random operations from a seed: every way known to confuse a watcher, on a small pool of
// names, so that names collide often.
#pragma once

#include <string>
#include <vector>

#include "mutator/model.h"
#include "mutator/operation.h"
#include "mutator/random.h"
#include "mutator/snapshot.h"

namespace lookout::oracle {

struct GeneratorOptions {
  std::uint64_t seed = 1;
  int roots = 1;
  bool hard_links = true;
  bool shared = false;    // several writers change the same tree
  bool nested = false;    // "r0/inner", a directory that stays, may be a root of its own
  bool stalls = false;    // each interval overflows the kernel's queue while the judge is stalled
  bool readable = false;  // directories may be read by other users, but for locks
  bool locks = false;     // directories that other users may not read, until the rest at the latest
  bool lost_roots = false;    // roots are removed or renamed away, and stand again at the rest
  bool lost_parents = false;  // so are the roots' parents (see Verb::replace_parent)
  bool mounts = false;  // file systems are mounted over directories and taken away (wants `shared`)
  bool rules = false;   // files named .gitignore, and directories named .git
  bool leads = false;   // links to directories, inside and outside; none leads above a root
  std::uint64_t flood = 17'000;  // operations that overflow the queue
};

// Lines as in a .gitignore file, about the names that are drawn.
std::vector<std::string> draw_rules(Random& random);

class Generator {
 public:
  explicit Generator(GeneratorOptions options);

  // What stands before the watching begins, about `count` operations; the last is a `rest`.
  std::vector<Operation> existing(std::size_t count);
  // The operations up to the next rest, about `count` of them; the last is a `rest`.
  std::vector<Operation> interval(std::size_t count);
  // Takes what stands in the workspace for what is known; other writers may have changed it.
  void reload(const SnapshotNode& workspace);

 private:
  using Action = void (Generator::*)();
  struct Weighted {
    unsigned weight;
    Action action;
  };
  static const std::vector<Weighted>& actions();
  void act_from(const std::vector<Weighted>& table);

  void add_inner();
  void act();
  void draw(std::size_t count);
  std::vector<Operation> finish();

  // Picking.
  std::string any_name();
  Node* any_directory();
  Node* any_file();           // a regular file whose content may be changed
  Node* any_non_directory();  // that may go away
  Node* any_movable_directory();
  std::string free_name(const Node& directory);
  bool full() const;

  // Single operations, carried out on the model and noted.
  void emit(Verb verb, const Node& node, std::uint64_t number = 0);
  Node& make_directory(Node& directory, const std::string& name);
  Node& write_new(Node& directory, const std::string& name);
  void change_content(Node& file, Verb verb);
  void rename(Node& node, Node& directory, const std::string& name);
  void remove_one(Node& node);
  void remove_subtree(Node& node);
  void close_held();
  void unlock_all();
  Node& take_away(Node& root);

  // Actions: a few operations each.
  void create_file();
  void make_nested();
  void change_file();
  void change_directory();
  void remove_file();
  void remove_directory();
  void rename_file();
  void rename_directory_and_write();
  void move_out();
  void move_in();
  void delete_and_recreate();
  void replace_atomically();
  void rename_over_empty_directory();
  void hard_link();
  void rename_between_links();
  void symbolic_link();
  void swap_by_exchange();
  void rename_chain();
  void swap_through_a_temporary();
  void directory_becomes_file();
  void remake_renamed_directory();
  void special_file();
  void deep_path();
  void many_files();
  void nameless_file();
  void hold_and_write();
  void short_lived();
  void rotate();
  void pause();
  void moved_while_written();
  void lock_directory();
  void lose_root();
  void lose_parent();
  void mount_or_unmount();
  void bind();
  void mounts_changed(Node& place, bool mounted);

  // What only a trial with a filter asks for (filter_actions.cpp).
  void act_on_filter();
  Node* any_rules();
  void write_rules();
  void replace_rules();
  void move_rules();
  void remove_rules();
  void change_repository();
  std::string any_target();
  void lead(Node& directory, const std::string& name, const std::string& target);
  Node* any_link();
  void lead_somewhere();
  void lead_elsewhere();
  void swap_targets();
  void change_outside();

  GeneratorOptions options_;
  Random random_;
  Model model_;
  Node* held_ = nullptr;
  std::uint64_t temporaries_ = 0;
  std::vector<Operation> drawn_;
};

}  // namespace lookout::oracle
