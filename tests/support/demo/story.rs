//! What happens in the demo, in its order.

use crate::screen::{Screen, messages};
use crate::support::process::until;
use crate::world::{Stage, World};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

const FIRST: &str = "The fan of my pi is loud. What do we have here?\n[[bash ls; cat notes.md]]\n\
                     [[say A note, and no measurements. Those must be on the pi.]]";
const SECOND: &str = "Then let us go there.";
const ON_THE_HOST: &str = "Look at the measurements.\n[[bash uname -n; pwd; ls; cat speed.log]]\n\
                           [[say It went from 900 to 4100 rpm within a minute: dust, or a broken sensor.]]";

/// Tells it; the error is a sentence.
pub(crate) fn tell(screen: &Screen, world: &mut World, stage: &Stage) -> Result<(), String> {
    let go_on = || if stage.stopping.load(Ordering::SeqCst) { Err("interrupted".to_owned()) } else { Ok(()) };
    let (home, directory) = (&world.home, world.home.project("fan"));

    go_on()?;
    screen.step("the real opencode makes a session at home");
    let session = home.new_session(&directory, FIRST);
    go_on()?;
    home.continue_session(&directory, &session, SECOND, &[]).expect_success();
    go_on()?;
    let before = home.export(&session);
    screen.step(&format!("at home: {session}, {} messages", messages(&before).len()));
    screen.say("(The model is a stand-in: it does what [[…]] tells it.)");
    screen.conversation(&before, usize::MAX);

    go_on()?;
    screen.step("it goes to the pi, works there, and comes home");
    screen.command(&format!("kugetsu remote pi {session} \"Look at…\" --round-trip"));
    println!();
    let mut command = home.command("kugetsu", &directory);
    command.stdin(Stdio::null());
    let mut remote = std::process::Command::new(&world.kugetsu);
    remote.env_clear().envs(home.environment()).current_dir(&directory).env("PWD", &directory);
    if let Some(terminal) = std::env::var_os("TERM") {
        remote.env("TERM", terminal);
    }
    remote.args(["remote", "pi", &session, ON_THE_HOST, "--round-trip"]).stdin(Stdio::null());
    let status = remote.status().map_err(|error| format!("kugetsu does not start: {error}"))?;
    println!();
    go_on()?;
    if !status.success() {
        return Err(format!("kugetsu remote failed ({status})"));
    }

    let after = home.export(&session);
    let (old, new) = (messages(&before), messages(&after));
    screen.step(&format!("home again: {} messages, + marks the new ones", new.len()));
    screen.conversation(&after, old.len());
    compare(old, new)?;
    screen.step(&format!("the first {} came home as they left; everything is stopped", old.len()));
    Ok(())
}

/// The promise, looked at: what left is there, unchanged and in order, and something new follows.
fn compare(old: &[Value], new: &[Value]) -> Result<(), String> {
    if let Some(changed) = old.iter().zip(new).find(|(old, new)| old != new) {
        return Err(format!("message {} is not what it was", changed.0["info"]["id"]));
    }
    if new.len() <= old.len() {
        return Err("nothing new came home".to_owned());
    }
    Ok(())
}
