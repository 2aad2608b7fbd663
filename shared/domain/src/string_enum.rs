//! A macro for enums whose variants have names in the database and in JSON.

use thiserror::Error;

/// A stored name that this version of the code does not know.
#[derive(Debug, Error)]
#[error("unknown name: {0:?}")]
pub struct UnknownName(pub(crate) String);

macro_rules! string_enum {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema,
        )]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $name)] $variant),+ }

        impl $type {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the database and in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        // Accepts only a string. The deserializer that serde derives also accepts `{"name": null}`.
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                let unknown = |_| serde::de::Error::unknown_variant(&name, &[$($name),+]);
                Self::try_from(name.as_str()).map_err(unknown)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $crate::string_enum::UnknownName;

            fn try_from(name: &str) -> Result<Self, Self::Error> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err($crate::string_enum::UnknownName(other.to_owned())),
                }
            }
        }
    };
}

pub(crate) use string_enum;
