//! Commands of Chrome's `DevTools` protocol, which `chromedriver` passes on.

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Browser;

#[derive(Debug)]
struct Command {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base_url: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.name, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

impl Browser {
    /// Runs a command such as `Emulation.setEmulatedMedia`, and returns its result.
    pub async fn devtools(&self, name: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(Command { name, parameters }).await.unwrap()
    }
}
