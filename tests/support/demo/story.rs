//! What happens in the demo, in its order.

use crate::screen::{Screen, messages};
use crate::world::{self, Stage, World};
use serde_json::Value;
use std::process::Stdio;
use std::sync::atomic::Ordering;

const FIRST: &str = "The fan of my pi is loud. What do we have here?\n[[bash ls; cat notes.md]]\n\
                     [[say A note, and no measurements. Those must be on the pi.]]";
const SECOND: &str = "Then let us go there.";
const ON_THE_HOST: &str = "Look at the measurements.\n[[bash uname -n; pwd; ls; cat speed.log]]\n\
                           [[say It went from 900 to 4100 rpm within a minute: dust, or a broken sensor.]]";

/// Tells it; the error is a sentence.
pub(crate) fn tell(screen: &Screen, world: &World, stage: &Stage) -> Result<String, String> {
    let go_on = || if stage.stopping.load(Ordering::SeqCst) { Err("interrupted".to_owned()) } else { Ok(()) };
    let (home, directory) = (&world.home.machine, world.home.machine.project("fan"));

    go_on()?;
    screen.step("the real opencode makes a session at home");
    let session = home.new_session(&directory, FIRST);
    go_on()?;
    screen.step("… and goes on with it");
    home.continue_session(&directory, &session, SECOND, &[]).expect_success();
    go_on()?;
    screen.step("… and exports it, for us to see");
    let before = home.export(&session);
    screen.step(&format!("at home: {session}, {} messages", messages(&before).len()));
    screen.say("(The model is a stand-in: it does what [[…]] tells it.)");
    screen.conversation(&before, usize::MAX);

    go_on()?;
    screen.step("it goes to the pi, works there, and comes home");
    screen.command(&format!("kugetsu remote pi {session} \"Look at the …\" --round-trip"));
    println!();
    let kugetsu = world::kugetsu();
    let mut remote = home.command(kugetsu.to_str().ok_or("the path of kugetsu is not UTF-8")?, &directory);
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
    screen.step(&format!("the first {} came home as they left", old.len()));
    Ok(session)
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

/// What somebody may do now who wants to play.
pub(crate) fn what_to_type(screen: &Screen, world: &World, session: &str) -> std::io::Result<()> {
    let environment = world.write_environment()?;
    println!();
    screen.step("all of it stays up until Ctrl-C; in another terminal, type:");
    println!();
    screen.command(&format!(". {}", environment.display()));
    screen.command(&format!("kugetsu remote pi {session} '[[bash date; ls]]' --round-trip"));
    println!();
    screen.say("That file sets HOME, PATH, KUGETSU_HOME, KUGETSU_HOSTS and KUGETSU_OPENCODE for this shell. Then, too:");
    println!();
    screen.command("kugetsu hosts");
    screen.command(&format!("kugetsu remote pi {session} '[[wait 20]]' --round-trip --detach"));
    screen.command(&format!("kugetsu wait {session}"));
    screen.command(&format!("opencode -s {session}"));
    screen.command("opencode db 'SELECT id, title FROM session'");
    screen.command("ssh -F ~/.ssh/config pi ls -R .kugetsu");
    println!();
    Ok(())
}
