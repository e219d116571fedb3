//! Scripts over a connection.

use super::*;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::Instant;

#[test]
fn every_login_shell_runs_a_script_under_posix_sh() {
    for shell in ["dash", "bash", "zsh", "fish", "tcsh"] {
        let path = format!("/usr/bin/{shell}");
        assert!(Path::new(&path).exists(), "apt-get install {shell}");
        let lab = Lab::with(|o| {
            o.login_shell = path.clone().into();
            o.env.push(("EXTRA".into(), "it's \"here\"".into()));
        });
        let mut pi = lab.connect();
        let script = Script::new(
            "cd /; f() { printf '%s|' \"$1\" \"$HOME\" \"$EXTRA\" \"$SHELL\"; }; f \"$v\"; echo err >&2; exit 7\n",
            &[("v", "a'\"`$(x)\n!".as_bytes())],
        );
        let output = pi.run(&script, 1 << 20, PATIENCE).unwrap();
        let expected = format!("a'\"`$(x)\n!|{}|it's \"here\"|{path}|", lab.host.path().display());
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{shell}");
        assert_eq!((output.status, output.stderr.as_slice()), (7, &b"err\n"[..]), "{shell}");
        let killed = run(&mut pi, "kill -TERM $$; sleep 60\n");
        assert_eq!(killed.status, 143, "{shell}");
        assert_eq!(lab.sshd.connections(), 1);
    }
}

#[test]
fn much_on_both_outputs_at_once_stalls_neither() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let output = run(
        &mut pi,
        "i=0; while [ $i -lt 300 ]; do printf '%01000d' 1 >&2; printf '%01000d' 0; i=$((i+1)); done; exit 3\n",
    );
    assert_eq!((output.status, output.stdout.len(), output.stderr.len()), (3, 300_000, 64 * 1024));
    let output = pi
        .run(
            &Script::new("head -c 5000000 /dev/zero >&2; head -c 6000000 /dev/zero\n", &[]),
            6_000_000,
            PATIENCE,
        )
        .unwrap();
    assert_eq!((output.status, output.stdout.len(), output.stderr.len()), (0, 6_000_000, 64 * 1024));
}

#[test]
fn too_much_output_is_refused_and_the_connection_goes_on() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let result = pi.run(&Script::new("while :; do echo more; done\n", &[]), 1000, PATIENCE);
    assert!(matches!(result, Err(TransportError::TooLarge { limit: 1000 })), "{result:?}");
    assert_eq!(run(&mut pi, "echo on\n").stdout, b"on\n");
}

#[test]
fn a_stream_arrives_as_it_is_written_and_can_be_left() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let gate = lab.host.path().join("gate");
    let mut seen = Vec::new();
    let script = Script::new("echo one; until [ -e gate ]; do sleep 0.05; done; echo two; exit 4\n", &[]);
    let status = pi.stream(&script, PATIENCE, &mut |chunk| {
        seen.extend_from_slice(chunk);
        std::fs::write(&gate, "").unwrap();
        ControlFlow::Continue(())
    });
    assert_eq!((status.unwrap(), seen.as_slice()), (Some(4), &b"one\ntwo\n"[..]));

    let started = Instant::now();
    let script = Script::new("echo one; sleep 30\n", &[]);
    let status = pi.stream(&script, PATIENCE, &mut |_| ControlFlow::Break(()));
    assert_eq!(status.unwrap(), None);
    assert_eq!(run(&mut pi, "echo on\n").stdout, b"on\n");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn silence_counts_as_a_lost_connection() {
    let lab = Lab::new();
    let mut pi = lab.connect();
    let patience = Duration::from_millis(300);
    for _ in 0..2 {
        let result = pi.run(&Script::new("sleep 30\n", &[]), 10, patience);
        assert!(matches!(result, Err(TransportError::Lost { .. })), "{result:?}");
    }
}

#[test]
fn a_host_that_dies_in_mid_stream_is_lost() {
    let mut lab = Lab::new();
    let mut pi = lab.connect();
    let script = Script::new("while :; do echo tick; sleep 0.05; done\n", &[]);
    let mut seen = 0;
    let result = pi.stream(&script, PATIENCE, &mut |_| {
        seen += 1;
        if seen == 3 {
            lab.sshd.stop();
        }
        ControlFlow::Continue(())
    });
    assert!(matches!(result, Err(TransportError::Lost { .. })), "{result:?}");
    assert!(matches!(lab.fails(), ConnectError::Refused { .. }));
    lab.sshd.restart();
    assert_eq!(run(&mut lab.connect(), "echo back\n").stdout, b"back\n");
}

#[test]
fn one_that_takes_the_connection_and_never_speaks_times_out() {
    let lab = Lab::new();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Target { port: Some(mute.local_addr().unwrap().port()), ..lab.target() };
    let started = Instant::now();
    let error = connect(&target, &NoAsker, Duration::from_millis(400)).err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }) && error.retryable(), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
}
