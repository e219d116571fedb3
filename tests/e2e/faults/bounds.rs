//! A host sends what is small on its way and large when it is unpacked: memory, disk and time stay bounded.

use super::coming_home::{Ended, unpack};
use crate::support::process::{Finished, PATIENCE, Running};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

/// What kugetsu may hold at any time, in KiB.
const MOST_KIB: u64 = 256 * 1024;

/// A back-file whose last message ends with so many texts of so many MiB, in one stream.
fn with_texts(header: &Value, session: &Value, texts: usize, mib: usize) -> Vec<u8> {
    let (mut header, mut session) = (header.clone(), session.clone());
    let last = session["messages"].as_array_mut().unwrap().last_mut().unwrap();
    let parts = last["parts"].as_array_mut().unwrap();
    let at = parts.iter().position(|part| part["type"] == "text").unwrap();
    parts[at]["text"] = json!("HERE");
    for n in 1..texts {
        let mut more = parts[at].clone();
        more["id"] = json!(format!("{}{n}", parts[at]["id"].as_str().unwrap()));
        parts.insert(at + n, more);
    }
    let text = session.to_string();
    header["bytes"] = json!(text.len() - 4 * texts + texts * (mib << 20));
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(format!("{header}\n").as_bytes()).unwrap();
    let much = vec![b'x'; 1 << 20];
    for (n, piece) in text.split("HERE").enumerate() {
        (0..mib * n.min(1)).for_each(|_| packer.write_all(&much).unwrap());
        packer.write_all(piece.as_bytes()).unwrap();
    }
    packer.write_all(b"\n").unwrap();
    packer.finish().unwrap()
}

/// Waits for its end, and looks meanwhile what it has held at most, in KiB.
fn peak(mut running: Running) -> (Finished, u64) {
    let path = format!("/proc/{}/status", running.pid());
    let mut peak = 0;
    while running.is_running() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        peak = peak.max(line.trim().trim_end_matches(" kB").parse().unwrap_or_default());
        std::thread::sleep(Duration::from_millis(2));
    }
    (running.wait(PATIENCE), peak)
}

/// A text of half a gigabyte came in half a megabyte, and took 3.7 GB of memory.
#[test]
fn what_is_small_when_packed_takes_no_more_memory_than_anything_else() {
    let ended = Ended::new();
    let (header, session) = unpack(&ended.back());
    let large = with_texts(&header, &session, 1, 300);
    assert!(large.len() < 8 << 20, "{} bytes are sent", large.len());
    ended.send_back(&large);
    let (refused, held) = peak(ended.scene.home.spawn(&["wait", &ended.dispatch]));
    let refused = refused.expect_code(1);
    let told = refused.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in
        ["more than 67108864 bytes", "removed again, and stays on pi", "the session here is as it was"]
    {
        assert!(told.contains(words), "{told}");
    }
    assert!(held <= MOST_KIB, "{held} KiB were held");
    for file in ["back", "back.json", "arrival"] {
        assert!(!ended.here.join(file).exists(), "{file} is left");
    }
    ended.scene.is_intact();

    // The largest that comes home.
    ended.send_back(&with_texts(&header, &session, 2, 31));
    let (home, held) = peak(ended.scene.home.spawn(&["wait", &ended.dispatch]));
    let home = home.expect_success();
    println!("{held} KiB for the largest");
    assert!(held <= MOST_KIB, "{held} KiB were held");
    // The session has all of it; nobody reads more of it on a terminal.
    assert!(home.stdout.len() <= (32 << 20) + 2 && home.stdout.ends_with("xxx\n"));
    ended.scene.is_home();
}
