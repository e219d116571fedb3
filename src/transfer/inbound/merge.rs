//! The three-way merge of a message that left: what the host may change in it is taken over, all else stays as it is at
//! home, and what the host changed beyond its right is named.

use crate::session::ExportError;
use crate::session::message::Message;
use crate::session::raw::Object;
use crate::session::same::same;
use crate::session::walk::unescaped;
use crate::transfer::edit::{Pieces, part_ids};
use crate::transfer::inbound::limits::shown;
use crate::transfer::inbound::rights::{Breach, OpenRows, Right, RowKind, find};
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// One message, in the terms of home: `base`, as it was sent; `ours`, as it stands at home; `theirs`, as it came back.
pub(crate) struct Versions<'t> {
    pub(crate) base: &'t str,
    pub(crate) ours: &'t str,
    pub(crate) theirs: &'t str,
}

/// What the merge does with a change that the host may not make. It is named in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnBreach {
    /// The change is in the result, which is not for the session itself.
    Take,
    /// What stands at home is in the result.
    Keep,
}

/// The message as it is to be. Parts that only `theirs` has stand behind the others; a part that it lacks is unchanged.
/// `open` says which rows had not come to their end when they left.
pub(crate) fn merge_message(
    versions: &Versions<'_>,
    open: &OpenRows,
    on_breach: OnBreach,
    breaches: &mut Vec<Breach>,
) -> Result<String, ExportError> {
    #[derive(Serialize)]
    struct Merged<'a> {
        info: Cow<'a, RawValue>,
        parts: Vec<Cow<'a, RawValue>>,
    }
    let message: Message<'_> = serde_json::from_str(versions.ours)?;
    let (base_ids, theirs_ids) = (part_ids(versions.base)?, part_ids(versions.theirs)?);
    let (base_at, theirs_at) = (places(&base_ids), places(&theirs_ids));
    let (ours, base) = (Pieces::of(versions.ours)?, Pieces::of(versions.base)?);
    let theirs = Pieces::of(versions.theirs)?;
    let mut parts = Vec::with_capacity(ours.parts.len());
    for (raw, own) in ours.parts.iter().zip(&message.parts) {
        let (row, is_open) = (RowKind::of_part(own), open.has(&own.id));
        let mut fields = RowMerge { row, id: &own.id, is_open, on_breach, at: Vec::new(), breaches };
        parts.push(match (part(&base, &base_at, &own.id), part(&theirs, &theirs_at, &own.id)) {
            (Some(base), Some(theirs)) => {
                Cow::Owned(to_owned(&fields.merge(raw.get(), base, theirs, false)?)?)
            }
            _ => Cow::Borrowed(*raw),
        });
    }
    let own: HashSet<&str> = message.parts.iter().map(|part| part.id.as_str()).collect();
    for (raw, id) in theirs.parts.iter().zip(&theirs_ids) {
        if !own.contains(id.as_str()) {
            parts.push(Cow::Borrowed(*raw));
        }
    }
    let (row, id, is_open) = (RowKind::of_message(&message), message.info.id.as_str(), open.message);
    let mut fields = RowMerge { row, id, is_open, on_breach, at: Vec::new(), breaches };
    let info = fields.merge(ours.info.get(), base.info.get(), theirs.info.get(), false)?;
    let merged = Merged { info: Cow::Owned(to_owned(&info)?), parts };
    serde_json::to_string(&merged).map_err(ExportError::from)
}

/// Where each part stands in its message: there may be as many as a host likes.
fn places(ids: &[String]) -> HashMap<&str, usize> {
    ids.iter().map(String::as_str).zip(0..).collect()
}

fn part<'a>(message: &Pieces<'a>, places: &HashMap<&str, usize>, id: &str) -> Option<&'a str> {
    message.parts.get(*places.get(id)?).map(|raw| raw.get())
}

fn to_owned(json: &str) -> Result<Box<RawValue>, ExportError> {
    RawValue::from_string(json.to_owned()).map_err(ExportError::from)
}

/// The most breaches that are named: a host can make any number of them.
const MOST_NAMED: usize = 50;

/// The fields of one row.
struct RowMerge<'b> {
    row: RowKind,
    id: &'b str,
    is_open: bool,
    on_breach: OnBreach,
    at: Vec<String>,
    breaches: &'b mut Vec<Breach>,
}

impl RowMerge<'_> {
    /// Field by field. A field that did not come back stays: a host of another release drops, at import, what it does not
    /// know. `is_free`: the host may change all of this value.
    fn merge<'a>(
        &mut self,
        ours: &'a str,
        base: &str,
        theirs: &'a str,
        mut is_free: bool,
    ) -> Result<Cow<'a, str>, ExportError> {
        if same(base, theirs) || same(ours, theirs) {
            return Ok(Cow::Borrowed(ours));
        }
        match self.right(theirs) {
            Some(Right::Home) if !is_free => return Ok(Cow::Borrowed(ours)),
            Some(_) => is_free = true,
            None => {}
        }
        let is_object = |json: &str| json.starts_with('{');
        if !is_object(ours) || !is_object(base) || !is_object(theirs) {
            let is_kept = !is_free && self.breach() == OnBreach::Keep;
            return Ok(Cow::Borrowed(if is_kept { ours } else { theirs }));
        }
        let (own, base) = (Object::parse(ours)?, Object::parse(base)?);
        let returned = Object::parse(theirs)?;
        let status = |object: &Object<'_>| object.get("status").map(|raw| unescaped(raw.get()).into_owned());
        // The fields of a call that has come further belong together.
        if is_free && status(&base) != status(&returned) {
            return Ok(Cow::Borrowed(theirs));
        }
        let mut merged = Object::parse(ours)?;
        for (key, value) in returned.iter() {
            self.at.push(key.to_owned());
            match (own.get(key), base.get(key)) {
                (Some(own), Some(base)) => {
                    let field = to_owned(&self.merge(own.get(), base.get(), value.get(), is_free)?)?;
                    merged.set(key, &field)?;
                }
                // What preparing added is not home's.
                (None, Some(base)) if same(base.get(), value.get()) => {}
                (Some(own), None) if same(own.get(), value.get()) => {}
                _ => {
                    let is_kept = match self.right(value.get()) {
                        _ if is_free => false,
                        Some(right) => right == Right::Home,
                        None => self.breach() == OnBreach::Keep,
                    };
                    if !is_kept {
                        merged.set(key, value)?;
                    }
                }
            }
            self.at.pop();
        }
        Ok(Cow::Owned(serde_json::to_string(&merged)?))
    }

    /// What becomes of the value here, of which the host made `other`; `None` where it may not.
    fn right(&self, other: &str) -> Option<Right> {
        let entry = find(self.row, &self.at)?;
        match entry.right {
            Right::WhileOpen if !self.is_open => None,
            Right::Home => Some(Right::Home),
            right => entry.shape.fits(other).then_some(right),
        }
    }

    fn breach(&mut self) -> OnBreach {
        if self.breaches.len() < MOST_NAMED {
            let field = self.at.iter().map(|step| shown(step)).collect::<Vec<_>>().join(".");
            self.breaches.push(Breach { row: self.id.to_owned(), field });
        }
        self.on_breach
    }
}
