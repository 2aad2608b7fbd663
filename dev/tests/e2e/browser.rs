//! A browser, driven over `WebDriver` by `chromedriver` (Debian: `chromium` and `chromium-driver`).
//! Without one, tests print that they did not run, and fail if `E2E_BROWSER=required`, as `.ci/run`
//! sets it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::{env, fs};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

const MAX_WAIT: Duration = Duration::from_mins(1);

const POLL_INTERVAL: Duration = Duration::from_millis(100);

pub struct Browser {
    pub client: Client,
    driver: Child,
    profile: PathBuf,
}

impl Browser {
    /// Opens a browser with an empty profile; `None` if the machine has none and none is required.
    pub async fn open() -> Option<Self> {
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
        Some(Self { client, driver, profile })
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
        drop(self.driver.start_kill());
        drop(fs::remove_dir_all(&self.profile));
    }
}
