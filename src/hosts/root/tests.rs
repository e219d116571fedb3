use super::*;
use crate::hosts::HostEntry;

fn read(text: &str, form: Form) -> Result<Parsed, HostsError> {
    let name = if form == Form::Config { "opencode.json" } else { "hosts.json" };
    let path = Path::new("/etc").join(name);
    parse(text, &Source { path, form, is_project: false }, Some(Path::new("/home/me")))
}

/// Name and address of each host.
fn hosts(text: &str, form: Form) -> Vec<(String, String)> {
    let parsed = read(text, form).expect(text);
    assert_eq!(parsed.warnings, [], "{text}");
    parsed.entries.into_iter().map(|HostEntry { name, host, .. }| (name, host)).collect()
}

fn pair(name: &str, host: &str) -> (String, String) {
    (name.to_owned(), host.to_owned())
}

#[test]
fn hosts_in_an_object_hosts_are_read_like_hosts_without_it() {
    let inner = r#"{ "pi": { "host": "me@pi", "port": 22, }, "beefy": "b", /* and */ }"#;
    let flat = read(inner, Form::Hosts).unwrap();
    let wrapped =
        read(&format!("// mine\n{{ \"$schema\": \"x\", \"hosts\": {inner}, }}"), Form::Hosts).unwrap();
    assert_eq!((&flat.entries, &flat.warnings), (&wrapped.entries, &wrapped.warnings));
    assert_eq!(hosts(r#"{ "hosts": {} }"#, Form::Hosts), []);
    assert_eq!(hosts(r#"{ "$schema": "x", "pi": "p" }"#, Form::Hosts), [pair("pi", "p")]);
}

#[test]
fn a_host_that_is_called_hosts_is_still_one() {
    for (text, expected) in [
        (r#"{ "hosts": "me@h" }"#, pair("hosts", "me@h")),
        (r#"{ "hosts": { "host": "me@h" } }"#, pair("hosts", "me@h")),
        (r#"{ "hosts": { "hosts": "me@h" } }"#, pair("hosts", "me@h")),
        (r#"{ "hosts": { "host": { "host": "me@h" } } }"#, pair("host", "me@h")),
    ] {
        assert_eq!(hosts(text, Form::Hosts), [expected], "{text}");
    }
    let error = read(r#"{ "hosts": { "host": 7 } }"#, Form::Hosts).unwrap_err().to_string();
    assert!(error.contains("host \"hosts\", field \"host\": expected a string, found a number"), "{error}");
    let error = read("{ \"hosts\": {},\n \"hosts\": {} }", Form::Hosts).unwrap_err().to_string();
    assert!(error.ends_with(":2:2: host \"hosts\": is there twice, first on line 1; remove one"), "{error}");
}

#[test]
fn what_stands_beside_hosts_is_named() {
    let parsed = read("{ \"hosts\": { \"pi\": \"p\" },\n  \"beefy\\u001b\": \"b\" }", Form::Hosts).unwrap();
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    let expected =
        r#"/etc/hosts.json:2:3: "beefy\u{1b}" beside "hosts" is ignored; a host belongs inside "hosts""#;
    assert_eq!((parsed.entries.len(), warnings), (1, vec![expected.to_owned()]));
}

#[test]
fn hosts_stand_in_the_options_of_a_plugin() {
    for plugin in [
        "opencode-remote-login",
        "opencode-remote-login@1.2.0",
        "@me/opencode-remote-login@latest",
        "file:///home/me/opencode-remote-login/dist/index.js",
        "./plugins/opencode-remote-login.ts",
        "github:me/opencode-remote-login#main",
        "kugetsu",
        "/home/me/.config/opencode/plugins/kugetsu.js",
    ] {
        let text = format!(
            "{{ // mine\n \"model\": \"a/b\", \"plugin\": [\"other\", [\"{plugin}\", {{ \"hosts\": {{ \"pi\": \"p\", }} }}],],\n}}"
        );
        assert_eq!(hosts(&text, Form::Config), [pair("pi", "p")], "{plugin}");
    }
    for text in [
        r#"{ "plugin": [["other-kugetsu", { "hosts": { "pi": "p" } }]] }"#,
        r#"{ "plugin": [["/home/me/kugetsu/other.js", { "hosts": { "pi": "p" } }]] }"#,
        r#"{ "plugin": ["kugetsu", ["kugetsu"], ["kugetsu", {}], 5], "hosts": 7 }"#,
        r#"{ "plugin": "kugetsu", "hosts": {} }"#,
        r#"{ "hosts": { "pi": "p" }, "username": "kugetsu" }"#,
        r#"["kugetsu", "hosts"]"#,
        "",
    ] {
        assert_eq!(hosts(text, Form::Config), [], "{text}");
    }
    // What opencode takes and we do not, where no host can be meant.
    assert_eq!(hosts(r#"{ "model": {env:MODEL} }"#, Form::Config), []);
}

#[test]
fn two_plugins_name_hosts_together() {
    let text = r#"{ "plugin": [["opencode-remote-login", { "hosts": { "pi": "p" } }], ["kugetsu", { "hosts": { "pi": "q" } }]] }"#;
    let parsed = read(text, Form::Config).unwrap();
    let shown: Vec<_> = parsed.entries.iter().map(|e| (e.host.as_str(), e.plugin.as_deref())).collect();
    assert_eq!(shown, [("p", Some("opencode-remote-login")), ("q", Some("kugetsu"))]);
}

#[test]
fn the_diagnostics_are_the_same_in_every_form() {
    for (text, form) in [
        ("{\n \"hosts\": {\n  \"pi\": { \"host\": \"p\", \"prot\": 1 } } }", Form::Hosts),
        (
            "{\n \"plugin\": [[\"kugetsu\", { \"hosts\": {\n  \"pi\": { \"host\": \"p\", \"prot\": 1 } } }]] }",
            Form::Config,
        ),
    ] {
        let warning = read(text, form).unwrap().warnings[0].to_string();
        assert!(
            warning
                .ends_with(":3:24: host \"pi\": unknown field \"prot\" is ignored; did you mean \"port\"?"),
            "{warning}"
        );
        let error = read(&text.replace("\"prot\": 1", "\"port\": 0"), form).unwrap_err().to_string();
        assert!(error.contains(":3:32: host \"pi\", field \"port\": a port is a whole number"), "{error}");
        let error = read(&text.replace("\"p\", ", "\"p\" "), form).unwrap_err().to_string();
        assert!(error.ends_with(":3:23: not valid JSON: a comma is missing before this"), "{error}");
    }
    let error =
        read(r#"{ "plugin": [["kugetsu", { "hosts": [] }]] }"#, Form::Config).unwrap_err().to_string();
    let expected = "\"hosts\": expected an object { \"NAME\": HOST, … }, found an array";
    assert!(error.ends_with(&format!(":1:37: {expected}")), "{error}");
    let error = read(r#"{ "hosts": ["pi"] }"#, Form::Hosts).unwrap_err().to_string();
    assert!(error.ends_with(&format!(":1:12: {expected}")), "{error}");
    let parsed =
        read(r#"{ "plugin": [["kugetsu", { "host": {}, "theme": "hosts" }]] }"#, Form::Config).unwrap();
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [r#"/etc/opencode.json:1:28: plugin "kugetsu": option "host" is ignored; did you mean "hosts"?"#]
    );
}

#[test]
fn options_from_which_no_host_can_be_read_are_named() {
    let warned = |text: &str| -> Vec<String> {
        let parsed = read(text, Form::Config).unwrap();
        assert_eq!(parsed.entries, []);
        parsed.warnings.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        warned(r#"{ "plugin": [["opencode-remote-login", { "pi": "a@b" }]] }"#),
        [
            r#"/etc/opencode.json:1:40: plugin "opencode-remote-login" names no hosts: write { "hosts": { "NAME": HOST, … } }"#
        ]
    );
    assert_eq!(
        warned(r#"{ "plugin": ["kugetsu", { "hosts": { "pi": "a@b" } }] }"#),
        [
            r#"/etc/opencode.json:1:25: plugin "kugetsu": these options are ignored; write [["kugetsu", { … }]]"#
        ]
    );
    assert_eq!(warned(r#"{ "plugin": ["kugetsu", ["kugetsu", {}]], "host": 1 }"#), [""; 0]);
}

#[test]
fn of_a_configuration_only_what_is_said_of_hosts_is_its_content() {
    let text = |model: &str, host: &str| {
        let text = format!(
            r#"{{ "model": "{model}", "plugin": [["kugetsu", {{ "hosts": {{ "pi": "{host}" }} }}]] }}"#
        );
        read(&text, Form::Config).unwrap().content
    };
    assert_eq!(text("a/b", "p"), text("c/d", "p"));
    assert_ne!(text("a/b", "p"), text("a/b", "q"));
}
