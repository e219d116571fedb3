//! What came back: checked, merged with the session at home, and written down as a change set.

pub(crate) mod change_reader;
pub(crate) mod change_writer;
pub(crate) mod confine;
pub(crate) mod fork;
pub(crate) mod import_file;
pub(crate) mod limits;
pub(crate) mod merge;
pub(crate) mod new_ids;
pub(crate) mod reconcile;
pub(crate) mod result;
pub(crate) mod returned;
pub(crate) mod rights;
pub(crate) mod sent_export;
pub(crate) mod sent_rows;
pub(crate) mod session_record;
pub(crate) mod sub_agents;
pub(crate) mod to_home;
pub(crate) mod usage;
