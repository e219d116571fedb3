//! `scripts/demo`: a session made by the real opencode goes to a simulated host over a real SSH
//! connection, has work done there, and comes home. All of it on this machine, in directories of its own.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a demo is there to be read")]

mod screen;
mod story;
#[path = "../mod.rs"]
mod support;
mod world;

use screen::Screen;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use world::World;

/// What a program ends with when a signal asked it to.
const INTERRUPTED: u8 = 130;
/// How long those that a Ctrl-C has reached, too, may take to say something.
const LAST_WORDS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let mut keep = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--keep" => keep = true,
            "-h" | "--help" => {
                println!("usage: scripts/demo [--keep]    --keep leaves it up, and says what to type next");
                return ExitCode::SUCCESS;
            }
            _ => {
                eprintln!("usage: scripts/demo [--keep]    (not {argument})");
                return ExitCode::from(2);
            }
        }
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(keep)),
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(keep: bool) -> ExitCode {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        eprintln!("demo: signals cannot be caught here, so nothing is started");
        return ExitCode::FAILURE;
    };
    let asked_to_stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    tokio::pin!(asked_to_stop);

    let stage = Arc::new(world::Stage::default());
    complain_briefly(Arc::clone(&stage));
    let teller = Arc::clone(&stage);
    let mut telling = tokio::task::spawn_blocking(move || tell(&teller));
    let told = tokio::select! {
        told = &mut telling => told.ok().flatten(),
        () = &mut asked_to_stop => {
            eprintln!("\ndemo: stopping what was started");
            stage.stopping.store(true, Ordering::SeqCst);
            tokio::time::sleep(LAST_WORDS).await;
            loop {
                let sweeper = Arc::clone(&stage);
                let _ = tokio::task::spawn_blocking(move || sweeper.clear()).await;
                // What it returns is dropped, and all that it started ends with it.
                if tokio::time::timeout(LAST_WORDS, &mut telling).await.is_ok() {
                    return ExitCode::from(INTERRUPTED);
                }
            }
        }
    };
    let Some((screen, world, session)) = told else { return ExitCode::FAILURE };
    if keep {
        if let Err(error) = story::what_to_type(&screen, &world, &session) {
            eprintln!("demo: {error}");
            return ExitCode::FAILURE;
        }
        asked_to_stop.await;
        println!();
    }
    drop(world);
    screen.step("everything is stopped and removed");
    ExitCode::SUCCESS
}

/// The support modules are made for tests and panic with a sentence: that alone is printed, and nothing
/// of what breaks because the demo is being stopped.
fn complain_briefly(stage: Arc<world::Stage>) {
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let sentence = payload.downcast_ref::<String>().map(String::as_str);
        let sentence = sentence.or_else(|| payload.downcast_ref::<&str>().copied());
        if !stage.stopping.load(Ordering::SeqCst) {
            eprintln!("\ndemo: {}", sentence.unwrap_or("something in it broke"));
        }
    }));
}

/// Tells the story; `None` where it came to a bad end, which has been printed.
fn tell(stage: &world::Stage) -> Option<(Screen, World, String)> {
    let screen = Screen::new();
    let mut world = None;
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        story::tell(&screen, world.insert(World::build(&screen, stage)), stage)
    }));
    let world = world?;
    match told {
        Ok(Ok(session)) => return Some((screen, world, session)),
        Ok(Err(complaint)) if !stage.stopping.load(Ordering::SeqCst) => eprintln!("\ndemo: {complaint}"),
        Ok(Err(_)) | Err(_) => {}
    }
    if !stage.stopping.load(Ordering::SeqCst) {
        match world.keep_logs() {
            Ok(place) => eprintln!("demo: the logs of kugetsu, opencode and sshd are in {}", place.display()),
            Err(error) => eprintln!("demo: the logs could not be kept: {error}"),
        }
    }
    None
}
