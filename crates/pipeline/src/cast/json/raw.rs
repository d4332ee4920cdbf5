//! Values of JSON as they stand in their text: numbers keep all of their digits, and what nobody asks for is never built.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The text of a value, without blanks around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'t>(&'t str);

impl<'t> Raw<'t> {
    /// The only value in a text; nothing where that is no JSON.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text).ok().map(Self::of)
    }

    fn of(value: &'t RawValue) -> Self {
        Self(value.get())
    }

    pub(super) fn text(self) -> &'t str {
        self.0
    }

    pub(super) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(super) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    pub(super) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The digits of a number.
    pub(super) fn digits(self) -> Option<&'t str> {
        let is_number = |first: char| first == '-' || first.is_ascii_digit();
        self.0.starts_with(is_number).then_some(self.0)
    }

    /// A number, as far as 64 bits hold it.
    pub(super) fn as_number(self) -> Option<Number> {
        serde_json::from_str(self.digits()?).ok()
    }

    /// A text without its escapes.
    pub(super) fn as_str(self) -> Option<Cow<'t, str>> {
        let content = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if content.contains('\\') {
            return serde_json::from_str(self.0).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(content))
    }

    /// The digits of a number, or a text.
    pub(super) fn as_digits_or_str(self) -> Option<Cow<'t, str>> {
        self.digits().map(Cow::Borrowed).or_else(|| self.as_str())
    }

    /// The elements of an array.
    pub(super) fn elements(self) -> Option<impl Iterator<Item = Self>> {
        if !self.is_array() {
            return None;
        }
        let elements: Vec<&RawValue> = serde_json::from_str(self.0).ok()?;
        Some(elements.into_iter().map(Self::of))
    }

    /// The members of an object in their order.
    pub(super) fn members(self) -> Option<Vec<(Self, Self)>> {
        if !self.is_object() {
            return None;
        }
        let members: Members<'t> = serde_json::from_str(self.0).ok()?;
        Some(members.0)
    }

    /// The value of the only member of an object, where it has this name.
    pub(super) fn only_member(self, name: &str) -> Option<Self> {
        match self.members()?.as_slice() {
            [(key, value)] if key.is_text(name) => Some(*value),
            _ => None,
        }
    }

    /// Whether this is a certain text.
    pub(super) fn is_text(self, text: &str) -> bool {
        self.as_str().is_some_and(|content| content == text)
    }

    /// The text `true` or `false` as a boolean; any other value as it is.
    pub(super) fn unquoted_bool(self) -> Self {
        match self.0 {
            r#""true""# => Self("true"),
            r#""false""# => Self("false"),
            _ => self,
        }
    }
}

/// The last member of a name.
pub(super) fn named<'t>(members: &[(Raw<'t>, Raw<'t>)], name: &str) -> Option<Raw<'t>> {
    let found = members.iter().rfind(|(key, _)| key.is_text(name));
    found.map(|(_, value)| *value)
}

/// The members of an object.
struct Members<'t>(Vec<(Raw<'t>, Raw<'t>)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    members.push((Raw::of(key), Raw::of(value)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw<'_> {
        Raw::parse(text).expect("JSON")
    }

    #[test]
    fn values_are_slices_of_their_text() {
        let value = raw(r#" {"a": [1.50, "x\"y"], "a\u0062": null, "c": {}} "#);
        let members = value.members().expect("an object");
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "ab", "c"].map(|name| Some(name.into())));
        let elements: Vec<_> = members[0].1.elements().expect("an array").collect();
        assert_eq!(elements[0].digits(), Some("1.50"));
        assert_eq!(elements[1].as_str().as_deref(), Some("x\"y"));
        assert!(members[1].1.is_null() && members[2].1.is_object());
        assert_eq!(raw(r#"{"@uint": 3}"#).only_member("@uint"), Some(Raw("3")));
        assert_eq!(value.only_member("a"), None);
    }

    #[test]
    fn what_is_no_json_is_nothing() {
        for text in ["", "[1,]", "{\"a\"}", "1 2", "nul", "01", "\"a", "[1"] {
            assert_eq!(Raw::parse(text), None, "{text}");
        }
        // Escapes are looked at where the text is asked for.
        assert_eq!(raw(r#""\ud800""#).as_str(), None);
        assert_eq!(raw("true").digits(), None);
        assert_eq!(raw("1").elements().map(Iterator::count), None);
    }
}
