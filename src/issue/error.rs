//! Why it is not known which issue is meant.

/// What is wrong with a text that should name a session. Texts in it are fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefError {
    #[error(
        "{text:?} names no session; write '#14', user/repo#14, instance/user/repo#14, an issue's URL, or ses_…"
    )]
    NotARef { text: String },
    #[error("there is no issue 0; issues are counted from 1")]
    Zero,
    #[error("issue numbers have no leading zeros: write {number}")]
    LeadingZeros { number: String },
    #[error("{digits} is more than any forge counts its issues to")]
    TooLarge { digits: String },
    #[error("{part:?} cannot be part of an issue's address ({why})")]
    Part { part: String, why: &'static str },
    #[error("{instance:?} is not the name of a host")]
    Instance { instance: String },
    #[error("{path:?} is not a repository; write user/repo")]
    NoRepository { path: String },
    /// Longer than a file's name may be.
    #[error("the issue's address is longer than {limit} characters")]
    TooLong { limit: usize },
    #[error("{text} is a pull request; sessions belong to issues, so name the issue that it is about")]
    PullRequest { text: String },
    #[error("{text} is a group's page and names no repository; open the issue itself and use its address")]
    OfGroup { text: String },
    #[error("{text} is not an issue's URL; that ends in /issues/14 or /-/issues/14")]
    NotAnIssueUrl { text: String },
}

/// Why a directory does not tell which repository its issues are in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("the directory is in no git repository, so the issue needs its whole address")]
    NotARepository,
    #[error("the repository has no remote, so the issue needs its whole address")]
    NoRemote,
    #[error("no remote of the repository is at a forge ({names}), so the issue needs its whole address")]
    NoForge { names: String },
    #[error("the repository has several remotes ({names}), and none is called origin or upstream")]
    Ambiguous { names: String },
    #[error("git could not be started, so the issue needs its whole address: {source}")]
    NoGit { source: std::io::Error },
    #[error("git could not say which remotes there are: {said}")]
    Git { said: String },
}

impl RemoteError {
    /// How to name an issue without a remote, as a thing to type.
    pub(crate) const CURE: &str =
        "write instance/user/repo#14, as github.com/shoko/kugetsu#14, or paste the issue's URL";
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(transparent)]
    Ref(#[from] RefError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
}
