//! What each kind of dependency means, on worlds of a few packages.

mod common;

use airlift_solve::{Formula, Options, Root, Transactions, closure};

use crate::common::{World, package};

fn by_itself() -> Options<'static> {
    Options { transactions: Transactions::EachByItself, ..Options::default() }
}

#[test]
fn the_highest_version_that_works_is_chosen() {
    let mut world = World::new([
        package("app", 1).requires("lib"),
        package("lib", 1),
        package("lib", 2).requires("gone"),
        package("lib", 3),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 lib-3");
    world.packages[3].requires.push("gone".to_owned());
    assert_eq!(world.chosen(&["app"]), "app-1 lib-1");
    assert_eq!(world.chosen(&["app", "lib = 1"]), "app-1 lib-1");
}

#[test]
fn what_is_needed_anyway_is_not_chosen_twice() {
    // The first name that provides a mailer is exim; postfix is needed further down.
    let world = World::new([
        package("exim", 1).provides("mailer"),
        package("postfix", 1).provides("mailer"),
        package("app", 1).requires("mailer").requires("middle"),
        package("middle", 1).requires("deep"),
        package("deep", 1).requires("postfix"),
        package("other", 1).requires("mailer"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 deep-1 middle-1 postfix-1");
    assert_eq!(world.chosen(&["other"]), "exim-1 other-1");
    assert_eq!(world.chosen(&["other", "postfix"]), "other-1 postfix-1");
    // Every root by itself: what another one brings does not count.
    let each = world.closure(&["other", "app"], &by_itself());
    assert_eq!(world.labels(&each.chosen).join(" "), "app-1 deep-1 exim-1 middle-1 other-1 postfix-1");
}

#[test]
fn what_is_recommended_is_preferred_between_names() {
    let world = World::new([
        package("exim", 1).provides("mailer"),
        package("postfix", 1).provides("mailer"),
        package("app", 1).requires("mailer").recommends("postfix"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 postfix-1");
    let bare = world.closure(&["app"], &Options { recommends: false, ..Options::default() });
    assert_eq!(world.labels(&bare.chosen), ["app-1", "exim-1"]);
}

#[test]
fn cycles_are_packages_like_any_others() {
    let world = World::new([
        package("a", 1).requires("b"),
        package("b", 1).requires("c"),
        package("c", 1).requires("a").requires("c").recommends("a"),
    ]);
    assert_eq!(world.chosen(&["c"]), "a-1 b-1 c-1");
}

#[test]
fn a_package_does_not_conflict_with_itself() {
    let world = World::new([
        package("exim", 1).provides("mailer").conflicts("mailer").requires("tool"),
        package("postfix", 1).provides("mailer").conflicts("mailer"),
        package("tool", 1).conflicts("(exim and postfix)"),
    ]);
    assert_eq!(world.chosen(&["mailer"]), "exim-1 tool-1");
    let both = world.closure(&["exim", "postfix"], &Options::default());
    assert_eq!(both.unsolved, []);
    assert_eq!(world.labels(&both.chosen), ["exim-1", "postfix-1", "tool-1"]);
    assert_eq!(both.solutions.len(), 2, "each by itself");
    let why = both.apart.expect("a reason").to_string();
    assert!(why.contains("conflicts with mailer, which "), "{why}");
}

#[test]
fn a_condition_counts_where_it_holds() {
    let world = World::new([
        package("app", 1).requires("(help if desktop)"),
        package("desktop", 1),
        package("desktop", 2),
        package("help", 1),
        package("old", 1).requires("(help if desktop < 2)").requires("desktop"),
        package("pinned", 1).requires("(help if desktop < 2)").requires("desktop = 1"),
        package("either", 1).requires("(help if desktop else tool)"),
        package("tool", 1),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1");
    assert_eq!(world.chosen(&["app", "desktop"]), "app-1 desktop-2 help-1");
    assert_eq!(world.chosen(&["desktop", "app"]), "app-1 desktop-2 help-1");
    assert_eq!(world.chosen(&["old"]), "desktop-2 old-1");
    assert_eq!(world.chosen(&["pinned"]), "desktop-1 help-1 pinned-1");
    assert_eq!(world.chosen(&["either"]), "either-1 tool-1");
    assert_eq!(world.chosen(&["either", "desktop"]), "desktop-2 either-1 help-1");
}

#[test]
fn and_or_and_unless() {
    let world = World::new([
        package("a", 1),
        package("b", 1),
        package("c", 1),
        package("both", 1).requires("(a and b)"),
        package("one", 1).requires("(gone or b or a)"),
        package("pairs", 1).requires("((gone and a) or (b and c))"),
        package("without", 1).requires("(a unless b)"),
        package("swap", 1).requires("(a unless b else c)"),
        package("hates", 1).conflicts("(a unless b)"),
    ]);
    assert_eq!(world.chosen(&["both"]), "a-1 b-1 both-1");
    assert_eq!(world.chosen(&["one"]), "b-1 one-1");
    assert_eq!(world.chosen(&["pairs"]), "b-1 c-1 pairs-1");
    assert_eq!(world.chosen(&["without"]), "a-1 without-1");
    assert_eq!(world.chosen(&["swap"]), "a-1 swap-1");
    assert_eq!(world.chosen(&["swap", "b"]), "b-1 c-1 swap-1");
    assert_eq!(world.chosen(&["hates", "a"]), "a-1 b-1 hates-1");
    let together = Options { transactions: Transactions::Together, ..Options::default() };
    let not = world.closure(&["without", "b"], &together);
    assert_eq!(not.unsolved.len(), 2);
    assert!(not.chosen.is_empty() && not.solutions.is_empty());
    assert!(not.unsolved[0].1.to_string().contains("needs (a unless b)"), "{}", not.unsolved[0].1);
}

#[test]
fn recommendations_are_taken_where_they_can_be() {
    let world = World::new([
        package("app", 1).recommends("doc").recommends("gone").recommends("rival").recommends("broken"),
        package("doc", 1).recommends("viewer").requires("fonts"),
        package("viewer", 1),
        package("fonts", 1),
        package("rival", 1).conflicts("app"),
        package("broken", 1).requires("half"),
        package("half", 1).requires("gone"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 doc-1 fonts-1 viewer-1");
    let bare = world.closure(&["app"], &Options { recommends: false, ..Options::default() });
    assert_eq!(world.labels(&bare.chosen), ["app-1"]);
}

#[test]
fn a_recommendation_never_changes_what_is_required() {
    let world = World::new([
        package("app", 1).requires("lib").recommends("plugin"),
        package("lib", 1),
        package("lib", 2),
        package("plugin", 1).requires("lib = 1"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 lib-2");
}

#[test]
fn the_first_recommendation_wins_and_a_search_finds_a_way() {
    let world = World::new([
        package("app", 1).recommends("one").recommends("two").recommends("three"),
        package("one", 1),
        package("two", 1).conflicts("one"),
        // The first of its names is broken further down: only a search finds the second.
        package("three", 1).requires("thing"),
        package("bad", 1).provides("thing").requires("worse"),
        package("worse", 1).requires("gone"),
        package("good", 1).provides("thing"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 good-1 one-1 three-1");
}

#[test]
fn supplements_follow_what_they_name() {
    let world = World::new([
        package("app", 1),
        package("langpack", 1).supplements("(app and german)").requires("dictionary"),
        package("german", 1),
        package("dictionary", 1),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1");
    assert_eq!(world.chosen(&["app", "german"]), "app-1 dictionary-1 german-1 langpack-1");
}

#[test]
fn parallel_slots_hold_several_versions() {
    let mut world = World::new([
        package("kernel", 1),
        package("kernel", 2),
        package("module", 1).requires("kernel = 1"),
        package("app", 1).requires("(tool if kernel)"),
        package("tool", 1),
    ]);
    let apart = world.closure(&["kernel", "module"], &Options::default());
    assert_eq!(apart.solutions[0].roots, [0, 1], "one kernel is enough for both");
    assert_eq!(world.labels(&apart.chosen), ["kernel-1", "module-1"]);
    world.parallel.push("kernel".to_owned());
    assert_eq!(world.chosen(&["kernel = 2", "module"]), "kernel-1 kernel-2 module-1");
    assert_eq!(world.chosen(&["kernel = 2", "kernel = 1", "app"]), "app-1 kernel-1 kernel-2 tool-1");
}

#[test]
fn installed_packages_satisfy_and_stay_at_home() {
    let world = World::new([
        package("app", 1).requires("lib").requires("mailer"),
        package("lib", 1).installed(),
        package("lib", 2),
        package("exim", 1).provides("mailer"),
        package("postfix", 1).provides("mailer").installed(),
        package("newer", 1).requires("lib >= 2"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1");
    assert_eq!(world.chosen(&["newer"]), "lib-2 newer-1");
    assert_eq!(world.chosen(&["lib = 1"]), "");
}

#[test]
fn what_an_upgrade_would_break_is_upgraded_too() {
    let world = World::new([
        package("app", 1).requires("libs >= 2"),
        package("libs", 1).installed(),
        package("libs", 2),
        package("tool", 1).requires("libs = 1").installed(),
        package("tool", 2).requires("libs = 2"),
        // Its requirement is broken on the targets already: no reason to fail.
        package("sick", 1).requires("gone").installed(),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 libs-2 tool-2");
}

#[test]
fn an_upgrade_comes_before_something_else() {
    let world = World::new([
        package("lib", 1).provides("other-lib").installed(),
        package("lib", 2).provides("new-lib"),
        // An older one of another architecture, or another name, would do as well.
        package("lib.i686", 3).provides("new-lib"),
        package("gui", 1).installed(),
        package("app", 1).requires("(lib >= 2 or lib.i686)"),
        package("tool", 1).requires("(other or lib >= 2)"),
        package("other", 1),
        package("virtual", 1).requires("new-lib"),
        package("compat", 1).provides("new-lib"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 lib-2");
    assert_eq!(world.chosen(&["tool"]), "lib-2 tool-1");
    assert_eq!(world.chosen(&["virtual"]), "lib-2 virtual-1");
    assert_eq!(world.chosen(&["other", "tool"]), "other-1 tool-1");
}

#[test]
fn what_rules_out_an_upgrade_is_upgraded_too() {
    let mut world = World::new([
        package("plugin", 1).requires("lib").conflicts("lib >= 2").installed(),
        package("plugin", 2).requires("lib >= 2"),
        package("addon", 1).requires("plugin = 1").installed(),
        package("addon", 2).requires("plugin = 2"),
        package("lib", 1).installed(),
        package("lib", 2),
        package("other", 1),
        package("app", 1).requires("(lib >= 2 or other)"),
    ]);
    assert_eq!(world.chosen(&["app"]), "addon-2 app-1 lib-2 plugin-2");
    // Where it can't be, the other one is taken.
    world.packages[3].requires.push("gone".to_owned());
    assert_eq!(world.chosen(&["app"]), "app-1 other-1");
}

#[test]
fn no_more_goes_than_has_to() {
    let world = World::new([
        package("app", 1).conflicts("legacy").requires("lib >= 2"),
        package("legacy", 1).installed(),
        package("lib", 1).installed(),
        package("lib", 2),
        package("tool", 1).requires("lib = 1").installed(),
        package("tool", 2).requires("lib = 2"),
    ]);
    let closure = world.closure(&["app"], &Options::default());
    assert_eq!(world.labels(&closure.chosen), ["app-1", "lib-2", "tool-2"]);
    assert_eq!(closure.erasing.len(), 1);
}

#[test]
fn everything_that_an_upgrade_takes_away_is_brought_again() {
    let world = World::new([
        package("app", 1).requires("lib >= 2").recommends("second"),
        package("lib", 1).provides("a").provides("b").installed(),
        package("lib", 2),
        package("user", 1).requires("a").requires("b").installed(),
        package("only", 1).provides("a"),
        package("first", 1).provides("b"),
        package("second", 1).provides("b"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 lib-2 only-1 second-1");
}

#[test]
fn what_a_dead_end_brought_is_dropped() {
    // With the newest one, which cannot be had, "other" would be needed.
    let world = World::new([
        package("lib", 1),
        package("lib", 2),
        package("lib", 3).requires("gone"),
        package("other", 1),
        package("app", 1).requires("(lib = 2 or other)").requires("lib"),
    ]);
    assert_eq!(world.chosen(&["app"]), "app-1 lib-2");
}

#[test]
fn what_cannot_stay_is_said_aloud() {
    let world = World::new([
        package("app", 1).conflicts("legacy"),
        package("legacy", 1).installed(),
        package("new-name", 1).obsoletes("old-name"),
        package("old-name", 1).installed(),
    ]);
    let closure = world.closure(&["app"], &Options::default());
    assert_eq!(world.labels(&closure.chosen), ["app-1"]);
    assert_eq!(closure.erasing.len(), 1);
    let why = closure.erasing[0].1.to_string();
    assert!(why.contains("app-1 conflicts with legacy, which legacy-1 is"), "{why}");
    assert!(why.contains("legacy-1 is installed and has to stay"), "{why}");
    // Who obsoletes it takes its place: nothing is lost.
    let closure = world.closure(&["new-name"], &Options::default());
    assert_eq!(world.labels(&closure.chosen), ["new-name-1"]);
    assert_eq!(closure.erasing, []);
}

#[test]
fn roots_that_conflict_are_solved_by_themselves() {
    let world = World::new([
        package("cuda-11", 1).requires("driver < 500"),
        package("cuda-12", 1).requires("driver >= 500"),
        package("cuda-13", 1).requires("driver >= 600"),
        package("driver", 470),
        package("driver", 570),
    ]);
    let closure = world.closure(&["cuda-11", "cuda-12", "cuda-13"], &Options::default());
    assert_eq!(world.labels(&closure.chosen), ["cuda-11-1", "cuda-12-1", "driver-470", "driver-570"]);
    assert_eq!(closure.solutions.len(), 2);
    assert!(closure.apart.is_some());
    let [(2, why)] = &*closure.unsolved else { panic!("{:?}", closure.unsolved) };
    assert_eq!(
        why.lines(),
        [
            "cuda-13 asks for cuda-13, which only cuda-13-1 provides"
                .replace("cuda-13 asks for cuda-13", "cuda-13 is asked for"),
            "cuda-13-1 needs driver >= 600, and nothing provides it: only driver-470, driver-570 is there".to_owned(),
        ]
    );
}

#[test]
fn one_that_cannot_be_had_does_not_drive_the_others_apart() {
    let world = World::new([
        package("exim", 1).provides("mailer"),
        package("postfix", 1).provides("mailer"),
        package("app", 1).requires("mailer"),
    ]);
    let closure = world.closure(&["app", "gone", "postfix"], &Options::default());
    assert_eq!(world.labels(&closure.chosen), ["app-1", "postfix-1"]);
    assert_eq!(closure.solutions.len(), 1);
    assert_eq!(closure.solutions[0].roots, [0, 2]);
    assert_eq!(closure.apart, None);
    for alone in [&["gone"][..], &["app", "gone"]] {
        let closure = world.closure(alone, &Options::default());
        assert_eq!((closure.unsolved.len(), closure.apart), (1, None), "{alone:?}: nothing is left to be apart from");
    }
    let [(1, why)] = &*closure.unsolved else { panic!("{:?}", closure.unsolved) };
    assert_eq!(why.to_string(), "gone is asked for, and nothing provides it");
}

#[test]
fn roots_that_are_not_required_fail_alone() {
    let world = World::new([
        package("app", 1),
        package("extra", 1),
        package("rival", 1).conflicts("app"),
        package("broken", 1).requires("gone"),
    ]);
    let optional = |text: &str| Root { required: false, ..world.root(text) };
    let roots = [optional("rival"), world.root("app"), optional("broken"), optional("extra")];
    let closure = closure(&world, &roots, &Options::default()).expect("an answer");
    assert_eq!(world.labels(&closure.chosen), ["app-1", "extra-1"]);
    assert_eq!(closure.solutions[0].roots, [1, 3]);
    let unsolved: Vec<usize> = closure.unsolved.iter().map(|&(root, _)| root).collect();
    assert_eq!(unsolved, [0, 2]);
    assert!(closure.unsolved[0].1.to_string().contains("rival-1 conflicts with app, which app-1 is"));
    assert!(closure.unsolved[1].1.to_string().contains("broken-1 needs gone, and nothing provides it"));
}

#[test]
fn no_roots_need_nothing() {
    let world = World::new([package("app", 1)]);
    assert_eq!(world.closure(&[], &Options::default()), airlift_solve::Closure::default());
    assert_eq!(world.chosen(&["app"]), "app-1");
    let all = [Root { label: "nothing".to_owned(), needs: Formula::all([]), required: true }];
    assert_eq!(closure(&world, &all, &Options::default()).expect("an answer").chosen, []);
}
