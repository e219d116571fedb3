//! Whether a host can do what is planned: the facts against the needs, before anything is written there.

use crate::host::{Checked, Facts};
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
    if ["MINGW", "MSYS", "CYGWIN", "Windows"].iter().any(|name| system.starts_with(name)) {
        return Err(unfit(
            host,
            format!("it runs {system}, which kugetsu cannot work on"),
            "use the sshd of a WSL system there",
        ));
    }
    let Some(opencode) = &facts.opencode else {
        return Err(unfit(
            host,
            "no opencode was found there",
            format!(
                "install it there (npm install -g opencode-ai), or name its path as \"opencode\" in {host}'s entry of hosts.json"
            ),
        ));
    };
    if !facts.writable {
        return Err(unfit(
            host,
            "~/.kugetsu there cannot be written",
            "see to the permissions of the home directory there",
        ));
    }
    if !facts.scp {
        return Err(unfit(
            host,
            "it has no scp, by which files are sent",
            "install OpenSSH's client programs there",
        ));
    }
    if let Some(blocked) = &facts.blocked {
        let what = format!(
            "the directory {} cannot be made: {} is not a directory",
            plain(&facts.directory),
            plain(blocked)
        );
        return Err(unfit(host, what, "name another directory: --dir DIR"));
    }
    if let Some(readonly) = &facts.readonly {
        let what = format!(
            "the directory {} cannot be used: no permission in {}",
            plain(&facts.directory),
            plain(readonly)
        );
        return Err(unfit(host, what, "name another directory: --dir DIR"));
    }
    check_clock(host, facts, now_ms)?;
    Ok(opencode.clone())
}

/// How far the host's clock is ahead of ours, in milliseconds; negative: behind.
pub(crate) fn clock_ahead(facts: &Facts, now_ms: i64) -> Option<i64> {
    // Without parts of a second, half a one is as good a guess as any.
    let there = facts.clock_ms?.saturating_add(if facts.clock_exact { 0 } else { 500 });
    Some(there.saturating_sub(now_ms))
}

fn check_clock(host: &str, facts: &Facts, now_ms: i64) -> Result<(), TripError> {
    match clock_ahead(facts, now_ms) {
        Some(_) => Ok(()),
        None => Err(unfit(host, "it does not tell the time", "see that `date +%s` works there")),
    }
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
    checked: &Checked,
    setting: &Setting,
) -> Result<(), TripError> {
    let Some(version) = Version::parse(&checked.version) else {
        let what = format!("opencode there does not tell its version: {:?}", checked.version);
        return Err(unfit(&host.name, what, format!("see what it says: {} opencode --version", host.ssh())));
    };
    if !version.is_supported() {
        let what = format!("opencode there is {}; kugetsu works with 1.x", checked.version);
        return Err(unfit(
            &host.name,
            what,
            "name the path of a 1.x as \"opencode\" in the host's entry of hosts.json",
        ));
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
        let cure = format!("see what it says: {} opencode {command}", host.ssh());
        return Err(unfit(
            &host.name,
            format!("opencode there could not say which {what}s it has{words}"),
            cure,
        ));
    }
    Err(unfit(
        &host.name,
        format!("opencode there has no {what} {name}{meant}"),
        format!("see what it has: {} opencode {command}; choose one: --{what} NAME", host.ssh()),
    ))
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
        let checked = Checked {
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
        let error = check_opencode(&pi(), &checked, &setting("pln", "p/m1")).unwrap_err().to_string();
        assert!(error.contains("no agent pln") && error.contains("plan?"), "{error}");
        assert!(
            check_opencode(&pi(), &checked, &setting("plan", "p/m9"))
                .unwrap_err()
                .to_string()
                .contains("p/m9")
        );
        let newer = Checked { version: "2.0.1".into(), ..checked.clone() };
        assert!(
            check_opencode(&pi(), &newer, &Setting::default()).unwrap_err().to_string().contains("2.0.1")
        );
        let odd = Checked { version: "command not found".into(), ..checked };
        assert!(check_opencode(&pi(), &odd, &Setting::default()).is_err());
    }
}
