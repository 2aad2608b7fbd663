//! A browser, driven over `WebDriver` by `chromedriver` (Debian: `chromium` and `chromium-driver`).
//! Without one, tests print that they did not run, and fail if `E2E_BROWSER=required`, as `.ci/run`
//! sets it. Whatever goes wrong in the browser panics, as in a test.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, reason = "tests fail by panicking")]

mod devtools;
mod view;
mod web_page;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use stack::process::Handle;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

pub use self::view::View;

/// Keys without a character, as `WebDriver` names them. `CONTROL` is held until the end of the keys.
pub mod keys {
    pub const BACKSPACE: &str = "\u{e003}";
    pub const ENTER: &str = "\u{e007}";
    pub const CONTROL: &str = "\u{e009}";
    pub const ESCAPE: &str = "\u{e00c}";
    pub const UP: &str = "\u{e013}";
    pub const DOWN: &str = "\u{e015}";
}

const MAX_WAIT: Duration = Duration::from_mins(1);

const POLL_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Browser {
    pub client: Client,
    /// Of the service whose page the browser shows.
    pub base_url: String,
    driver: Child,
    profile: PathBuf,
}

impl Browser {
    /// Opens a browser with an empty profile; `None` if the machine has none and none is required.
    pub async fn open(base_url: &str) -> Option<Self> {
        // The driver chooses the port and prints it.
        let driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut driver) = driver else {
            assert!(env::var("E2E_BROWSER").as_deref() != Ok("required"), "chromedriver is not installed");
            eprintln!(
                "NOT RUN: chromedriver is not installed (Debian: apt-get install chromium chromium-driver)"
            );
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
            panic!("chromedriver exited");
        };
        let port = timeout(MAX_WAIT, port).await.unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });

        let profile = env::temp_dir().join(format!("browser-{}", Uuid::new_v4()));
        let args = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run \
                    --disable-background-networking --disable-component-update --disable-sync --window-size=1100,760";
        let mut args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        args.push(format!("--user-data-dir={}", profile.display()));
        let capabilities = json!({ "goog:chromeOptions": { "args": args } }).as_object().unwrap().clone();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Some(Self { client, base_url: base_url.to_owned(), driver, profile })
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.client.wait().for_element(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn click(&self, css: &str) {
        self.until(css, |element| element.is_some()).await;
        self.client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    /// Clicks an element that is only visible when the pointer is over it.
    pub async fn activate(&self, css: &str) {
        self.until_true(&format!("document.querySelector({css:?})")).await;
        let _ = self.value(&format!("document.querySelector({css:?}).click()")).await;
    }

    /// Presses keys in an element; see [`keys`].
    pub async fn press(&self, css: &str, keys: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().send_keys(keys).await.unwrap();
    }

    pub async fn until_filled(&self, css: &str) {
        self.until(css, |seen| seen.is_some_and(|seen| !seen.is_empty())).await;
    }

    pub async fn sees(&self, css: &str, text: &str) {
        self.until(css, |seen| seen.is_some_and(|seen| seen.contains(text))).await;
    }

    /// Waits until the visible text of the element `css` (`None`: invisible) satisfies `condition`.
    async fn until(&self, css: &str, condition: impl Fn(Option<&str>) -> bool) {
        let start = Instant::now();
        loop {
            let seen = self.seen(css).await;
            if condition(seen.as_deref()) {
                return;
            }
            if start.elapsed() > MAX_WAIT {
                let notice = self.seen("[role=alert]").await;
                self.shoot("failed").await;
                panic!("{css} is {seen:?} after {MAX_WAIT:?}; the page's alert is {notice:?}");
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The value of an expression in the page.
    pub async fn value(&self, expression: &str) -> serde_json::Value {
        self.client.execute(&format!("return {expression}"), Vec::new()).await.unwrap()
    }

    /// Waits until an expression in the page is true.
    pub async fn until_true(&self, expression: &str) {
        let start = Instant::now();
        while self.value(&format!("Boolean({expression})")).await != true {
            if start.elapsed() > MAX_WAIT {
                self.shoot("failed").await;
                panic!("{expression} is false after {MAX_WAIT:?}");
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Opens another tab of the same browser, and goes on there.
    pub async fn open_tab(&self) {
        let tab = self.client.new_window(true).await.unwrap();
        self.client.switch_to_window(tab.handle).await.unwrap();
    }

    pub async fn until_gone(&self, css: &str) {
        self.until(css, |seen| seen.is_none()).await;
    }

    async fn seen(&self, css: &str) -> Option<String> {
        let element = self.client.find(Locator::Css(css)).await.ok()?;
        if !element.is_displayed().await.ok()? {
            return None;
        }
        // The value of a field is not part of its text.
        match element.prop("value").await.ok().flatten().filter(|value| !value.is_empty()) {
            Some(value) => Some(value),
            None => element.text().await.ok(),
        }
    }

    pub async fn shoot(&self, name: &str) {
        let Ok(folder) = env::var("E2E_SCREENSHOTS") else { return };
        let picture = self.client.screenshot().await.unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(format!("{folder}/{name}.png"), picture).unwrap();
    }

    pub async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        self.driver.kill().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver with its browser, which outlives a killed driver.
        if let Some(driver) = self.driver.id().and_then(Handle::of) {
            driver.kill_tree();
        }
        drop(fs::remove_dir_all(&self.profile));
    }
}
