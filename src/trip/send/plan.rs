//! What a trip is asked to do, and what that comes to for one session and one host.

use crate::dispatch::{Mode, Plan};
use crate::hosts::HostEntry;
use crate::session::{Model, Setting, Wish};
use crate::trip::error::TripError;
use std::path::Path;
use std::time::Duration;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub id: String,
    pub host: HostEntry,
    pub session: String,
    pub issue: Option<String>,
    /// The message, byte for byte.
    pub message: Vec<u8>,
    pub mode: Mode,
    pub directory: Option<String>,
    pub agent: Option<String>,
    pub model: Option<Model>,
    pub variant: Option<String>,
    pub auto: bool,
    pub bare: bool,
    pub keep_paths: bool,
    pub force: bool,
    pub run_timeout: Option<Duration>,
    /// How long it may take until its run has begun, a host that is out of reach included; `None`: for as long as it takes.
    pub patience: Option<Duration>,
}

/// What of a session decides how it is run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Own {
    pub(crate) directory: String,
    pub(crate) setting: Setting,
}

impl Request {
    /// Refuses a message that cannot arrive as it is.
    pub(crate) fn check_message(&self) -> Result<(), TripError> {
        crate::text::wrong_with_message(&self.message).map_or(Ok(()), |wrong| Err(TripError::Message(wrong)))
    }

    /// Flag, then the host's entry, then the session's own.
    pub(crate) fn plan(&self, own: &Own, user_home: &Path) -> Result<Plan, TripError> {
        let entry_model = self.host.model.as_deref().map(str::parse::<Model>).transpose();
        let entry_model =
            entry_model.map_err(|error| TripError::Usage(format!("{}: {error}", self.host.name)))?;
        let flags =
            Wish { agent: self.agent.clone(), model: self.model.clone(), variant: self.variant.clone() };
        let (agent, variant) = (self.host.agent.clone(), self.host.variant.clone());
        let setting = own.setting.wished(&[flags, Wish { agent, model: entry_model, variant }]);
        let setting =
            setting.map_err(|error| TripError::Usage(format!("{error}: add --model PROVIDER/MODEL")))?;
        let run_timeout = self.run_timeout.or(self.host.run_timeout);
        let directory = self.directory.clone().or_else(|| self.host.directory.clone());
        Ok(Plan {
            home_directory: absolute(&own.directory),
            directory: directory.unwrap_or_else(|| there(&own.directory, user_home)),
            setting,
            auto: self.auto,
            bare: self.bare,
            keep_paths: self.keep_paths,
            forced: self.force,
            // Up to the next whole second, so that none is not taken for no limit.
            run_timeout: run_timeout.map_or(0, |limit| limit.as_secs() + u64::from(limit.subsec_nanos() > 0)),
        })
    }
}

/// The session's own directory as another host would have it: what lies below the home directory here lies
/// below the home directory there. Either may be reached by symbolic links: each is tried as it is written, and resolved.
fn there(directory: &str, user_home: &Path) -> String {
    let both = |path: &Path| [Some(path.to_owned()), std::fs::canonicalize(path).ok()].into_iter().flatten();
    for directory in both(Path::new(directory)) {
        for home in both(user_home) {
            match directory.strip_prefix(&home) {
                Ok(rest) if rest.as_os_str().is_empty() => return "~".to_owned(),
                Ok(rest) => return format!("~/{}", rest.display()),
                Err(_) => {}
            }
        }
    }
    absolute(directory)
}

/// The session's own directory, absolute where it is found. opencode keeps the one that it was started with.
fn absolute(directory: &str) -> String {
    let path = Path::new(directory);
    let found = if path.is_relative() { std::fs::canonicalize(path).ok() } else { None };
    found.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_else(|| directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let host = HostEntry { name: "pi".into(), ..HostEntry::default() };
        Request { host, session: "ses_1".into(), message: b"go on".to_vec(), ..Request::default() }
    }

    fn model(text: &str, variant: Option<&str>) -> Model {
        Model { variant: variant.map(str::to_owned), ..text.parse().unwrap() }
    }

    fn own() -> Own {
        let setting = Setting { agent: Some("build".into()), model: Some(model("p/own", Some("low"))) };
        Own { directory: "/home/me/src/app".into(), setting }
    }

    fn plan(request: &Request) -> Plan {
        request.plan(&own(), Path::new("/home/me")).unwrap()
    }

    #[test]
    fn the_sessions_own_is_the_last_resort() {
        let mine = plan(&request());
        assert_eq!(mine.setting, own().setting);
        assert_eq!(
            (mine.directory.as_str(), mine.home_directory.as_str()),
            ("~/src/app", "/home/me/src/app")
        );
    }

    #[test]
    fn a_flag_beats_the_entry_and_the_entry_beats_the_session() {
        let mut request = request();
        request.host.agent = Some("plan".into());
        request.host.model = Some("p/entry".into());
        request.host.directory = Some("/srv".into());
        let entry = plan(&request);
        assert_eq!(entry.setting.agent.as_deref(), Some("plan"));
        assert_eq!(
            entry.setting.model,
            Some(model("p/entry", None)),
            "the session's variant is not this model's"
        );
        assert_eq!(entry.directory, "/srv");
        request.host.run_timeout = Some(Duration::from_millis(1500));
        assert_eq!((entry.run_timeout, plan(&request).run_timeout), (0, 2));
        request.run_timeout = Some(Duration::from_secs(60));
        assert_eq!(plan(&request).run_timeout, 60);
        request.agent = Some("build".into());
        request.model = Some(model("p/flag", None));
        request.variant = Some("high".into());
        request.directory = Some("here".into());
        let flag = plan(&request);
        assert_eq!(flag.setting.agent.as_deref(), Some("build"));
        assert_eq!(flag.setting.model, Some(model("p/flag", Some("high"))));
        assert_eq!(flag.directory, "here");
    }

    #[test]
    fn a_variant_alone_goes_with_the_sessions_own_model() {
        let request = Request { variant: Some("high".into()), ..request() };
        assert_eq!(plan(&request).setting.model, Some(model("p/own", Some("high"))));
        let bare = Own { setting: Setting::default(), ..own() };
        assert!(matches!(request.plan(&bare, Path::new("/")), Err(TripError::Usage(_))));
    }

    #[test]
    fn a_directory_outside_of_the_home_stays_what_it_is() {
        assert_eq!(there("/srv/app", Path::new("/home/me")), "/srv/app");
        assert_eq!(there("/home/me", Path::new("/home/me")), "~");
        assert_eq!(there("/home/mean", Path::new("/home/me")), "/home/mean");
    }

    #[test]
    fn links_to_the_home_and_relative_directories_are_resolved() {
        let root = tempfile::tempdir().unwrap();
        let (var, app) = (root.path().join("var"), root.path().join("var/me/app"));
        crate::disk::private_dir(&app).unwrap();
        std::os::unix::fs::symlink(&var, root.path().join("home")).unwrap();
        let link = root.path().join("home/me");
        assert_eq!(there(app.to_str().unwrap(), &link), "~/app");
        assert_eq!(there(link.join("app").to_str().unwrap(), &var.join("me")), "~/app");
        assert_eq!(there(link.to_str().unwrap(), &var.join("me")), "~");
        // A test runs in the directory of its package.
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(there("src/trip", package), "~/src/trip");
        assert_eq!(there("src/trip", &app), package.join("src/trip").display().to_string());
        assert_eq!(there("no/such", &app), "no/such");
        let own = Own { directory: "src".into(), ..own() };
        let plan = request().plan(&own, package).unwrap();
        assert_eq!(plan.home_directory, package.join("src").display().to_string());
    }

    #[test]
    fn messages_that_cannot_arrive_are_refused() {
        for bad in [&b""[..], b" \n", b"a\0b", b"\xff"] {
            assert!(Request { message: bad.to_vec(), ..request() }.check_message().is_err(), "{bad:?}");
        }
        assert!(request().check_message().is_ok());
    }
}
