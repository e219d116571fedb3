//! `opencode serve` on a machine: its HTTP API, which all releases have.

use super::machine::Machine;
use super::process::{PATIENCE, Running, until};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// A server for one project. Dropping it ends it.
#[derive(Debug)]
pub struct Serve {
    running: Running,
    port: u16,
    directory: PathBuf,
}

impl Serve {
    /// Starts it in `dir` and waits until it answers.
    ///
    /// # Panics
    /// Where it does not.
    #[track_caller]
    pub fn start(machine: &Machine, dir: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let running = machine.start_opencode(dir, &["serve", "--port", &port.to_string()], None);
        let serve = Self { running, port, directory: dir.to_owned() };
        // What is asked before it says so is never answered by the newest release.
        until(PATIENCE, || {
            let printed = serve.printed();
            if printed.contains("listening on") { Ok(()) } else { Err(printed) }
        });
        serve.get("/session");
        serve
    }

    /// What `GET path` answers.
    ///
    /// # Panics
    /// Where that is no JSON.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// Sends a prompt to a session and does not wait for the answer.
    #[track_caller]
    pub fn prompt(&self, session: &str, text: &str) {
        let body = serde_json::json!({
            "agent": "build", "model": {"providerID": "fake", "modelID": "m1"},
            "parts": [{"type": "text", "text": text}],
        });
        let path = format!("/session/{session}/prompt_async");
        let (status, answer) = self.ask("POST", &path, Some(&body)).unwrap();
        assert_eq!(status, 204, "{answer}");
    }

    /// What `POST path` answers.
    ///
    /// # Panics
    /// Where it is no success, or no JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask("POST", path, Some(body)).unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }

    /// What it has printed, on either stream.
    pub fn printed(&self) -> String {
        format!("{}{}", self.running.stdout_so_far(), self.running.stderr_so_far())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE / 4))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let directory = self.directory.display();
        write!(
            stream,
            "{method} {path}?directory={directory} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        // It keeps the connection open whatever it is told, so its words say where the answer ends.
        let (mut answer, mut block) = (Vec::new(), [0; 16 * 1024]);
        loop {
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
                let body = &answer[end + 4..];
                let whole = || String::from_utf8_lossy(body).into_owned();
                let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
                let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
                match length.map(|length| length.trim().parse::<usize>().unwrap()) {
                    Some(length) if body.len() >= length => return Ok((status, whole())),
                    None if status == 204 => return Ok((status, String::new())),
                    None if body.ends_with(b"0\r\n\r\n") => return Ok((status, unchunked(&whole()))),
                    _ => {}
                }
            }
            match stream.read(&mut block)? {
                0 => return Ok((0, String::from_utf8_lossy(&answer).into_owned())),
                n => answer.extend_from_slice(&block[..n]),
            }
        }
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
