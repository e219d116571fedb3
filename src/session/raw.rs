//! JSON that is carried, not read.

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::fmt;

/// One JSON value as it was written, byte for byte.
///
/// Kept as text because a round trip through parsed values loses what JavaScript may write and Rust cannot
/// hold: half a surrogate pair (`"\ud83d"`, left where opencode shortened a tool's output), large numbers.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Raw {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Raw {}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl From<&RawValue> for Raw {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string in which what Unicode does not know (half a surrogate pair) is replaced by U+FFFD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lossy(pub(crate) String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Lossy;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Lossy, E> {
                Ok(Lossy(String::from_utf8_lossy(bytes).into_owned()))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Lossy, E> {
                Ok(Lossy(text.to_owned()))
            }
        }
        // Read raw first: as bytes alone, serde_json lets control characters through that JSON forbids.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        serde_json::Deserializer::from_str(raw.get()).deserialize_bytes(Bytes).map_err(de::Error::custom)
    }
}

/// A JSON object whose values stay raw: fields keep their order, and what is not set stays as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl<'a> Object<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&RawValue> {
        self.fields.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_ref())
    }

    /// Replaces a field where it stands, or adds it at the end.
    pub(crate) fn set(
        &mut self,
        key: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        let value = Cow::Owned(to_raw_value(value)?);
        match self.fields.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.fields.push((Cow::Owned(key.to_owned()), value)),
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.fields.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.fields.retain(|(k, _)| k != key);
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, Cow<'de, RawValue>)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if fields.iter().any(|(k, _)| *k == key) {
                        return Err(de::Error::custom("a field occurs twice"));
                    }
                    fields.push((Cow::Owned(key), Cow::Borrowed(value)));
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_fields_keep_their_bytes_and_order() {
        let mut object = Object::parse(r#"{"b":1e400,"a":"\ud83d","c":[ 1 ]}"#).unwrap();
        object.set("a", "x").unwrap();
        object.set("d", &true).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), r#"{"b":1e400,"a":"x","c":[ 1 ],"d":true}"#);
        object.remove("b");
        assert_eq!(object.get("c").unwrap().get(), "[ 1 ]");
        assert!(Object::parse(r#"{"a":1,"a":2}"#).is_err());
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let text: Lossy = serde_json::from_str(r#""a\ud83d""#).unwrap();
        assert!(text.0.starts_with('a') && text.0.contains('\u{fffd}'));
    }
}
