//! Serves files that the build has compressed: with gzip to clients that accept it, and without a
//! body to clients that have the current version. Only the compressed form is in the program.

use std::io::{self, Read as _};

use app::StreamBaseUrl;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use web::ApiError;

/// The pages load scripts and styles and call the API from their own origin only. The web client also
/// navigates to Stripe's pages, which this policy does not restrict. `img-src` and `connect-src` are
/// left out.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

/// The images of the web client.
const OWN_IMAGES: &str = "'self'";

/// The images of the API explorer, whose style sheet contains its icons.
const OWN_AND_EMBEDDED_IMAGES: &str = "'self' data:";

/// The files are the same for all users, so shared caches may store them.
const CACHE_POLICY: &str = "public, max-age=300";

const HTML: &str = "text/html; charset=utf-8";

/// For a file whose name contains a hash of its content.
const ASSET_CACHE_POLICY: &str = "public, max-age=31536000, immutable";

/// A compressed file. [`static_file!`] makes it.
#[derive(Debug)]
pub(crate) struct StaticFile {
    pub(crate) gzip: &'static [u8],
    pub(crate) hash: &'static str,
}

/// The [`StaticFile`] of this name, which is one of `FILES` or `ASSETS` in `build.rs`.
macro_rules! static_file {
    ($name:literal) => {
        $crate::static_file::StaticFile {
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
            hash: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".hash")),
        }
    };
}
pub(crate) use static_file;

impl StaticFile {
    /// The file, decompressed.
    pub(crate) fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        GzDecoder::new(self.gzip).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The response to a request with the headers `request`: the file, or 304 if the client has it.
    pub(crate) fn serve(&self, request: &HeaderMap, content_type: &'static str) -> Response {
        let is_gzip = accepts_gzip(request);
        let tag = format!("\"{}{}\"", self.hash, if is_gzip { "-gzip" } else { "" });
        let headers = [(CACHE_CONTROL, CACHE_POLICY), (VARY, "accept-encoding"), (ETAG, tag.as_str())];
        if has_tag(request, &tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let content_type = [(CONTENT_TYPE, content_type)];
        if is_gzip {
            return (headers, content_type, [(CONTENT_ENCODING, "gzip")], self.gzip).into_response();
        }
        match self.text() {
            Ok(text) => (headers, content_type, text).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }

    /// [`Self::serve`] for a file of the pages that never changes under its name.
    pub(crate) fn serve_asset(&self, request: &HeaderMap, content_type: &'static str) -> Response {
        let mut response = self.serve_to_browser(request, content_type, OWN_IMAGES, None);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(ASSET_CACHE_POLICY));
        response
    }

    /// [`Self::serve`] for the web client, which may also connect to the API of `streams`.
    pub(crate) fn serve_client(&self, request: &HeaderMap, streams: Option<&StreamBaseUrl>) -> Response {
        self.serve_to_browser(request, HTML, OWN_IMAGES, streams)
    }

    /// [`Self::serve`] for the API explorer, which may also connect to the API of `streams`.
    pub(crate) fn serve_explorer(&self, request: &HeaderMap, streams: Option<&StreamBaseUrl>) -> Response {
        self.serve_to_browser(request, HTML, OWN_AND_EMBEDDED_IMAGES, streams)
    }

    fn serve_to_browser(
        &self,
        request: &HeaderMap,
        content_type: &'static str,
        images: &str,
        streams: Option<&StreamBaseUrl>,
    ) -> Response {
        let mut response = self.serve(request, content_type);
        let origin = streams.and_then(StreamBaseUrl::origin).map(|origin| format!(" {origin}"));
        let origin = origin.unwrap_or_default();
        let policy = format!("{PAGE_POLICY}; img-src {images}; connect-src 'self'{origin}");
        // The origin has no characters that a header cannot have.
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(PAGE_POLICY));
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        response
    }
}

/// The elements of all headers `name`, which hold lists.
fn elements(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Whether `Accept-Encoding` lists gzip with a weight above zero.
fn accepts_gzip(request: &HeaderMap) -> bool {
    elements(request, ACCEPT_ENCODING).any(|element| {
        let (coding, weight) = element.split_once(';').unwrap_or((element, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        coding.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// Whether `If-None-Match` lists `tag`, strong or weak.
fn has_tag(request: &HeaderMap, tag: &str) -> bool {
    elements(request, IF_NONE_MATCH).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
