//! Which paths are the session's directory.

use crate::transfer::paths::{Paths, Style};
use proptest::prelude::*;
use serde_json::{Value, json};

fn out(paths: &Paths, style: Style, text: &str) -> String {
    let raw = json!(text).to_string();
    let there = paths.outward(style, &raw).unwrap_or_else(|| raw.clone());
    if !text.contains("/srv/w") {
        assert_eq!(paths.homeward(style, &there).unwrap_or_else(|| there.clone()), raw, "and back");
    }
    let value: Value = serde_json::from_str(&there).unwrap();
    value.as_str().unwrap().to_owned()
}

fn app() -> Paths {
    Paths::new("/home/me/app", "/srv/w").unwrap()
}

#[test]
fn whole_paths_in_a_command_are_found() {
    for (home, there) in [
        ("/home/me/app", "/srv/w"),
        ("/home/me/app/", "/srv/w/"),
        ("cd /home/me/app && ls /home/me/app/src", "cd /srv/w && ls /srv/w/src"),
        ("cd \"/home/me/app\" && cat '/home/me/app/a b'", "cd \"/srv/w\" && cat '/srv/w/a b'"),
        ("A=/home/me/app:/home/me/app/bin;x", "A=/srv/w:/srv/w/bin;x"),
        ("(cd /home/me/app)", "(cd /srv/w)"),
        ("cat </home/me/app/a >/home/me/app/b", "cat </srv/w/a >/srv/w/b"),
        ("a\n/home/me/app\n/home/me/app/b\tc", "a\n/srv/w\n/srv/w/b\tc"),
        ("see file:///home/me/app/a.md", "see file:///srv/w/a.md"),
        ("Work in /home/me/app. Then stop.", "Work in /srv/w. Then stop."),
        ("In /home/me/app, or not", "In /srv/w, or not"),
        ("sh -c \"cd \\\"/home/me/app\\\"\"", "sh -c \"cd \\\"/srv/w\\\"\""),
        ("printf '/home/me/app\\n'", "printf '/srv/w\\n'"),
        ("{\"a\":\"/home/me/app/x\"}", "{\"a\":\"/srv/w/x\"}"),
    ] {
        assert_eq!(out(&app(), Style::Text, home), there);
    }
}

#[test]
fn other_paths_are_left_alone() {
    for text in [
        "/home/me/app-old",
        "/home/me/app.bak/x",
        "/home/me/apple",
        "/home/me/app_2",
        "/home/me/app2",
        "/home/me/appé",
        "/home/me/app\\ 2/x",
        "/home/me/app 2/x",
        "cat '/home/me/app 2/x'",
        "cat \"/home/me/app 2/x\"",
        "/home/me/app*",
        "/home/me/app{,-old}",
        "/mnt/home/me/app",
        "./home/me/app",
        "~/home/me/app",
        "$ROOT/home/me/app",
        "${ROOT}/home/me/app",
        "-I/home/me/app",
        "http://home/me/app",
        "profile:///home/me/app",
        "//home/me/app",
        "é/home/me/app",
        "home/me/app",
        "/HOME/me/app",
    ] {
        assert_eq!(out(&app(), Style::Text, text), text);
    }
}

#[test]
fn a_string_that_is_a_path_is_one() {
    for (home, there) in [
        ("/home/me/app", "/srv/w"),
        ("/home/me/app/a b", "/srv/w/a b"),
        ("/home/me/app b", "/home/me/app b"),
        ("x /home/me/app", "x /home/me/app"),
    ] {
        assert_eq!(out(&app(), Style::Whole, home), there);
    }
}

#[test]
fn urls_are_read_as_such() {
    let blank = Paths::new("/home/m e/ä", "/srv/w #1").unwrap();
    for (paths, home, there) in [
        (&app(), "file:///home/me/app/a.md", "file:///srv/w/a.md"),
        (&app(), "file:///home/me/app/a.md?start=1&end=2", "file:///srv/w/a.md?start=1&end=2"),
        (&app(), "file:///home/me/app", "file:///srv/w"),
        (&app(), "file:///home/me/app?x", "file:///srv/w?x"),
        (&app(), "file:///home/me/app-old/x", "file:///home/me/app-old/x"),
        (&app(), "file:///home/me/app%20b", "file:///home/me/app%20b"),
        (&app(), "data:text/plain,/home/me/app", "data:text/plain,/home/me/app"),
        (&app(), "https://home/me/app", "https://home/me/app"),
        (&blank, "file:///home/m%20e/%C3%A4/x%20y", "file:///srv/w%20%231/x%20y"),
        (&blank, "file:///home/m e/ä/x y", "file:///srv/w #1/x y"),
        (&blank, "file:///home/m%41e/%C3%A4/x", "file:///home/m%41e/%C3%A4/x"),
    ] {
        assert_eq!(out(paths, Style::Url, home), there);
    }
    let lower = json!("file:///home/m%20e/%c3%a4").to_string();
    assert_eq!(blank.outward(Style::Url, &lower).unwrap(), "\"file:///srv/w%20%231\"");
}

#[test]
fn directories_that_are_one_or_hold_all_are_not_exchanged() {
    for (here, there) in [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/", "/b"),
        ("", "/b"),
        ("a", "/b"),
        ("/a", ""),
        ("/a", "~/b"),
        ("//", "/b"),
    ] {
        assert_eq!(Paths::new(here, there), None, "{here} {there}");
    }
    let root = Paths::new("/home/me/app/", "/").unwrap();
    assert_eq!(
        root.outward(Style::Text, "\"cd /home/me/app && cat /home/me/app/x\"").unwrap(),
        "\"cd / && cat /x\""
    );
    assert_eq!(root.outward(Style::Whole, "\"/home/me/app\"").unwrap(), "\"/\"");
    assert_eq!(root.outward(Style::Url, "\"file:///home/me/app\"").unwrap(), "\"file:///\"");
    assert_eq!(root.homeward(Style::Text, "\"cat /etc/x\""), None);
}

#[test]
fn one_directory_may_lie_in_the_other() {
    let into = Paths::new("/home/me", "/home/me/app").unwrap();
    assert_eq!(
        into.outward(Style::Text, "\"/home/me/x /home/me\"").unwrap(),
        "\"/home/me/app/x /home/me/app\""
    );
    let up = Paths::new("/home/me/app", "/home/me").unwrap();
    assert_eq!(up.outward(Style::Text, "\"/home/me/app/x\"").unwrap(), "\"/home/me/x\"");
    assert_eq!(up.homeward(Style::Text, "\"/home/me/x\"").unwrap(), "\"/home/me/app/x\"");
}

#[test]
fn only_the_path_changes_in_raw_json() {
    let paths = Paths::new("/home/me/a\"b", "/srv/\n").unwrap();
    let raw = r#""\ud83d cd /home/me/a\"b/\u0041 \ud83d""#;
    assert_eq!(paths.outward(Style::Text, raw).unwrap(), r#""\ud83d cd /srv/\n/\u0041 \ud83d""#);
    assert_eq!(app().outward(Style::Text, r#""\u0041/home/me/app""#), None);
    assert_eq!(app().outward(Style::Text, r#""\/home/me/app""#), None);
    assert_eq!(app().outward(Style::Text, r#""\\/home/me/app""#), None);
    assert_eq!(app().outward(Style::Text, r#""\n/home/me/app\u00e9""#), None);
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => Just("/home/me/app".to_owned()),
        2 => prop::sample::select(vec!["/", " ", "\"", "'", "\\", ":", "-", ".", "é", "\n", "=", "file://", "%", "x"]).prop_map(str::to_owned),
        1 => ".{0,3}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_goes_out_comes_back(text in text(), style in prop::sample::select(vec![Style::Whole, Style::Text, Style::Url])) {
        out(&app(), style, &text);
    }

    #[test]
    fn any_directories_are_exchanged_and_back(here in "/[a-c /.\"é\\\\]{0,4}", there in "/[a-c /.\"é\\\\]{0,4}", lead in "(cd |'|\")?", rest in "(/[a-c]{0,2})?['\"]?") {
        let Some(paths) = Paths::new(&here, &there) else { return Ok(()) };
        let raw = json!(format!("{lead}{here}{rest}")).to_string();
        let holds = json!(there.trim_end_matches('/')).to_string();
        prop_assume!(!there.trim_end_matches('/').is_empty() && !raw.contains(holds.trim_matches('"')));
        for style in [Style::Whole, Style::Text] {
            let out = paths.outward(style, &raw).unwrap_or_else(|| raw.clone());
            prop_assert_eq!(paths.homeward(style, &out).unwrap_or(out), raw.clone());
        }
    }
}
