//! Sessions that opencode makes once for all tests of a program. Each machine gets a copy: the whole database as opencode
//! left it, with paths and ids of its own.

use super::machine::Machine;
use super::model::Model;
use super::opencode::Release;
use super::times;
use rusqlite::Connection;
use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// By which opencode, in which directory below HOME, with which prompt.
type Kind = (Release, PathBuf, String);

static MADE: LazyLock<Mutex<HashMap<Kind, Arc<OnceLock<Made>>>>> = LazyLock::new(Mutex::default);

/// A session and the database that it is in.
struct Made {
    session: String,
    home: PathBuf,
    database: Vec<u8>,
}

impl Machine {
    /// As [`Machine::new_session`], on a machine on which opencode was not started yet, and some minutes old where another
    /// test needed one like it. The model of the test is not asked for it.
    ///
    /// # Panics
    /// Where opencode has a database on this machine, or cannot make such a session.
    #[track_caller]
    pub fn made_session(&self, dir: &Path, prompt: &str) -> String {
        let below = dir.strip_prefix(self.home()).unwrap().to_owned();
        let made = {
            let mut all = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry((self.release(), below.clone(), prompt.to_owned())).or_default())
        };
        times::making(|| made.get_or_init(|| Made::by_opencode(self.release(), &below, prompt)).put_on(self))
    }
}

impl Made {
    fn by_opencode(release: Release, below: &Path, prompt: &str) -> Self {
        let model = Model::start();
        let machine = Machine::start("home", release, &model);
        let directory = machine.home().join(below);
        fs::create_dir_all(&directory).unwrap();
        let session = machine.new_session(&directory, prompt);
        Self { session, home: machine.home().to_owned(), database: machine.taken_database() }
    }

    fn put_on(&self, machine: &Machine) -> String {
        machine.put_database(&self.database);
        let database = Connection::open(machine.database_path()).unwrap();
        database.pragma_update(None, "foreign_keys", false).unwrap();
        let rows = database.unchecked_transaction().unwrap();
        // One column has no slash in front.
        let path_of = |home: &Path| home.to_str().unwrap().trim_start_matches('/').to_owned();
        replace(&rows, &path_of(&self.home), &path_of(machine.home()));
        let mut session = String::new();
        for id in ids(&rows) {
            // The time stays, and with it the order.
            let own = format!("{}{:014x}", &id[..16], RandomState::new().hash_one(&id) >> 8);
            replace(&rows, &id, &own);
            if id == self.session {
                session = own;
            }
        }
        rows.commit().unwrap();
        session
    }
}

fn ids(database: &Connection) -> Vec<String> {
    let all = "SELECT id FROM session UNION SELECT id FROM message UNION SELECT id FROM part";
    let mut all = database.prepare(all).unwrap();
    all.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Replaces a text wherever it stands in a database.
fn replace(database: &Connection, old: &str, new: &str) {
    let columns = "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
        WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'";
    let mut columns = database.prepare(columns).unwrap();
    let columns = columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let columns: Vec<(String, String)> = columns.map(Result::unwrap).collect();
    for (table, column) in columns {
        let update = format!(
            "UPDATE \"{table}\" SET \"{column}\" = replace(\"{column}\", ?1, ?2)
             WHERE typeof(\"{column}\") = 'text' AND instr(\"{column}\", ?1)"
        );
        database.execute(&update, [old, new]).unwrap();
    }
}
