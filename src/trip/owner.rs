//! Whose trips a host's dispatches are.

use crate::disk::{self, DiskError};
use crate::trip::error::TripError;
use crate::trip::tools::Tools;
use std::hash::{BuildHasher, RandomState};

impl Tools {
    /// The id of this kugetsu home, made once: by it a host's dispatches are told from those of others.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(crate) fn owner(&self) -> Result<String, TripError> {
        if let Some(id) = self.known_owner()? {
            return Ok(id);
        }
        let path = self.kugetsu_home.join("id");
        // Keyed by the operating system's randomness, afresh for each value.
        let random = || RandomState::new().hash_one(0);
        let id = format!("{:016x}{:016x}", random(), random());
        // Of two that make it at once, both go by what is there afterwards.
        disk::write_atomic(&path, format!("{id}\n").as_bytes())?;
        Ok(self.known_owner()?.unwrap_or(id))
    }

    /// As [`Tools::owner`], where it was made already.
    pub(crate) fn known_owner(&self) -> Result<Option<String>, TripError> {
        let path = self.kugetsu_home.join("id");
        let is_id = |text: &str| {
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end().to_owned()).filter(|id| is_id(id))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DiskError::at(&path, error).into()),
        }
    }
}
