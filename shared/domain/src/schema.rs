//! The OpenAPI schemas of the types that clients send.

use std::borrow::Cow;

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::otp::Otp;
use crate::password::{NewPassword, Password};
use crate::redirect::RedirectUrl;
use crate::{AccountNumber, MobileNumber, Text};

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn schema(object: impl Into<Object>) -> RefOr<Schema> {
    RefOr::T(Schema::Object(object.into()))
}

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        // At least one character is no white space, and none is U+0000.
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
            "A mobile number in international form. The `+` may be missing or written as `00`; spaces, dashes, dots \
             and brackets are ignored."
        ))
        .pattern(Some(r"^\+?[0-9][0-9 ()./-]{5,38}$"))
        .examples(["+4915112345678"])
);
impl PartialSchema for AccountNumber {
    fn schema() -> RefOr<Schema> {
        MobileNumber::schema()
    }
}

impl ToSchema for AccountNumber {
    fn name() -> Cow<'static, str> {
        MobileNumber::name()
    }
}

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
            "Any characters are allowed. Passwords from known breaches and the number of the account are refused."
        ))
        .min_length(Some(8))
        .max_length(Some(128))
        .examples(["four words chosen at random"])
);
schema_of!(
    Password,
    string()
        .description(Some("The current password of the account."))
        .min_length(Some(1))
        .max_length(Some(128))
        .examples(["four words chosen at random"])
);
schema_of!(
    RedirectUrl,
    string()
        .description(Some(
            "An address on one of the allowed hosts (`REDIRECT_HOSTS`). It must use https, except on localhost. \
             `{CHECKOUT_SESSION_ID}` in its query is replaced by the id of the checkout session."
        ))
        .max_length(Some(2_048))
        .pattern(Some(r"^https?://[^\s\\\x00-\x1f@]+$"))
        .examples(["http://localhost:3000/paid"])
);
