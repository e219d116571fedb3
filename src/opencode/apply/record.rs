//! A session's own record: one that is made, and fields that change.

use super::super::database::unknown;
use super::super::fingerprint::Field;
use super::super::schema::Schema;
use super::super::writer::Stop;
use super::error::ApplyError;
use super::rows::{LARGEST, object, read, unsound};
use crate::session::raw::{Lossy, Object};
use crate::session::same::on_one_line;
use crate::session::{NewSession, Patch};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::Path;

/// A column of `session` and what is to stand in it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) field: Field,
    pub(super) column: &'static str,
    value: Value,
}

/// Where the session that was away is at home; what is made with it is there as well.
pub(super) struct HomeColumns {
    directory: Value,
    project: Value,
    path: Value,
}

impl HomeColumns {
    pub(super) fn of(
        connection: &Connection,
        schema: &Schema,
        session: &str,
    ) -> Result<Self, Stop<ApplyError>> {
        let path = if schema.session.has("path") { "path" } else { "NULL" };
        let query = format!("SELECT directory, project_id, {path} FROM session WHERE id = ?1");
        let home = connection
            .query_row(&query, [session], |row| {
                Ok(Self { directory: row.get(0)?, project: row.get(1)?, path: row.get(2)? })
            })
            .optional()?;
        home.ok_or_else(|| ApplyError::Gone { session: session.to_owned() }.into())
    }
}

/// What a patch sets.
pub(super) fn of_patch(patch: &Patch<'_>) -> Result<Vec<Cell>, ApplyError> {
    let fields = [
        (Field::Title, patch.title),
        (Field::Cost, patch.cost),
        (Field::Tokens, patch.tokens),
        (Field::Summary, patch.summary),
    ];
    let mut cells = Vec::new();
    for (field, raw) in fields {
        if let Some(raw) = raw {
            cells.extend(cells_of(field, raw)?);
        }
    }
    Ok(cells)
}

/// Those cells that do not stand in the database yet.
pub(super) fn missing<'a>(
    connection: &Connection,
    session: &str,
    cells: &'a [Cell],
) -> rusqlite::Result<Vec<&'a Cell>> {
    let mut missing = Vec::new();
    for cell in cells {
        if !stands(connection, session, cell.column, &cell.value)? {
            missing.push(cell);
        }
    }
    Ok(missing)
}

fn stands(connection: &Connection, session: &str, column: &str, value: &Value) -> rusqlite::Result<bool> {
    let query = format!("SELECT 1 FROM session WHERE id = ?1 AND {column} IS ?2");
    connection.prepare_cached(&query)?.exists((session, value))
}

pub(super) fn set(connection: &Connection, session: &str, cells: &[&Cell]) -> rusqlite::Result<()> {
    for cell in cells {
        let update = format!("UPDATE session SET {} = ?2 WHERE id = ?1", cell.column);
        connection.prepare_cached(&update)?.execute((session, &cell.value))?;
    }
    Ok(())
}

/// A session's columns, and the names of fields that this database has no column for.
type NewRow = (Vec<(&'static str, Value)>, Vec<&'static str>);

fn row_of(
    connection: &Connection,
    schema: &Schema,
    home: &HomeColumns,
    new: &NewSession<'_>,
) -> Result<NewRow, Stop<ApplyError>> {
    let info = object(new.info, "a session's record")?;
    let table = &schema.session;
    let mut columns: Vec<(&'static str, Value)> = vec![
        ("id", text(&new.id)),
        ("project_id", home.project.clone()),
        ("parent_id", new.parent.as_deref().map_or(Value::Null, text)),
        ("slug", lossy(&info, "slug")?.unwrap_or_else(|| text(&new.id))),
        ("directory", home.directory.clone()),
        ("version", lossy(&info, "version")?.ok_or_else(|| unsound("a session has no version"))?),
    ];
    if table.has("path") {
        columns.push(("path", home.path.clone()));
    }
    let mut lacking = Vec::new();
    let title = lossy(&info, "title")?.ok_or_else(|| unsound("a session has no title"))?;
    columns.push(("title", title));
    for field in [Field::Cost, Field::Tokens, Field::Summary] {
        let Some(raw) = info.get(field.name()) else { continue };
        for cell in cells_of(field, raw)? {
            if table.has(cell.column) {
                columns.push((cell.column, cell.value));
            } else if !lacking.contains(&field.name()) {
                lacking.push(field.name());
            }
        }
    }
    if table.has("permission") {
        columns.push(("permission", rules_of_parent(connection, new)?));
    }
    for name in ["agent", "model"] {
        let Some(raw) = info.get(name) else { continue };
        if !table.has(name) {
            lacking.push(name);
        } else if name == "agent" {
            columns.push((name, lossy(&info, name)?.unwrap_or(Value::Null)));
        } else {
            columns.push((name, json(raw)));
        }
    }
    columns.extend(times(&info)?.into_iter().filter(|(name, _)| table.has(name)));
    Ok((columns, lacking))
}

/// The permission rules of a session that is made: a sub-agent's are those that its parent has here, and another session
/// has none. No rule of a host's comes home.
fn rules_of_parent(connection: &Connection, new: &NewSession<'_>) -> rusqlite::Result<Value> {
    let Some(parent) = new.parent.as_deref() else { return Ok(Value::Null) };
    let rules = connection
        .prepare_cached("SELECT permission FROM session WHERE id = ?1")?
        .query_row([parent], |row| row.get(0))
        .optional()?;
    Ok(rules.unwrap_or(Value::Null))
}

/// Whether a session that was made is there as it was written.
pub(super) fn is_made(
    connection: &Connection,
    schema: &Schema,
    home: &HomeColumns,
    new: &NewSession<'_>,
) -> Result<bool, Stop<ApplyError>> {
    for (column, value) in row_of(connection, schema, home, new)?.0 {
        if !stands(connection, &new.id, column, &value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes a session. Returns the names of fields that this database has no column for.
pub(super) fn insert(
    connection: &Connection,
    schema: &Schema,
    home: &HomeColumns,
    new: &NewSession<'_>,
) -> Result<Vec<&'static str>, Stop<ApplyError>> {
    let (columns, lacking) = row_of(connection, schema, home, new)?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    if let Some(what) = schema.session.unknown_need(&names) {
        return Err(unknown(Path::new(connection.path().unwrap_or_default()), what).into());
    }
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT INTO session({}) VALUES ({marks})", names.join(", "));
    connection.execute(&insert, params_from_iter(columns.iter().map(|(_, value)| value)))?;
    Ok(lacking)
}

fn cells_of(field: Field, raw: &RawValue) -> Result<Vec<Cell>, ApplyError> {
    let what = format!("a session's {}", field.name());
    let values = match field {
        Field::Title => match read::<Option<Lossy>>(raw, &what)? {
            Some(title) => vec![Value::Text(title.0)],
            None => vec![],
        },
        Field::Cost => match read::<Option<f64>>(raw, &what)? {
            Some(cost) if cost.abs() > LARGEST => return Err(unsound("a session costs more than can be")),
            Some(cost) => vec![Value::Real(cost)],
            None => vec![],
        },
        Field::Tokens => {
            read::<Option<Tokens>>(raw, &what)?.map(Tokens::values).transpose()?.unwrap_or_default()
        }
        Field::Summary => read::<Option<Summary<'_>>>(raw, &what)?.unwrap_or_default().values()?,
        Field::Permission | Field::Todos => vec![],
    };
    let columns = field.columns().iter();
    Ok(columns.zip(values).map(|(column, value)| Cell { field, column, value }).collect())
}

#[derive(Deserialize)]
struct Tokens {
    input: f64,
    output: f64,
    reasoning: f64,
    cache: Cache,
}

#[derive(Deserialize)]
struct Cache {
    read: f64,
    write: f64,
}

impl Tokens {
    fn values(self) -> Result<Vec<Value>, ApplyError> {
        let Self { input, output, reasoning, cache } = self;
        [input, output, reasoning, cache.read, cache.write].into_iter().map(integer).collect()
    }
}

#[derive(Default, Deserialize)]
struct Summary<'a> {
    additions: Option<f64>,
    deletions: Option<f64>,
    files: Option<f64>,
    #[serde(default, borrow)]
    diffs: Option<&'a RawValue>,
}

impl Summary<'_> {
    fn values(self) -> Result<Vec<Value>, ApplyError> {
        let number = |number: Option<f64>| number.map_or(Ok(Value::Null), integer);
        let diffs = self.diffs.map_or(Value::Null, json);
        Ok(vec![number(self.additions)?, number(self.deletions)?, number(self.files)?, diffs])
    }
}

fn times(info: &Object<'_>) -> Result<Vec<(&'static str, Value)>, ApplyError> {
    #[derive(Deserialize)]
    struct Time {
        created: f64,
        updated: f64,
    }
    let raw = info.get("time").ok_or_else(|| unsound("a session has no time"))?;
    let time: Time = read(raw, "a session's time")?;
    Ok(vec![("time_created", integer(time.created)?), ("time_updated", integer(time.updated)?)])
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn lossy(info: &Object<'_>, key: &str) -> Result<Option<Value>, ApplyError> {
    let raw = info.get(key);
    let value = raw.map(|raw| read::<Lossy>(raw, key)).transpose()?;
    Ok(value.map(|text| Value::Text(text.0)))
}

/// JavaScript's numbers that are whole ones.
fn integer(number: f64) -> Result<Value, ApplyError> {
    if number.abs() > LARGEST {
        return Err(unsound("a number in a session's record is larger than any that opencode writes"));
    }
    Ok(Value::Integer(number as i64))
}

/// JSON that is kept as text; `null` is no text at all.
fn json(raw: &RawValue) -> Value {
    match raw.get() {
        "null" => Value::Null,
        json => Value::Text(on_one_line(json).into_owned()),
    }
}
