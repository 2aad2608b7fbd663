//! Enums whose variants have a name in the database and in answers.

use thiserror::Error;

/// A name in the database is not one this version knows.
#[derive(Debug, Error)]
#[error("{0:?} is not known")]
pub struct UnknownName(pub(crate) String);

macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $name:tt),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, utoipa::ToSchema,
        )]
        pub enum $type { $($(#[$vdoc])* #[serde(rename = $name)] $variant),+ }

        impl $type {
            /// The name in the database and in answers.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        // A name and nothing else; what serde derives takes `{"name": null}` for one too.
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                let unknown = |_| serde::de::Error::unknown_variant(&name, &[$($name),+]);
                Self::try_from(name.as_str()).map_err(unknown)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = $crate::named::UnknownName;

            fn try_from(name: &str) -> Result<Self, Self::Error> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    other => Err($crate::named::UnknownName(other.to_owned())),
                }
            }
        }
    };
}

pub(crate) use named;
