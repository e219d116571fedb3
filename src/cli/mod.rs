//! The only layer that prints, reads the environment, or picks an exit status. One verb, one file.

mod asker;
mod away;
mod cancel;
mod completions;
mod conclude;
mod context;
mod continue_;
mod destroy;
mod dispatches;
mod dry;
mod entry;
mod error;
mod fetch;
mod global;
mod heading;
mod host;
mod hosts;
mod init;
mod interrupt;
mod lines;
mod list;
mod logs;
mod man;
mod message;
mod output;
mod permit;
mod progress;
mod prune;
mod remote;
mod resume;
mod session;
mod start;
mod status;
mod stop;
mod trips;
mod trust;
mod undo;
mod verify;
mod wait;
mod work;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use context::Context;
use error::{CliError, Exit};
use global::Global;
use output::Ui;
use std::ffi::OsString;
use std::process::ExitCode;

/// Moves an opencode session to the host that should be doing the work, has the work done there, and brings it home.
#[derive(Parser)]
#[command(name = "kugetsu", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Remote(remote::RemoteArgs),
    Status(status::StatusArgs),
    Wait(wait::WaitArgs),
    Fetch(fetch::FetchArgs),
    Cancel(cancel::CancelArgs),
    Hosts(hosts::HostsArgs),
    Init(init::InitArgs),
    Start(start::StartArgs),
    Continue(continue_::ContinueArgs),
    Resume(resume::ResumeArgs),
    Stop(stop::StopArgs),
    List(list::ListArgs),
    Logs(logs::LogsArgs),
    Permit(permit::PermitArgs),
    Verify(verify::VerifyArgs),
    Undo(undo::UndoArgs),
    Prune(prune::PruneArgs),
    Destroy(destroy::DestroyArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    #[command(name = crate::work::GUARD, hide = true)]
    Guard(work::GuardArgs),
    #[command(name = work::DETACHED, hide = true)]
    Detached,
}

/// Runs kugetsu with this process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(exit) = completions::answer(&arguments) {
        return Ui::new(&Global::default()).finish(exit).into();
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let parsed = Cli::command().color(colour(&arguments)).try_get_matches_from(&arguments);
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && json => {
            let ui = Ui::new(&Global { json, ..Global::default() });
            return ui.fail(&CliError::from_clap(&error));
        }
        Err(error) => {
            let ui = Ui::new(&Global::default());
            // Its own printing knows about help, colours and where each belongs.
            let printed = error.print();
            if let Some(hint) = error::hash_sign_hint(&error) {
                ui.line(&format!("\n{hint}"));
            }
            if error.use_stderr() {
                return Exit::Usage.into();
            }
            printed.unwrap_or_else(output::unwritten);
            return ui.finish(Exit::Done).into();
        }
    };
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(error) => return Ui::new(&cli.global).fail(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return context.ui.fail(&CliError::failed("start", error.to_string())),
    };
    let result = runtime.block_on(async {
        match cli.verb {
            Verb::Remote(arguments) => remote::run(arguments, &context).await,
            Verb::Status(arguments) => status::run(arguments, &context).await,
            Verb::Wait(arguments) => wait::run(arguments, &context).await,
            Verb::Fetch(arguments) => fetch::run(arguments, &context).await,
            Verb::Cancel(arguments) => cancel::run(arguments, &context).await,
            Verb::Hosts(arguments) => hosts::run(&arguments, &context),
            Verb::Init(arguments) => init::run(arguments, &context).await,
            Verb::Start(arguments) => start::run(arguments, &context).await,
            Verb::Continue(arguments) => continue_::run(arguments, &context).await,
            Verb::Resume(arguments) => resume::run(arguments, &context).await,
            Verb::Stop(arguments) => stop::run(arguments, &context).await,
            Verb::List(arguments) => list::run(arguments, &context).await,
            Verb::Logs(arguments) => logs::run(arguments, &context).await,
            Verb::Permit(arguments) => permit::run(arguments, &context).await,
            Verb::Verify(arguments) => verify::run(arguments, &context).await,
            Verb::Undo(arguments) => undo::run(arguments, &context).await,
            Verb::Prune(arguments) => prune::run(arguments, &context).await,
            Verb::Destroy(arguments) => destroy::run(arguments, &context).await,
            Verb::Completions(arguments) => completions::run(arguments, &context),
            Verb::Man(arguments) => man::run(arguments, &context),
            Verb::Guard(arguments) => work::guard(arguments, &context).await,
            Verb::Detached => work::detached(&context).await,
        }
    });
    // A worker may still sit in a call on a connection that nobody waits for any more.
    runtime.shutdown_background();
    match result {
        Ok(exit) => context.ui.finish(exit).into(),
        Err(error) => context.ui.fail(&error),
    }
}

/// What colour is wanted where the arguments may not even be understood.
fn colour(arguments: &[OsString]) -> ColorChoice {
    let words = arguments.iter().map_while(|word| word.to_str().filter(|word| *word != "--"));
    let mut after = false;
    let wanted = words.filter_map(|word| {
        let value = word.strip_prefix("--color=").or(after.then_some(word));
        after = word == "--color";
        value
    });
    wanted.last().and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_wish_for_colour_is_heard_in_any_command_line() {
        let wanted = |line: &str| colour(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(wanted("kugetsu --color never bogus"), ColorChoice::Never);
        assert_eq!(wanted("kugetsu bogus --color=always"), ColorChoice::Always);
        assert_eq!(wanted("kugetsu bogus --color"), ColorChoice::Auto);
        assert_eq!(wanted("kugetsu start -- --color never"), ColorChoice::Auto);
    }
}
