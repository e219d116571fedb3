use super::super::{Form, Source, root};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn read(text: &str) -> Result<Parsed, HostsError> {
    parse(text, "/etc/hosts.json", Some(Path::new("/home/me")))
}

fn parse(text: &str, path: &str, home: Option<&Path>) -> Result<Parsed, HostsError> {
    root::parse(text, &Source { path: path.into(), form: Form::Hosts, is_project: false }, home)
}

fn error(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

#[test]
fn both_forms_of_an_entry() {
    let parsed = read(
        r#"// comment
        { "pi": "me@192.168.1.7", /* another */
          "beefy": {
            "host": "beefy", "port": 2222, "identity_file": "~/.ssh/beefy", "agent": "build",
            "model": "openrouter/a/b", "variant": "high", "directory": "~/my projects", "opencode": "/opt/opencode",
            "env": { "LANG": "C.UTF-8", "_X1": "" },
            "permission": { "edit": "allow", "bash": { "git *": "allow", "*": "deny" } },
            "os": "linux", "run_timeout": "1h 30m",
          },
        }"#,
    )
    .unwrap();
    assert_eq!(parsed.warnings, []);
    let source = Some("/etc/hosts.json".into());
    assert_eq!(
        parsed.entries[0],
        HostEntry {
            name: "pi".into(),
            host: "me@192.168.1.7".into(),
            source: source.clone(),
            ..HostEntry::default()
        }
    );
    assert_eq!(
        parsed.entries[1],
        HostEntry {
            name: "beefy".into(),
            host: "beefy".into(),
            port: Some(2222),
            identity_file: Some("/home/me/.ssh/beefy".into()),
            agent: Some("build".into()),
            model: Some("openrouter/a/b".into()),
            variant: Some("high".into()),
            directory: Some("~/my projects".into()),
            opencode: Some("/opt/opencode".into()),
            env: [("LANG".to_owned(), "C.UTF-8".to_owned()), ("_X1".to_owned(), String::new())].into(),
            permission: json!({"edit": "allow", "bash": {"git *": "allow", "*": "deny"}})
                .as_object()
                .unwrap()
                .clone(),
            run_timeout: Some(std::time::Duration::from_secs(5400)),
            source,
            plugin: None,
            is_project: false,
        }
    );
}

#[test]
fn the_example_is_read_without_a_warning_and_shows_every_field() {
    let text = include_str!("../../../hosts.example.json");
    let parsed = read(text).unwrap();
    assert_eq!(parsed.warnings, []);
    for field in FIELDS {
        assert!(text.contains(&format!("\"{field}\":")), "{field} is not shown");
    }
}

#[test]
fn a_file_without_a_value_has_no_hosts() {
    for text in ["", "// nothing yet\n", "{}", "\u{feff}{}"] {
        assert_eq!(read(text).unwrap().entries, [], "{text:?}");
    }
}

#[test]
fn where_an_identity_file_is() {
    let at = |text: &str| {
        let text = format!(r#"{{"a": {{"host": "h", "identity_file": "{text}"}}}}"#);
        read(&text).unwrap().entries[0].identity_file.clone().unwrap()
    };
    assert_eq!(at("~/.ssh/k"), Path::new("/home/me/.ssh/k"));
    assert_eq!(at("~//.ssh/k"), Path::new("/home/me/.ssh/k"));
    assert_eq!(at("keys/k"), Path::new("/etc/keys/k"));
    assert_eq!(at("/keys/k"), Path::new("/keys/k"));
    let text = r#"{"a": {"host": "h", "identity_file": "~/k"}}"#;
    let error = parse(text, "f", None).unwrap_err().to_string();
    assert!(
        error.starts_with("f:1:38: host \"a\", field \"identity_file\": the home directory is not known"),
        "{error}"
    );
}

#[test]
fn an_unknown_field_is_a_warning_with_the_nearest_name() {
    let parsed = read("{\"a\": {\"host\": \"h\",\n  \"prot\": 22, \"\\u001b[31m\": 1}}").unwrap();
    let warnings: Vec<_> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            r#"/etc/hosts.json:2:3: host "a": unknown field "prot" is ignored; did you mean "port"?"#,
            r#"/etc/hosts.json:2:15: host "a": unknown field "\u{1b}[31m" is ignored"#,
        ]
    );
}

#[test]
fn syntax_errors_say_where() {
    for (text, expected) in [
        ("{\n  \"pi\": \"h\"", "1:1: not valid JSON: Unterminated object"),
        ("{\n  \"pi\" \"h\"}", "2:8: not valid JSON: a comma is missing before this"),
        ("{\n  \"pi\": \"h\"\n  \"po\": \"h\"}", "3:3: not valid JSON: a comma is missing before this"),
        ("{\n  pi: \"h\"}", "2:3: not valid JSON: Expected string for object property"),
        ("{'pi': \"h\"}", "1:2: not valid JSON: write \"double quotes\" instead of single ones"),
        ("{\"é\": /* ü */ ?", "1:15: not valid JSON: Unexpected token"),
        ("{} {}", "1:4: not valid JSON: Text cannot contain more than one JSON value"),
        ("[\"pi\"]", "1:1: expected an object { \"NAME\": HOST, … }, found an array"),
    ] {
        assert_eq!(error(text), format!("/etc/hosts.json:{expected}"), "{text}");
    }
    let deep = format!("{{\"a\": {}", "[".repeat(500_000));
    assert!(error(&deep).starts_with("/etc/hosts.json:1:70: objects and arrays are nested more than 64"));
}

#[test]
fn errors_of_a_host_name_it_and_say_where() {
    let long = "n".repeat(65);
    let too_long = format!("{{\"{long}\": \"h\"}}");
    for (text, expected) in [
        ("{\n \"a\": \"h\",\n \"a\": \"i\"}", "3:2: host \"a\": is there twice, first on line 2"),
        ("{\"a\": 5}", "1:7: host \"a\": expected \"user@address\" or an object, found a number"),
        ("{\"a\": {\"port\": 22}}", "1:2: host \"a\": \"host\" is missing; add \"host\": \"user@address\""),
        (
            "{\"a\": {\"hots\": \"b\"}}",
            "1:2: host \"a\": \"host\" is missing; write \"host\" instead of \"hots\"",
        ),
        ("{\"a b\": \"h\"}", "1:2: host \"a b\": a name is 1 to 64 characters"),
        ("{\"-a\": \"h\"}", "1:2: host \"-a\": a name is"),
        ("{\"\": \"h\"}", "1:2: host \"\": a name is"),
        ("{\"a\\u001b\": \"h\"}", "1:2: host \"a\\u{1b}\": a name is"),
        (&too_long, &format!("1:2: host \"{}…\": a name is", &long[1..])),
    ] {
        let error = error(text);
        assert!(error.starts_with(&format!("/etc/hosts.json:{expected}")), "{text}\n{error}");
    }
}

#[test]
fn errors_of_a_field_name_it_and_say_where_and_what_to_do() {
    for (field, value, column, expected) in [
        ("host", r#""""#, 8, "is empty"),
        ("host", "7", 8, "expected a string, found a number"),
        ("host", "null", 8, "expected a string, found null"),
        ("host", r#""-oProxyCommand=x""#, 8, "write \"address\""),
        ("host", r#""me@-oProxyCommand=x""#, 8, "write \"address\""),
        ("host", r#""a b""#, 8, "write \"address\""),
        ("host", r#""a\u0007b""#, 8, "write \"address\""),
        ("host", r#""me@""#, 8, "write \"address\""),
        ("host", r#""@h""#, 8, "write \"address\""),
        ("host", r#""me@h:22""#, 8, "write the port as a field of its own"),
        ("host", r#""[::1]""#, 8, "write an IPv6 address without brackets"),
        ("port", "0", 8, "a port is a whole number from 1 to 65535"),
        ("port", "65536", 8, "a port is"),
        ("port", "-1", 8, "a port is"),
        ("port", "22.5", 8, "a port is"),
        ("port", "\"22\"", 8, "expected a number, found a string"),
        ("identity_file", "\"~you/k\"", 17, "only \"~/\" is understood"),
        ("agent", "\"\"", 9, "is empty"),
        ("agent", r#""a\nb""#, 9, "holds a control character"),
        ("model", "\"m1\"", 9, "write \"provider/model\""),
        ("model", "\"/m1\"", 9, "write \"provider/model\""),
        ("model", "\"p/\"", 9, "write \"provider/model\""),
        ("variant", "true", 11, "expected a string, found true or false"),
        ("directory", r#""a\u0000b""#, 13, "holds a NUL"),
        ("opencode", "[]", 12, "expected a string, found an array"),
        ("env", "\"A=1\"", 7, "expected an object, found a string"),
        ("permission", "\"allow\"", 14, "expected an object, found a string"),
        ("os", "\"windows\"", 6, "Windows is not supported as a host; install sshd inside WSL"),
        ("run_timeout", "\"soon\"", 15, "is not a time; write it as \"90s\" or \"1h 30m\""),
        ("run_timeout", "\"0s\"", 15, "is not a time"),
        ("run_timeout", "3600", 15, "expected a string, found a number"),
        ("os", "\"plan9\"", 6, "is not known; write \"linux\" or \"macos\""),
    ] {
        let other = if field == "host" { "" } else { "\"host\": \"h\"," };
        let error = error(&format!("{{\"a\": {{{other}\n\"{field}\": {value}}}}}"));
        let start = format!("/etc/hosts.json:2:{}: host \"a\", field \"{field}\": {expected}", column + 1);
        assert!(error.starts_with(&start), "{error}\n{start}");
    }
}

#[test]
fn errors_inside_a_field_name_what_lies_in_it() {
    for (fields, expected) in [
        ("\"env\": {\"1A\": \"x\"}", "2:9: host \"a\", field \"env.1A\": a variable's name"),
        ("\"env\": {\"A-B\": \"x\"}", "2:9: host \"a\", field \"env.A-B\": a variable's name"),
        ("\"env\": {\"A\": 1}", "2:14: host \"a\", field \"env.A\": expected a string, found a number"),
        ("\"env\": {\"A\": \"\\u0000\"}", "2:14: host \"a\", field \"env.A\": holds a NUL"),
        ("\"env\": {\"A\": \"\", \"A\": \"\"}", "2:18: host \"a\", field \"env.A\": is there twice"),
        (
            "\"permission\": {\"bash\": \"yes\"}",
            "2:24: host \"a\", field \"permission.bash\": write \"allow\"",
        ),
        (
            "\"permission\": {\"bash\": {\"*\": 1}}",
            "2:30: host \"a\", field \"permission.bash\": expected a string",
        ),
        ("\"port\": 1, \"port\": 2", "2:12: host \"a\", field \"port\": is there twice, first on line 2"),
    ] {
        let error = error(&format!("{{\"a\": {{\"host\": \"h\",\n{fields}}}}}"));
        assert!(error.starts_with(&format!("/etc/hosts.json:{expected}")), "{error}\n{expected}");
    }
}

/// Text made of what JSON and its comments are made of, so that the parser gets past the first character.
fn jsonish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "'",
        "\\",
        "\\u12",
        "\\ud800",
        "//",
        "/*",
        "*/",
        "\n",
        " ",
        "1",
        "-",
        ".5",
        "e+",
        "true",
        "null",
        "tru",
        "é",
        "𝄞",
        "\u{feff}",
        "\"a\"",
        "\"host\"",
        "\"port\"",
        "\"env\"",
        "\"permission\"",
        "\"h\"",
        "\"a\":{\"host\":\"h\",",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        any::<String>().prop_map(|s| json!(s)),
    ];
    let key = prop_oneof![prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned), any::<String>()];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|v| json!(v)),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|v| serde_json::Value::Object(v.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), jsonish()]) {
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn any_json_is_read_or_refused(value in json_value()) {
        let _ = read(&json!({"a": value}).to_string());
    }

    #[test]
    fn what_is_read_keeps_its_promises(value in json_value()) {
        for entry in read(&json!({"a": value}).to_string()).map(|p| p.entries).unwrap_or_default() {
            prop_assert!(!entry.host.is_empty() && !entry.host.starts_with('-'));
            prop_assert!(entry.model.is_none_or(|m| m.contains('/')));
            prop_assert!(entry.port != Some(0));
        }
    }
}
