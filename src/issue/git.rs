//! Asks git for the remotes of a directory.

use super::error::RemoteError;
use super::remote::{choose, listed};
use super::repository::Repository;
use crate::text::plain_bytes;
use std::path::Path;
use std::process::{Command, Stdio};

/// The remote whose issues are meant in `directory`.
///
/// `git remote -v` is asked and not `git config`: it tells the URLs that git really uses, after `insteadOf`
/// (`gh:user/repo` is `https://github.com/user/repo` to many), and after includes. Its format is the same in all
/// releases and is not translated.
///
/// # Errors
/// No git, no repository, and those of [`choose`].
pub(crate) fn remote_of(directory: &Path) -> Result<Repository, RemoteError> {
    ask(Command::new("git"), directory)
}

fn ask(mut git: Command, directory: &Path) -> Result<Repository, RemoteError> {
    let done = git
        .args(["--no-pager", "remote", "-v"])
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("PWD", directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| RemoteError::NoGit { source })?;
    if done.status.success() {
        return choose(&listed(&String::from_utf8_lossy(&done.stdout)));
    }
    if memchr::memmem::find(&done.stderr, b"not a git repository").is_some() {
        return Err(RemoteError::NotARepository);
    }
    Err(RemoteError::Git { said: plain_bytes(&done.stderr) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A git that knows no configuration but that of `home`.
    fn git(home: &Path) -> Command {
        let mut git = Command::new("git");
        git.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CEILING_DIRECTORIES", home);
        for name in ["XDG_CONFIG_HOME", "GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL"] {
            git.env_remove(name);
        }
        git
    }

    fn run(home: &Path, directory: &Path, args: &[&str]) {
        let status = git(home).args(args).current_dir(directory).status();
        assert!(status.expect("git is missing: apt-get install git").success(), "{args:?}");
    }

    #[test]
    fn the_url_that_git_really_uses_is_told() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let below = home.join("repo/deep");
        run(&home, &home, &["init", "-q", "repo"]);
        std::fs::create_dir(&below).unwrap();
        let ask = |directory: &Path| ask(git(&home), directory);
        assert!(matches!(ask(&below), Err(RemoteError::NoRemote)));
        run(&home, &below, &["remote", "add", "origin", "gh:shoko/kugetsu.git"]);
        assert_eq!(ask(&below).unwrap().host, "gh");
        run(&home, &home, &["config", "--global", "url.https://github.com/.insteadOf", "gh:"]);
        run(&home, &below, &["config", "remote.origin.pushurl", "git@other.org:x/y"]);
        let found = ask(&below).unwrap();
        assert_eq!((found.host.as_str(), found.path.as_str()), ("github.com", "shoko/kugetsu"));
        run(&home, &below, &["remote", "set-url", "origin", "../elsewhere"]);
        assert!(matches!(ask(&below), Err(RemoteError::NoForge { .. })));
        assert!(matches!(ask(&home), Err(RemoteError::NotARepository)));
    }

    #[test]
    fn a_git_that_fails_is_quoted() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        run(&home, &home, &["init", "-q", "repo"]);
        let mut config = std::fs::File::create(home.join("repo/.git/config")).unwrap();
        std::io::Write::write_all(&mut config, b"[oops\n").unwrap();
        let error = ask(git(&home), &home.join("repo")).unwrap_err();
        assert!(matches!(&error, RemoteError::Git { said } if said.contains("config")), "{error:?}");
        let missing = ask(Command::new("no-such-git"), &home).unwrap_err();
        assert!(matches!(missing, RemoteError::NoGit { .. }), "{missing:?}");
    }
}
