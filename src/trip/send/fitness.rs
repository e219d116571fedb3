//! Whether a host can do what is planned: the facts against the needs, before anything is written there.

use crate::host::{Facts, HostOpencode};
use crate::hosts::{HostEntry, nearest};
use crate::opencode::Version;
use crate::session::Setting;
use crate::text::plain;
use crate::trip::error::TripError;

/// Room for opencode's own database work beside the session, in bytes.
const SPARE: u64 = 32 << 20;
/// Room for a run's events, log and results, in bytes.
const RECORDS: u64 = 1 << 20;

fn unfit(host: &str, what: impl Into<String>, cure: impl Into<String>) -> TripError {
    TripError::Unfit { host: host.to_owned(), what: what.into(), cure: cure.into() }
}

/// Checks what the probe found, and gives the path of opencode there. `now_ms` is our clock when the answer came.
pub(crate) fn check_facts(host: &str, facts: &Facts, now_ms: i64) -> Result<String, TripError> {
    let system = facts.system.as_str();
    let refuse = |what: String, cure: &str| Err(unfit(host, what, cure));
    if ["MINGW", "MSYS", "CYGWIN", "Windows"].iter().any(|name| system.starts_with(name)) {
        let what = format!("it runs {system}, which kugetsu cannot work on");
        return refuse(what, "use the sshd of a WSL system there");
    }
    let Some(opencode) = &facts.opencode else {
        let cure = format!(
            "install it there (npm install -g opencode-ai), or name its path as \"opencode\" in {host}'s entry of hosts.json"
        );
        return refuse("no opencode was found there".to_owned(), &cure);
    };
    if !facts.writable {
        let cure = "see to the permissions of the home directory there";
        return refuse("~/.kugetsu there cannot be written".to_owned(), cure);
    }
    if !facts.scp {
        let what = "it has no scp, by which files are sent".to_owned();
        return refuse(what, "install OpenSSH's client programs there");
    }
    let blocked =
        facts.blocked.as_deref().map(|blocked| format!("made: {} is not a directory", plain(blocked)));
    let readonly =
        facts.readonly.as_deref().map(|readonly| format!("used: no permission in {}", plain(readonly)));
    if let Some(why) = blocked.or(readonly) {
        let what = format!("the directory {} cannot be {why}", plain(&facts.directory));
        return refuse(what, "name another directory: --dir DIR");
    }
    if clock_ahead(facts, now_ms).is_none() {
        return refuse("it does not tell the time".to_owned(), "see that `date +%s` works there");
    }
    Ok(opencode.clone())
}

/// How far the host's clock is ahead of ours, in milliseconds; negative: behind.
pub(crate) fn clock_ahead(facts: &Facts, now_ms: i64) -> Option<i64> {
    // Without parts of a second, half a one is as good a guess as any.
    let there = facts.clock_ms?.saturating_add(if facts.clock_exact { 0 } else { 500 });
    Some(there.saturating_sub(now_ms))
}

/// Checks that a session of `bytes` has room there: the parcel and the file unpacked from it, or the back-file; and the
/// rows, twice until the database has taken them over from its journal.
pub(crate) fn check_room(host: &HostEntry, facts: &Facts, bytes: u64) -> Result<(), TripError> {
    let free = facts.free;
    let ours = bytes.saturating_mul(2).saturating_add(RECORDS);
    let rows = bytes.saturating_mul(2).saturating_add(SPARE);
    let needs: &[_] = if free.one_disk {
        &[(free.kugetsu, ours.saturating_add(rows), "~/.kugetsu and opencode's database")]
    } else {
        &[(free.kugetsu, ours, "~/.kugetsu"), (free.database, rows, "opencode's database")]
    };
    for (free, need, what) in needs {
        if let Some(free) = free.filter(|free| free < need) {
            return Err(unfit(
                &host.name,
                format!("no room: {} are free for {what} there, and {} are needed", mib(free), mib(*need)),
                format!("make room there; see where it went: {} df -h", host.ssh()),
            ));
        }
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Checks the version, and that agent and model exist: opencode takes another silently where they do not.
pub(crate) fn check_opencode(
    host: &HostEntry,
    checked: &HostOpencode,
    setting: &Setting,
) -> Result<(), TripError> {
    let Some(version) = Version::parse(&checked.version) else {
        let what = format!("opencode there does not tell its version: {:?}", checked.version);
        return Err(unfit(&host.name, what, format!("see what it says: {} opencode --version", host.ssh())));
    };
    if !version.is_supported() {
        let what = format!("opencode there is {}; kugetsu works with 1.x", checked.version);
        let cure = "name the path of a 1.x as \"opencode\" in the host's entry of hosts.json";
        return Err(unfit(&host.name, what, cure));
    }
    if let Some(agent) = &setting.agent {
        known(host, "agent", agent, &checked.agents, &checked.trouble)?;
    }
    if let Some(model) = &setting.model {
        known(host, "model", &model.to_string(), &checked.models, &checked.trouble)?;
    }
    Ok(())
}

fn known(host: &HostEntry, what: &str, name: &str, names: &[String], trouble: &str) -> Result<(), TripError> {
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let nearest = nearest(name, names.iter().map(String::as_str));
    let meant = nearest.map(|near| format!("; did you mean {}?", plain(near))).unwrap_or_default();
    let command = if what == "agent" { "agent list" } else { "models" };
    if names.is_empty() {
        let words = if trouble.is_empty() { String::new() } else { format!(": {trouble}") };
        let said = format!("opencode there could not say which {what}s it has{words}");
        return Err(unfit(&host.name, said, format!("see what it says: {} opencode {command}", host.ssh())));
    }
    let cure = format!("see what it has: {} opencode {command}; choose one: --{what} NAME", host.ssh());
    Err(unfit(&host.name, format!("opencode there has no {what} {name}{meant}"), cure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Free;

    fn pi() -> HostEntry {
        HostEntry { name: "pi".into(), host: "pi".into(), ..HostEntry::default() }
    }

    const NOW: i64 = 1_795_170_275_000;

    fn facts() -> Facts {
        Facts {
            system: "Linux".into(),
            home: "/home/pi".into(),
            path: "/bin".into(),
            opencode: Some("/bin/opencode".into()),
            directory: "/home/pi/app".into(),
            blocked: None,
            readonly: None,
            free: Free { kugetsu: Some(1 << 30), database: Some(1 << 30), one_disk: true },
            writable: true,
            gzip: true,
            scp: true,
            fingerprint: "1 2".into(),
            clock_ms: Some(NOW),
            clock_exact: true,
        }
    }

    fn refused(facts: &Facts) -> String {
        check_facts("pi", facts, NOW).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_host_is_fit() {
        assert_eq!(check_facts("pi", &facts(), NOW + 1500).unwrap(), "/bin/opencode");
    }

    #[test]
    fn what_a_host_lacks_is_named() {
        assert!(refused(&Facts { opencode: None, ..facts() }).contains("no opencode"));
        assert!(refused(&Facts { system: "MINGW64_NT-10.0".into(), ..facts() }).contains("MINGW64"));
        assert!(refused(&Facts { writable: false, ..facts() }).contains(".kugetsu"));
        assert!(refused(&Facts { scp: false, ..facts() }).contains("scp"));
        assert!(refused(&Facts { blocked: Some("/home/pi/f".into()), ..facts() }).contains("/home/pi/f"));
        assert!(refused(&Facts { readonly: Some("/srv".into()), ..facts() }).contains("/srv"));
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_its_side() {
        assert!(refused(&Facts { clock_ms: None, ..facts() }).contains("time"));
        for off in [-1000, 600_000, -NOW] {
            assert!(check_facts("pi", &Facts { clock_ms: Some(NOW + off), ..facts() }, NOW).is_ok());
        }
    }

    #[test]
    fn room_is_reckoned_with_all_that_will_be_written() {
        let with =
            |kugetsu, database, one_disk| Facts { free: Free { kugetsu, database, one_disk }, ..facts() };
        let (small, large) = (Some(40 << 20), Some(100 << 20));
        let refused = |facts: &Facts, bytes| check_room(&pi(), facts, bytes).unwrap_err().to_string();
        assert!(check_room(&pi(), &with(large, large, true), 16 << 20).is_ok());
        assert!(refused(&with(large, large, true), 20 << 20).contains("no room"));
        assert!(check_room(&pi(), &with(large, large, false), 20 << 20).is_ok());
        assert!(refused(&with(small, large, false), 20 << 20).contains("for ~/.kugetsu there"));
        assert!(refused(&with(large, small, false), 10 << 20).contains("for opencode's database there"));
        assert!(check_room(&pi(), &with(Some(5 << 20), large, false), 60 << 10).is_ok());
        assert!(check_room(&pi(), &with(None, None, false), u64::MAX).is_ok());
    }

    #[test]
    fn agents_and_models_must_exist_there() {
        let checked = HostOpencode {
            version: "1.18.33".into(),
            agents: vec!["build".into(), "plan".into()],
            models: vec!["p/m1".into()],
            trouble: String::new(),
        };
        let setting = |agent: &str, model: &str| Setting {
            agent: Some(agent.into()),
            model: Some(model.parse().unwrap()),
        };
        assert!(check_opencode(&pi(), &checked, &setting("plan", "p/m1")).is_ok());
        let of_version = |version: &str| HostOpencode { version: version.into(), ..checked.clone() };
        for (checked, setting, words) in [
            (checked.clone(), setting("pln", "p/m1"), ["no agent pln", "plan?"]),
            (checked.clone(), setting("plan", "p/m9"), ["no model", "p/m9"]),
            (of_version("2.0.1"), Setting::default(), ["2.0.1", "1.x"]),
            (of_version("command not found"), Setting::default(), ["version", "command not found"]),
        ] {
            let error = check_opencode(&pi(), &checked, &setting).unwrap_err().to_string();
            assert!(words.iter().all(|words| error.contains(words)), "{error}");
        }
    }
}
