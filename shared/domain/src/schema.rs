//! How what clients send looks in the OpenAPI document.

use std::borrow::Cow;

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::otp::Otp;
use crate::password::{NewPassword, Password};
use crate::redirect::RedirectUrl;
use crate::{MobileNumber, Text};

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn schema(object: impl Into<Object>) -> RefOr<Schema> {
    RefOr::T(Schema::Object(object.into()))
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        // White space around it does not count, and U+0000 may not be there.
        let pattern = if MIN > 0 { r"^[^\x00]*\S[^\x00]*$" } else { r"^[^\x00]*$" };
        schema(string().min_length(Some(MIN)).max_length(Some(MAX)).pattern(Some(pattern)))
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("TextOf{MIN}To{MAX}"))
    }
}

macro_rules! schema_of {
    ($type:ident, $schema:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                schema($schema)
            }
        }

        impl ToSchema for $type {}
    };
}

schema_of!(
    MobileNumber,
    string()
        .description(Some(
            "A mobile number in international form. The `+` may be missing, `00` stands for it; spaces, dashes, dots and \
             brackets do not count."
        ))
        .pattern(Some(r"^\+?[0-9][0-9 ()./-]{5,38}$"))
        .examples(["+4915112345678"])
);
schema_of!(
    Otp,
    string()
        .description(Some("The six digits of a one-time code."))
        .pattern(Some("^[0-9]{6}$"))
        .examples(["123456"])
);
schema_of!(
    NewPassword,
    string()
        .description(Some(
            "Any characters at all, but none of the passwords that are tried first, and not the number of the account."
        ))
        .min_length(Some(8))
        .max_length(Some(128))
        .examples(["four words nobody guesses"])
);
schema_of!(
    Password,
    string().min_length(Some(1)).max_length(Some(128)).examples(["four words nobody guesses"])
);
schema_of!(
    RedirectUrl,
    string()
        .description(Some(
            "An address of one of the hosts that are allowed (`REDIRECT_HOSTS`), by https except to the machine itself. \
             `{CHECKOUT_SESSION_ID}` in its query becomes the session's id."
        ))
        .max_length(Some(2_048))
        .pattern(Some(r"^https?://[^\s\\\x00-\x1f@]+$"))
        .examples(["http://localhost:3000/paid"])
);
