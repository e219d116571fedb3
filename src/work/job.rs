//! What a run is to do.

use crate::session::Setting;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) session: String,
    /// Its file in the index, if it is an issue's.
    pub(crate) file: Option<String>,
    pub(crate) directory: PathBuf,
    /// Agent and model; what is `None` is left to opencode.
    pub(crate) setting: Setting,
    pub(crate) message: String,
    pub(crate) debug: bool,
}
