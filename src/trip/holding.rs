//! Whether home holds what it once got from a host: in opencode's database, or in a file that took up what left it.

use super::memory::{self, Memory, TakenBack};
use crate::opencode::{Database, DatabaseError};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

impl Memory {
    /// Whether home still holds all the rows that it got with this: they stand here as they did then, and what a command took
    /// out of them is in the files that it left.
    pub(super) fn is_current(&self, database: &Database, session: &str) -> Result<bool, DatabaseError> {
        let session = self.beside.as_deref().unwrap_or(session);
        let stamp = database.stamp(session, self.messages)?;
        Ok(self.holds(stamp.as_deref()) && self.are_files_there())
    }

    /// Whether the files that hold what was taken back are there, and as they were written.
    pub(super) fn are_files_there(&self) -> bool {
        self.taken.iter().all(|taken| sum(&taken.file).as_deref() == Some(&taken.sum))
    }
}

/// The SHA-256 of a regular file, in hexadecimal; `None` where it cannot be read.
fn sum(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut hash = Sha256::new();
    std::io::copy(&mut file, &mut hash).ok()?;
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What home holds of a session in the moment before a command takes rows of it out of opencode's database.
///
/// A host may remove only what home holds. What `kugetsu undo` and `kugetsu verify --repair` take out is in the file that they
/// leave, so home holds it as long as that file is there. (What opencode itself deletes, as behind its `/undo`, is nowhere.)
pub struct Holding {
    kugetsu_home: PathBuf,
    database: PathBuf,
    session: String,
    /// By their hosts, what is remembered and still holds.
    memories: Vec<(String, Memory)>,
}

impl Holding {
    /// Looks, before the rows go. Hold the session's lock until [`Holding::taken_out`].
    ///
    /// # Errors
    /// opencode's database cannot be read.
    pub fn look(kugetsu_home: &Path, database: &Path, session: &str) -> Result<Self, DatabaseError> {
        let opened = Database::open(database)?;
        let mut memories = Vec::new();
        for host in memory::hosts(kugetsu_home) {
            let Some(memory) = memory::recall(kugetsu_home, &host, session) else { continue };
            if memory.beside.is_none() && memory.is_current(&opened, session)? {
                memories.push((host, memory));
            }
        }
        let (kugetsu_home, database) = (kugetsu_home.to_owned(), database.to_owned());
        Ok(Self { kugetsu_home, database, session: session.to_owned(), memories })
    }

    /// Remembers that the rows that went are in `file`. Where that cannot be, hosts keep theirs.
    ///
    /// # Errors
    /// opencode's database cannot be read.
    pub fn taken_out(self, file: &Path) -> Result<(), DatabaseError> {
        if self.memories.is_empty() {
            return Ok(());
        }
        let (Ok(file), Some(sum)) = (std::path::absolute(file), sum(file)) else { return Ok(()) };
        let database = Database::open(&self.database)?;
        let Some(row) = database.session(&self.session)? else { return Ok(()) };
        let messages = usize::try_from(row.messages).unwrap_or(usize::MAX);
        let Some(stamp) = database.stamp(&self.session, messages)? else { return Ok(()) };
        for (host, mut memory) in self.memories {
            // An earlier one of that name is no more: all that was in it had been put back before this one was written.
            memory.taken.retain(|taken| taken.file != file);
            memory.taken.push(TakenBack { file: file.clone(), sum: sum.clone() });
            let memory = Memory { messages, stamp: stamp.clone(), ..memory };
            memory::remember(&self.kugetsu_home, &host, &self.session, memory);
        }
        Ok(())
    }
}
