//! Static files: compressed, and only if the client does not have them.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use testkit::TestApp;

use super::serving;
use crate::static_file::static_file;

const PATHS: [&str; 3] = ["/", "/docs", "/openapi.json"];

/// The entity tag of the file at `path` for a client that accepts `encoding`.
async fn tag(app: &TestApp, path: &str, encoding: &str) -> String {
    let response = app.request("HEAD", path).header("accept-encoding", encoding).send().await.expect(200);
    assert_eq!(response.header("content-encoding"), (encoding == "gzip").then_some("gzip"), "{path}");
    response.header("etag").unwrap().to_owned()
}

#[tokio::test]
async fn a_known_tag_is_answered_by_304_in_its_encoding_only() {
    let app = serving().start().await;
    for path in PATHS {
        let (plain, gzip) = (tag(&app, path, "identity").await, tag(&app, path, "gzip").await);
        assert_ne!(plain, gzip, "{path}");
        for (encoding, known, status) in
            [("gzip", &gzip, 304), ("identity", &plain, 304), ("gzip", &plain, 200)]
        {
            let request = app.request("HEAD", path).header("accept-encoding", encoding);
            let response = request.header("if-none-match", known).send().await.expect(status);
            assert_eq!(response.header("cache-control"), Some("public, max-age=300"), "{path}");
            let vary = response.header("vary").unwrap_or_default();
            assert!(vary.contains("accept-encoding"), "{path}: {vary}");
        }
    }
}

/// The paths in the page's attributes `src` and `href`.
fn assets(page: &str) -> Vec<&str> {
    let values = page.split(['"', '\'']).filter(|value| value.starts_with("/assets/"));
    values.collect()
}

#[tokio::test]
async fn the_pages_load_files_that_are_kept_for_a_year() {
    let app = serving().start().await;
    let pages = [static_file!("index.html"), static_file!("explorer.html")].map(|page| page.text().unwrap());
    for page in &pages {
        for kind in [".js", ".css", ".svg"] {
            assert!(assets(page).iter().any(|path| path.ends_with(kind)), "{kind}: {page}");
        }
    }
    for path in pages.iter().flat_map(|page| assets(page)) {
        let plain = tag(&app, path, "identity").await;
        for status in [200, 304] {
            let request = app.request("HEAD", path).header("accept-encoding", "identity");
            let request = if status == 304 { request.header("if-none-match", &plain) } else { request };
            let response = request.send().await.expect(status);
            let cache = response.header("cache-control");
            assert_eq!(cache, Some("public, max-age=31536000, immutable"), "{path}");
            let policy = response.header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        }
    }
}

#[tokio::test]
async fn an_unknown_asset_is_not_found_and_not_kept() {
    let app = serving().start().await;
    for path in ["/assets/app-00000000.js", "/assets/..%2Findex.html", "/assets/openapi.json"] {
        let response = app.request("GET", path).send().await.expect_problem(404, "not_found");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn the_document_is_sent_as_it_is_without_accept_encoding() {
    let app = serving().start().await;
    let response = app.request("GET", "/openapi.json").send().await.expect(200);
    assert_eq!(response.body["openapi"], "3.1.0");
    assert_eq!(response.header("content-encoding"), None);
}

#[test]
fn encodings_and_tags_are_read_as_lists_with_weights() {
    let file = static_file!("openapi.json");
    for (accepted, is_gzip) in
        [("br, gzip;q=0.5", true), ("GZIP", true), ("gzip;q=0", false), ("br", false), ("", false)]
    {
        let request = HeaderMap::from_iter([(ACCEPT_ENCODING, accepted.parse().unwrap())]);
        let response = file.serve(&request, "application/json");
        assert_eq!(response.headers().contains_key("content-encoding"), is_gzip, "{accepted}");
    }
    for known in ["*".to_owned(), format!("\"x\", W/\"{}\"", file.hash)] {
        let request = HeaderMap::from_iter([(IF_NONE_MATCH, known.parse().unwrap())]);
        assert_eq!(file.serve(&request, "application/json").status(), 304, "{known}");
    }
    let text = file.text().unwrap();
    assert!(file.gzip.len() * 4 < text.len(), "{} of {} bytes", file.gzip.len(), text.len());
}

#[tokio::test]
async fn clients_learn_where_answers_are_streamed_and_the_pages_may_connect_there() {
    let policy = "connect-src 'self'";
    for (variable, told, expected) in [
        ("", None, policy.to_owned()),
        ("/", Some("/"), policy.to_owned()),
        ("https://s.example/live/", Some("https://s.example/live"), format!("{policy} https://s.example")),
    ] {
        let app = serving().var("STREAM_BASE_URL", variable).start().await;
        let config = app.request("GET", "/api/config").send().await.expect(200);
        assert_eq!(config.body["stream_base_url"].as_str(), told);
        for path in ["/", "/docs"] {
            let page = app.request("GET", path).send().await.expect(200);
            let policy = page.header("content-security-policy").unwrap();
            let connections = policy.split("; ").filter(|part| part.starts_with("connect-src"));
            assert_eq!(connections.collect::<Vec<_>>(), [&expected], "{path}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
        }
    }
}
