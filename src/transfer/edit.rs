//! A message that is edited. Its parts and fields stay raw, in the reader's buffer, until they are set.

use crate::session::ExportError;
use crate::session::message::Message;
pub(crate) use crate::session::message::Pieces;
use crate::session::raw::Object;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The ids of a message's parts.
pub(crate) fn part_ids(message: &str) -> Result<Vec<String>, ExportError> {
    let message: Message<'_> = serde_json::from_str(message)?;
    Ok(message.parts.into_iter().map(|part| part.id).collect())
}

pub(crate) struct Edit<'a> {
    message: Object<'a>,
    pub(crate) info: Object<'a>,
    pub(crate) parts: Vec<Cow<'a, RawValue>>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(text: &'a str) -> Result<Self, ExportError> {
        let pieces = Pieces::of(text)?;
        Ok(Self {
            message: Object::parse(text)?,
            info: Object::parse(pieces.info.get())?,
            parts: pieces.parts.into_iter().map(Cow::Borrowed).collect(),
        })
    }

    pub(crate) fn json(&self) -> Result<String, ExportError> {
        serde_json::to_string(self).map_err(ExportError::from)
    }
}

impl Serialize for Edit<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.message.iter() {
            match key {
                "info" => map.serialize_entry(key, &self.info)?,
                "parts" => map.serialize_entry(key, &self.parts)?,
                _ => map.serialize_entry(key, value)?,
            }
        }
        map.end()
    }
}
