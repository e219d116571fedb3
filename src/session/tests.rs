//! What holds for every session file.

use super::arbitrary::{FIXTURES, SESSION, session};
use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Read;

fn fixture(name: &str) -> &'static str {
    FIXTURES.iter().find(|(n, _)| *n == name).unwrap().1
}

fn scanned(value: &Value) -> Result<Scan, ExportError> {
    scan(value.to_string().as_bytes())
}

/// Hands out a few bytes at a time.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(self.0.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

#[test]
fn real_exports_are_understood() {
    for (name, json) in FIXTURES {
        let scan = scan(json.as_bytes()).unwrap();
        assert_eq!(scan.directory, "/home/me/proj");
        assert_eq!((scan.outline.len(), scan.outline.part_count()), (4, 7), "{name}");
        let variant = (!name.ends_with("-plain")).then(|| "high".to_owned());
        let model = Model { provider: "fake".into(), id: "m1".into(), variant };
        let expected = Setting { agent: Some("build".into()), model: Some(model) };
        assert_eq!(scan.last_user.as_ref().unwrap().setting, expected, "{name}");
        assert_eq!(scan.current_setting(), expected);
        let in_record = if name.starts_with("1.18") { expected } else { Setting::default() };
        assert_eq!(scan.setting, in_record, "{name}");
        assert_eq!(scan.outline.get(2).unwrap().id(), scan.last_user.unwrap().id);
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(scan.newest_ms, value["messages"][3]["info"]["time"]["created"].as_i64());
    }
}

#[test]
fn every_cut_is_found() {
    for (name, step) in [("1.18.33", 1), ("1.14.41", 11), ("1.3.2", 11)] {
        let json = fixture(name).trim_end();
        for end in (0..json.len()).step_by(step) {
            match scan(&json.as_bytes()[..end]) {
                Err(ExportError::Cut { offset }) => assert_eq!(offset, end as u64),
                other => panic!("{name} cut at {end}: {other:?}"),
            }
        }
    }
}

#[test]
fn nothing_may_follow() {
    let json = fixture("1.3.2");
    assert!(scan(format!("{json} \n\t\r").as_bytes()).is_ok());
    for tail in ["x", "{}", ",", "]", "\0", "}"] {
        let error = scan(format!("{json}{tail}").as_bytes()).unwrap_err();
        assert!(
            matches!(error, ExportError::NotJson { offset, .. } if offset == json.len() as u64),
            "{error}"
        );
    }
}

#[test]
fn other_json_is_not_an_export() {
    for json in [
        "{}",
        r#"{"messages":[],"info":{"id":"ses_a"}}"#,
        r#"{"info":{"id":"ses_a"}}"#,
        r#"{"info":{"id":"ses_a"},"messages":{}}"#,
        r#"{"info":{"id":"ses_a"},"messages":[],"messages":[]}"#,
        r#"{"info":{"id":"ses_a"},"info":{"id":"ses_a"},"messages":[]}"#,
        r#"{"info":{"id":"ses_a/../b"},"messages":[]}"#,
        r#"{"info":{"id":"ses_a","parentID":"../b"},"messages":[]}"#,
        r#"{"info":{"id":7},"messages":[]}"#,
        r#"{"info":[],"messages":[]}"#,
        r#"{"info":{"id":"ses_a"},"messages":[7]}"#,
        r#"{"info":{"id":"ses_a"},"messages":[{"info":{},"parts":[]}]}"#,
    ] {
        let error = scan(json.as_bytes()).unwrap_err();
        assert!(matches!(error, ExportError::NotAnExport { .. }), "{json}: {error}");
    }
    for json in [
        "[]",
        "null",
        "Error: no such session",
        r#"{"info":{"id":"ses_a"},"messages":[,]}"#,
        r#"{"info" {}}"#,
    ] {
        let error = scan(json.as_bytes()).unwrap_err();
        assert!(matches!(error, ExportError::NotJson { .. }), "{json}: {error}");
    }
    assert!(scan(r#"{"info":{"id":"ses_a"},"messages":[],"todos":[1]}"#.as_bytes()).is_ok());
}

#[test]
fn an_error_names_the_place() {
    let json = fixture("1.3.2");
    let at = json.find("\"finish\"").unwrap();
    let broken = format!("{}\n  oops {}", &json[..at], &json[at..]);
    let error = scan(broken.as_bytes()).unwrap_err();
    assert!(
        matches!(error, ExportError::NotJson { offset, .. } if offset == at as u64 + 3),
        "{error:?} {at}"
    );
}

#[test]
fn bytes_that_are_no_text_are_found_where_nobody_looks() {
    let json = fixture("1.3.2").as_bytes();
    let at = fixture("1.3.2").find("sleep 100").unwrap();
    let mut broken = json.to_vec();
    broken[at] = 0xff;
    let error = scan(broken.as_slice()).unwrap_err();
    assert!(matches!(error, ExportError::NotJson { offset, .. } if offset == at as u64), "{error:?}");
}

#[test]
fn ids_must_be_safe_single_and_in_their_place() {
    let sound: Value = serde_json::from_str(fixture("1.18.33")).unwrap();
    let change = |pointer: &str, to: Value| {
        let mut value = sound.clone();
        *value.pointer_mut(pointer).unwrap() = to;
        scanned(&value).unwrap_err()
    };
    for (pointer, bad) in [
        ("/messages/1/info/id", "msg_a b"),
        ("/messages/1/parts/0/id", "prt_'; DROP TABLE part"),
        ("/messages/0/info/id", "ses_abc"),
    ] {
        let error = change(pointer, json!(bad));
        assert!(matches!(error, ExportError::NotAnExport { .. }), "{error:?}");
        assert!(!error.to_string().contains(bad));
    }
    for pointer in
        ["/messages/1/info/sessionID", "/messages/1/parts/0/sessionID", "/messages/1/parts/0/messageID"]
    {
        let error = change(pointer, json!("ses_other"));
        assert!(matches!(error, ExportError::Stray { .. }), "{error:?}");
    }
    let twice = change("/messages/1/parts/0/id", sound["messages"][1]["parts"][1]["id"].clone());
    assert!(matches!(twice, ExportError::Duplicate { .. }), "{twice:?}");
    let mut value = sound.clone();
    let first = value["messages"][0].clone();
    value["messages"].as_array_mut().unwrap().push(first);
    assert!(matches!(scanned(&value), Err(ExportError::Duplicate { .. })));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |n| {
        format!("{{\"info\":{{\"id\":\"ses_a\",\"x\":{}{}}},\"messages\":[]}}", "[".repeat(n), "]".repeat(n))
    };
    assert!(scan(deep(100).as_bytes()).is_ok());
    assert!(matches!(scan(deep(200).as_bytes()), Err(ExportError::TooDeep { .. })));
    let endless = r#"{"info":"#.as_bytes().chain(std::io::repeat(b'['));
    assert!(matches!(scan(endless), Err(ExportError::TooDeep { .. })));
}

#[test]
fn half_a_surrogate_pair_is_no_obstacle() {
    let json =
        fixture("1.18.33").replace("Hello from the model.", "cut here: \\ud83d").replace("run it", "\\ud83d");
    let agent = json.replace("\"agent\": \"build\"", "\"agent\": \"cut here: \\ud83d\"");
    let setting = scan(agent.as_bytes()).unwrap().setting;
    assert!(setting.agent.unwrap().starts_with("cut here: "));
}

#[test]
fn a_failing_reader_is_reported_as_that() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let input = fixture("1.3.2").as_bytes()[..100].chain(Failing);
    assert!(matches!(scan(input), Err(ExportError::Io(_))));
}

#[test]
fn a_control_character_in_a_string_that_is_read_is_refused() {
    let sound = fixture("1.18.33");
    assert!(scan(sound.as_bytes()).is_ok());
    for (whole, hurt) in
        [("\"agent\": \"build\"", "\"agent\": \"bui\0ld\""), ("\"title\": \"", "\"title\": \"\u{1}")]
    {
        let hurt = sound.replacen(whole, hurt, 1);
        assert!(hurt != sound && scan(hurt.as_bytes()).is_err(), "{whole}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(scan(bytes.as_slice()).is_err());
    }

    #[test]
    fn what_is_accepted_is_json(which in 0..FIXTURES.len(), changes in prop::collection::vec(
        (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\ 0".to_vec())]), 1..4,
    )) {
        let mut bytes = FIXTURES[which].1.as_bytes().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if scan(bytes.as_slice()).is_ok() {
            // serde_json's own reading refuses half surrogate pairs, which these changes cannot make.
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
    }

    #[test]
    fn a_scan_counts_what_is_there(draft in session(), drip in 1..40_usize) {
        let value = draft.value();
        let json = draft.json();
        let scan = scan(json.as_bytes()).unwrap();
        prop_assert_eq!(&super::scan(Drip(json.as_bytes(), drip)).unwrap(), &scan);
        prop_assert_eq!(&scan.id, SESSION);
        prop_assert_eq!(Some(scan.directory.as_str()), value["info"]["directory"].as_str());
        let messages = value["messages"].as_array().unwrap();
        let ids: Vec<Vec<&str>> = messages.iter().map(|m| {
            let parts = m["parts"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap());
            std::iter::once(m["info"]["id"].as_str().unwrap()).chain(parts).collect()
        }).collect();
        let seen: Vec<Vec<&str>> = scan.outline.iter().map(|m| m.all().collect()).collect();
        prop_assert_eq!(seen, ids);
        let last = messages.iter().rev().find(|m| m["info"]["role"] == "user");
        prop_assert_eq!(scan.last_user.map(|u| json!(u.id)), last.map(|m| m["info"]["id"].clone()));
    }

    #[test]
    fn every_cut_of_a_generated_session_is_found(draft in session(), at in any::<prop::sample::Index>()) {
        let json = draft.json();
        let end = at.index(json.len());
        let cut = matches!(scan(&json.as_bytes()[..end]), Err(ExportError::Cut { .. }));
        prop_assert!(cut);
    }
}
