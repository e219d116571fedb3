//! Why it is not known which issue is meant.

/// What is wrong with a text that should name a session. Texts in it are fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// None of the forms.
    #[error(
        "{text:?} names no session; write '#14', user/repo#14, instance/user/repo#14, an issue's URL, or ses_…"
    )]
    NotARef {
        /// What was given.
        text: String,
    },
    /// Issue 0.
    #[error("there is no issue 0; issues are counted from 1")]
    Zero,
    /// `#014`.
    #[error("issue numbers have no leading zeros: write {number}")]
    LeadingZeros {
        /// The number without them.
        number: String,
    },
    /// More than any forge counts.
    #[error("{digits} is more than any forge counts its issues to")]
    TooLarge {
        /// What was given.
        digits: String,
    },
    /// A part of the path that cannot stand in a reference.
    #[error("{part:?} cannot be part of an issue's address ({why})")]
    Part {
        /// The part.
        part: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A host's name that is none.
    #[error("{instance:?} is not the name of a host")]
    Instance {
        /// What was given.
        instance: String,
    },
    /// Only one part, or none.
    #[error("{path:?} is not a repository; write user/repo")]
    NoRepository {
        /// What was given.
        path: String,
    },
    /// Longer than a file's name may be.
    #[error("the issue's address is longer than {limit} characters")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// A pull or merge request.
    #[error("{text} is a pull request; sessions belong to issues, so name the issue that it is about")]
    PullRequest {
        /// What was given.
        text: String,
    },
    /// A page of a GitLab group.
    #[error("{text} is a group's page and names no repository; open the issue itself and use its address")]
    OfGroup {
        /// What was given.
        text: String,
    },
    /// A URL of something else.
    #[error("{text} is not an issue's URL; that ends in /issues/14 or /-/issues/14")]
    NotAnIssueUrl {
        /// What was given.
        text: String,
    },
}

/// Why a directory does not tell which repository its issues are in.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// git does not know it.
    #[error("the directory is in no git repository, so the issue needs its whole address")]
    NotARepository,
    /// No remotes.
    #[error("the repository has no remote, so the issue needs its whole address")]
    NoRemote,
    /// Local paths and the like.
    #[error("no remote of the repository is at a forge ({names}), so the issue needs its whole address")]
    NoForge {
        /// Their names.
        names: String,
    },
    /// Several, and none that is preferred.
    #[error("the repository has several remotes ({names}), and none is called origin or upstream")]
    Ambiguous {
        /// Their names.
        names: String,
    },
    /// There is no git.
    #[error("git could not be started, so the issue needs its whole address: {source}")]
    NoGit {
        /// The system's own answer.
        source: std::io::Error,
    },
    /// git failed otherwise.
    #[error("git could not say which remotes there are: {said}")]
    Git {
        /// What it said, on one line.
        said: String,
    },
}

impl RemoteError {
    /// How to name an issue without a remote, as a thing to type.
    pub const CURE: &str =
        "write instance/user/repo#14, as github.com/shoko/kugetsu#14, or paste the issue's URL";
}

/// Either of both.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The text.
    #[error(transparent)]
    Ref(#[from] RefError),
    /// The directory.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}
