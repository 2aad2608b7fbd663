//! The format in which functions stream HTTP responses: the status and the headers as JSON, eight
//! NUL bytes, then the body.
//!
//! Source:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html>.

use std::str;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

const DELIMITER: [u8; 8] = [0; 8];

/// The first bytes of a response, in which the delimiter must be.
const MAX_PRELUDE: usize = 16 * 1024;

/// Splits the beginning of a response into its prelude and the beginning of its body; `None` if the
/// delimiter has not arrived.
pub(super) fn split(start: &[u8]) -> Result<Option<(Value, &[u8])>> {
    let at = start.windows(DELIMITER.len()).take(MAX_PRELUDE).position(|bytes| bytes == DELIMITER);
    let Some(at) = at else {
        ensure!(start.len() < MAX_PRELUDE, "no delimiter in the first {MAX_PRELUDE} bytes of the response");
        return Ok(None);
    };
    let prelude: Value = serde_json::from_slice(&start[..at]).context("the prelude is not JSON")?;
    ensure!(prelude.is_object(), "the prelude is not an object: {prelude}");
    Ok(Some((prelude, &start[at + DELIMITER.len()..])))
}

/// A whole response as the document by which functions answer when they do not stream.
pub(super) fn to_document(response: &[u8]) -> Result<Value> {
    let split = split(response)?;
    let (mut document, body) = split.context("the response ended before the delimiter")?;
    let text = str::from_utf8(body);
    document["isBase64Encoded"] = text.is_err().into();
    document["body"] = text.map_or_else(|_| BASE64_STANDARD.encode(body), str::to_owned).into();
    Ok(document)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn delimiter_is_found_wherever_the_chunks_end() {
        let response = b"{\"statusCode\":204}\0\0\0\0\0\0\0\0\0body";
        for end in 0..26 {
            assert!(split(&response[..end]).unwrap().is_none(), "{end}");
        }
        let expected = (json!({ "statusCode": 204 }), b"\0body".as_slice());
        assert_eq!(split(response).unwrap(), Some(expected));
    }

    #[test]
    fn response_without_a_valid_prelude_is_refused() {
        assert!(split(&[b' '; MAX_PRELUDE]).is_err(), "no delimiter");
        let late = [vec![b' '; MAX_PRELUDE], b"{}\0\0\0\0\0\0\0\0".to_vec()].concat();
        assert!(split(&late).is_err(), "the delimiter is too late");
        assert!(split(b"{\0\0\0\0\0\0\0\0").is_err(), "no JSON");
        assert!(split(b"[]\0\0\0\0\0\0\0\0").is_err(), "no object");
        assert!(to_document(b"{}").is_err(), "it ends too early");
    }

    #[test]
    fn document_has_the_body_as_text_or_in_base64() {
        let text = to_document(b"{\"statusCode\":200}\0\0\0\0\0\0\0\0a\0").unwrap();
        assert_eq!(text, json!({ "statusCode": 200, "isBase64Encoded": false, "body": "a\0" }));
        let binary = to_document(b"{}\0\0\0\0\0\0\0\0\xff\xfe").unwrap();
        assert_eq!(binary, json!({ "isBase64Encoded": true, "body": "//4=" }));
    }
}
