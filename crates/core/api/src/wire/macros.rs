//! The two shapes of which this crate has hundreds: a struct with JSON names, and a closed set of names.

/// Declares a struct with its JSON names: `field: Type = "name" [always|required]`.
macro_rules! object {
    (@mode) => { $crate::wire::Mode::Optional };
    (@mode always) => { $crate::wire::Mode::Always };
    (@mode required) => { $crate::wire::Mode::Required };
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $field_doc:literal])* $field:ident: $type:ty = $wire:literal $($mode:ident)?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
            /// Fields that this version does not know; written back as they came.
            pub extra: $crate::wire::Extra,
        }

        impl $crate::wire::Wire for $name {
            // A struct without fields takes none out.
            #[allow(unused_mut)]
            fn read(value: serde_json::Value, at: &mut $crate::wire::Reader) -> Option<Self> {
                let mut fields = at.object(value)?;
                Some(Self {
                    $($field: at.field(&mut fields, $wire),)*
                    extra: at.rest(fields),
                })
            }
            fn write(&self) -> serde_json::Value {
                let mut fields = serde_json::Map::new();
                $($crate::wire::put(&mut fields, $wire, &self.$field, object!(@mode $($mode)?));)*
                $crate::wire::put_extra(&mut fields, &self.extra);
                serde_json::Value::Object(fields)
            }
            fn schema() -> serde_json::Value {
                $crate::schema::object(vec![
                    $($crate::schema::field(
                        $wire,
                        &[$($field_doc),*],
                        <$type as $crate::wire::Wire>::schema(),
                        object!(@mode $($mode)?),
                    ),)*
                ])
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::wire::serialize(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::wire::deserialize(from)
            }
        }
    )*};
}
pub(crate) use object;

/// Declares a closed set of names with their text on the wire.
macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $variant_doc:literal])* $variant:ident = $text:literal,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $variant_doc])* $variant,)*
        }

        impl $name {
            /// Every name of the set.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The text on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The name that `text` stands for, if the set has it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, name: &$name) -> bool {
                self == name.as_str()
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: serde_json::Value, at: &mut $crate::wire::Reader) -> Option<Self> {
                const EXPECTED: &str = concat!("one of", $(" ", $text),*);
                match value.as_str() {
                    // Another version's word in a status: absent, and overwritten in time.
                    Some(text) => Self::parse(text),
                    None => at.wrong(EXPECTED, &value),
                }
            }
            fn write(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
            fn schema() -> serde_json::Value {
                $crate::schema::plain("string")
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use names;
