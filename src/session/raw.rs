//! JSON that is carried, not read.

use indexmap::IndexMap;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The longest text that is read rather than carried, in bytes of JSON: a title, an agent, a todo.
const LONGEST_TEXT: usize = 1 << 20;

/// The longest word: an id, a role, a kind of part.
const LONGEST_WORD: usize = 1024;

/// The most fields of one object that is looked into.
const MOST_FIELDS: usize = 200_000;

/// One JSON value as it was written, byte for byte.
///
/// Kept as text because a round trip through parsed values loses what JavaScript may write and Rust cannot
/// hold: half a surrogate pair (`"\ud83d"`, left where opencode shortened a tool's output), large numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Raw(Box<RawValue>);

impl Raw {
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

impl From<&RawValue> for Raw {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

/// A field that is there, be it with a `null`: that is not the same as none.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string in which U+FFFD stands for half a surrogate pair, which Unicode does not know. One that is longer than what is
/// shown or compared is refused: whoever wrote it must not decide how much memory it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lossy(pub(crate) String);

impl Lossy {
    /// The string in the first `most` bytes of `raw`; `None` if that is no string.
    pub(crate) fn beginning(raw: &RawValue, most: usize) -> Option<String> {
        let json = raw.get();
        if json.len() <= most {
            return lossy(json).ok();
        }
        let inside = json.strip_prefix('"')?;
        let mut end = 0;
        let bytes = inside.as_bytes();
        // Only whole characters and whole escapes; `\ud83d\ude00` is one character in two escapes.
        while let Some(byte) = bytes.get(end) {
            let step = match byte {
                b'\\' if bytes.get(end + 1) == Some(&b'u') => 6,
                b'\\' => 2,
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if end + step > most {
                break;
            }
            end += step;
        }
        lossy(&format!("\"{}\"", inside.get(..end)?)).ok()
    }
}

fn lossy(json: &str) -> Result<String, serde_json::Error> {
    let text = String::from_utf8(string_bytes(json)?);
    Ok(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// What a JSON string says, in bytes: half a surrogate pair has some, too.
pub(super) fn string_bytes(json: &str) -> Result<Vec<u8>, serde_json::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_bytes(Bytes)
}

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read raw first: as bytes alone, serde_json lets control characters through that JSON forbids.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().len() > LONGEST_TEXT {
            return Err(de::Error::custom(format_args!("a text is longer than {LONGEST_TEXT} bytes")));
        }
        lossy(raw.get()).map(Self).map_err(de::Error::custom)
    }
}

/// A word of opencode's own: an id, a role, a kind.
pub(crate) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let Key(text) = Key::deserialize(deserializer)?;
    if text.len() > LONGEST_WORD {
        return Err(de::Error::custom(format_args!("a word is longer than {LONGEST_WORD} bytes")));
    }
    Ok(text.into_owned())
}

/// A list of no more than `MOST` elements.
pub(crate) fn at_most<'de, const MOST: usize, T, C, D>(deserializer: D) -> Result<C, D::Error>
where
    T: Deserialize<'de>,
    C: Default + Extend<T>,
    D: Deserializer<'de>,
{
    struct List<const MOST: usize, T, C>(PhantomData<(T, C)>);
    impl<'de, const MOST: usize, T: Deserialize<'de>, C: Default + Extend<T>> Visitor<'de> for List<MOST, T, C> {
        type Value = C;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<C, A::Error> {
            let (mut all, mut count) = (C::default(), 0);
            while let Some(element) = list.next_element::<T>()? {
                count += 1;
                if count > MOST {
                    return Err(de::Error::custom(format_args!("a list has more than {MOST} elements")));
                }
                all.extend(std::iter::once(element));
            }
            Ok(all)
        }
    }
    deserializer.deserialize_seq(List::<MOST, T, C>(PhantomData))
}

/// A JSON object whose values stay raw: fields keep their order, and what is not set stays as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Object<'a> {
    fields: IndexMap<Cow<'a, str>, Cow<'a, RawValue>>,
}

impl<'a> Object<'a> {
    pub(crate) fn parse(json: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&RawValue> {
        self.fields.get(key).map(Cow::as_ref)
    }

    /// Replaces a field where it stands, or adds it at the end.
    pub(crate) fn set(
        &mut self,
        key: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        let value = Cow::Owned(to_raw_value(value)?);
        match self.fields.get_mut(key) {
            Some(old) => *old = value,
            None => drop(self.fields.insert(Cow::Owned(key.to_owned()), value)),
        }
        Ok(())
    }

    /// Those of these fields that it has.
    pub(crate) fn only(&self, keys: &[&'static str]) -> Object<'_> {
        let field = |key: &&'static str| Some((Cow::Borrowed(*key), Cow::Borrowed(self.get(key)?)));
        Object { fields: keys.iter().filter_map(field).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.fields.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.fields.shift_remove(key);
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = IndexMap::new();
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    if fields.len() == MOST_FIELDS {
                        let what = format_args!("an object has more than {MOST_FIELDS} fields");
                        return Err(de::Error::custom(what));
                    }
                    if fields.insert(key, Cow::Borrowed(value)).is_some() {
                        return Err(de::Error::custom("a field occurs twice"));
                    }
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// The name of a field, or a word; borrowed if it is spelled without escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

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

    /// An `info` of 150,000 fields took minutes once: each was looked for among all before it.
    #[test]
    fn an_object_of_many_fields_is_read_and_changed_in_time_that_grows_with_it() {
        let fields = |n: usize| {
            let fields: Vec<String> = (0..n).map(|n| format!("\"f{n}\":{n}")).collect();
            format!("{{{}}}", fields.join(","))
        };
        let json = fields(150_000);
        let began = std::time::Instant::now();
        let mut object = Object::parse(&json).unwrap();
        for n in 0..150_000 {
            object.set(&format!("f{n}"), &n).unwrap();
            assert!(object.get(&format!("f{n}")).is_some());
        }
        assert_eq!(serde_json::to_string(&object).unwrap(), json);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert!(Object::parse(&fields(MOST_FIELDS)).is_ok());
        let error = Object::parse(&fields(MOST_FIELDS + 1)).unwrap_err().to_string();
        assert!(error.contains("more than 200000 fields"), "{error}");
        let twice = json.replacen("\"f149999\"", "\"f0\"", 1);
        assert!(Object::parse(&twice).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn texts_and_words_that_are_read_are_bounded() {
        let long = |n: usize| format!("\"{}\"", "x".repeat(n));
        assert!(serde_json::from_str::<Lossy>(&long(LONGEST_TEXT - 2)).is_ok());
        assert!(serde_json::from_str::<Lossy>(&long(LONGEST_TEXT)).is_err());
        let read = |json: &str| word(&mut serde_json::Deserializer::from_str(json));
        assert_eq!(read(r#""a\u0062""#).unwrap(), "ab");
        assert!(read(&long(LONGEST_WORD)).is_ok() && read(&long(LONGEST_WORD + 1)).is_err());
        let list = |json: &str| at_most::<2, u8, Vec<u8>, _>(&mut serde_json::Deserializer::from_str(json));
        assert_eq!(list("[1,2]").unwrap(), [1, 2]);
        assert!(list("[1,2,3]").is_err() && list("{}").is_err());
    }

    #[test]
    fn of_a_long_text_the_beginning_is_read_in_whole_characters() {
        let raw = |json: &'static str| serde_json::from_str::<&RawValue>(json).unwrap();
        let text = raw(r#""aé\n\ud83d\ude00日""#);
        assert_eq!(Lossy::beginning(text, 100).unwrap(), "aé\n😀日");
        for most in 0..20 {
            let beginning = Lossy::beginning(text, most).unwrap();
            assert!("aé\n😀日".starts_with(beginning.trim_end_matches('\u{fffd}')), "{most} {beginning}");
        }
        assert_eq!(Lossy::beginning(raw("12345"), 2), None);
    }
}
