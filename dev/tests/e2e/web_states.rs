//! Every state of the web client, looked at on a phone and a desktop, light and dark. axe-core finds no
//! violation in any of them. `.ci/page` installs it; `E2E_SCREENSHOTS` keeps the pictures.

use std::{env, fs};

use ::stack::checkout;
use browser::{Browser, View, keys};
use harness::{PASSWORD, random_number, unique};
use serde_json::{Value, json};

use super::stack::{open_browser, stack};

/// The violations, one line each: the rule, and the first elements that break it.
const VIOLATIONS: &str =
    "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(node => node.html.slice(0, 120)).join(' ')}`))";
/// Answers the page's next requests that change something.
const REFUSE: &str = "const [status, code, wait] = arguments;
    window.allowed ??= fetch;
    window.fetch = (request, init) => (request.method ?? init?.method ?? 'GET') === 'GET'
        ? window.allowed(request, init)
        : Promise.resolve(Response.json({ code }, { status, headers: { 'retry-after': wait } }))";

/// Colours and places are those of the view, and no longer on their way from the one before.
const AT_REST: &str = "document.getAnimations().every(one => !(one instanceof CSSTransition))";

struct Walk {
    browser: Browser,
    axe: String,
    findings: Vec<String>,
}

impl Walk {
    /// Looks at the page as it is now in every view.
    async fn look(&mut self, state: &str) {
        let browser = &self.browser;
        for view in View::ALL {
            browser.show_on(view).await;
            browser.until_true(AT_REST).await;
            browser.shoot(&format!("{state}-{view}")).await;
            browser.client.execute(&self.axe, Vec::new()).await.unwrap();
            let found = browser.client.execute(VIOLATIONS, Vec::new()).await.unwrap();
            for line in found.as_array().unwrap() {
                self.findings.push(format!("{state}, {view}: {line}"));
            }
            let overflow = "document.documentElement.scrollWidth - innerWidth";
            if browser.value(overflow).await.as_i64().is_some_and(|pixels| pixels > 0) {
                self.findings.push(format!("{state}, {view}: the page is wider than the screen"));
            }
        }
        browser.show_on(View::desktop(false)).await;
    }

    async fn refuse(&self, status: u16, code: &str, wait: u8) {
        let args = vec![json!(status), json!(code), json!(wait.to_string())];
        self.browser.client.execute(REFUSE, args).await.unwrap();
    }

    async fn allow(&self) {
        let _ = self.browser.value("(window.fetch = window.allowed) && null").await;
    }

    /// Sends a question to which mock Gemini gives these answers.
    async fn ask(&self, text: &str, steps: Value) {
        let question = unique(text);
        stack().script(&question, steps).await;
        self.browser.send(&question).await;
    }

    async fn open_menu_item(&self, menu: &str, item: &str) {
        self.browser.activate(menu).await;
        self.browser.activate(item).await;
    }
}

#[tokio::test]
async fn no_state_of_the_page_violates_a_rule_of_accessibility() {
    let Ok(axe) = fs::read_to_string(checkout().join("dev/tests/page/node_modules/axe-core/axe.min.js"))
    else {
        assert!(env::var("E2E_BROWSER").as_deref() != Ok("required"), "axe-core is not installed");
        eprintln!("NOT RUN: axe-core is not installed (bash .ci/page)");
        return;
    };
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let mut walk = Walk { browser, axe, findings: Vec::new() };
    sign_up(&mut walk).await;
    chat(&mut walk).await;
    refusals(&mut walk).await;
    windows(&mut walk).await;
    list(&mut walk).await;
    endings(&mut walk).await;
    explorer(&mut walk).await;
    assert!(walk.findings.is_empty(), "{}", walk.findings.join("\n"));
    walk.browser.close().await;
}

async fn sign_up(walk: &mut Walk) {
    walk.browser.visit("/").await;
    walk.browser.fill("#sign-in [name=mobile_number]", &random_number()).await;
    walk.look("sign-in").await;
    walk.browser.fill("#sign-in [name=password]", PASSWORD).await;
    walk.browser.click("#sign-in .primary").await;
    walk.browser.sees("#sign-in [role=alert]", "password is wrong").await;
    walk.look("sign-in-refused").await;
    walk.browser.click("#forgot").await;
    walk.browser.click("#reset .primary").await;
    walk.browser.until_filled("#reset [name=otp]").await;
    walk.look("reset").await;
    walk.browser.visit("/").await;
    walk.browser.click("#show-sign-up").await;
    walk.browser.fill("#sign-up [name=mobile_number]", &random_number()).await;
    walk.browser.click("#sign-up .primary").await;
    walk.browser.until_filled("#sign-up [name=otp]").await;
    walk.look("sign-up").await;
    walk.browser.fill("#sign-up [name=name]", "Ada Lovelace").await;
    walk.browser.fill("#sign-up [name=password]", PASSWORD).await;
    walk.browser.click("#sign-up .primary").await;
    walk.browser.sees("#account-name", "Ada Lovelace").await;
    walk.look("empty").await;
}

async fn chat(walk: &mut Walk) {
    let text = "# Tea\n\nSome **bold** words, `code` and [a link](https://example.com).\n\n> A quote\n\n- one\n- two\n\n\
                ```rust\nfn main() { println!(\"{}\", 1); } // done\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nمرحبا. 你好。";
    walk.ask("everything", json!([{ "kind": "answer", "text": text }])).await;
    walk.browser.until_true("document.querySelector('.answer.is-last .hljs-keyword')").await;
    walk.look("room").await;
    let long = "Words that go on for a while. ".repeat(100);
    walk.ask("a long answer", json!([{ "kind": "answer", "text": long, "duration_ms": 90_000 }])).await;
    walk.browser.sees(".arriving .markdown", "go on").await;
    walk.look("streaming").await;
    walk.browser.click("#stop").await;
    walk.browser.sees_answer("You stopped this answer.").await;
    walk.look("stopped").await;
    walk.ask("refused", json!([{ "kind": "blocked_prompt" }])).await;
    walk.browser.sees("#messages .is-failed", "refused").await;
    walk.look("failed").await;
    walk.ask("busy", json!([{ "kind": "rate_limited", "retry_delay": "60s" }])).await;
    walk.browser.sees(".waiting", "The model is busy.").await;
    walk.look("waiting").await;
    walk.browser.click("#stop").await;
    walk.browser.sees("#messages article:last-of-type .outcome", "You stopped this").await;
    walk.look("cancelled").await;
}

async fn refusals(walk: &mut Walk) {
    walk.refuse(503, "unavailable", 30).await;
    walk.browser.send("Is anybody there?").await;
    walk.browser.sees("#messages article:last-of-type .is-failed", "Try again in 30 s.").await;
    walk.look("503").await;
    walk.browser.click("#messages article:last-of-type .is-failed .secondary:last-child").await;
    for (status, code, said) in
        [(429, "rate_limited", "too many requests"), (409, "parent_not_found", "changed in another window")]
    {
        walk.refuse(status, code, 30).await;
        walk.browser.send("Is anybody there?").await;
        walk.browser.sees(".toast", said).await;
        walk.look(&status.to_string()).await;
        walk.browser.click(".toast .icon-button").await;
    }
    walk.allow().await;
    let network = |offline| json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    let _ = walk.browser.devtools("Network.enable", json!({})).await;
    let _ = walk.browser.devtools("Network.emulateNetworkConditions", network(true)).await;
    walk.browser.sees(".banner", "You are offline.").await;
    walk.look("offline").await;
    let _ = walk.browser.devtools("Network.emulateNetworkConditions", network(false)).await;
    walk.browser.until_gone(".banner").await;
}

async fn windows(walk: &mut Walk) {
    walk.browser.press("#composer-text", &[keys::CONTROL, "k"].concat()).await;
    walk.browser.fill("#search-text", "everything").await;
    walk.browser.sees("#search-results mark", "everything").await;
    walk.look("search").await;
    walk.browser.fill("#search-text", "zebra").await;
    walk.browser.sees(".search", "Nothing found").await;
    walk.look("search-nothing").await;
    walk.browser.press("#search-text", keys::ESCAPE).await;
    walk.open_menu_item(".corner-button", ".corner .open-settings").await;
    for page in ["account", "plan", "devices", "appearance", "data"] {
        walk.browser.click(&format!("#settings-{page}")).await;
        walk.browser
            .until_true("!/Loading/.test(document.querySelector('.settings-page').textContent)")
            .await;
        walk.look(&format!("settings-{page}")).await;
    }
    walk.browser.press("#settings-data", keys::ESCAPE).await;
    for (place, name) in [(1, "instructions"), (2, "rename")] {
        walk.open_menu_item(
            ".chat-head [aria-haspopup]",
            &format!(".chat-head .menu button:nth-child({place})"),
        )
        .await;
        walk.browser.until_true("document.querySelector('dialog[open]')").await;
        walk.look(name).await;
        walk.browser.press("dialog .icon-button", keys::ESCAPE).await;
    }
    walk.browser.activate(".question .delete").await;
    walk.browser.until_filled("#confirm").await;
    walk.look("confirm").await;
    walk.browser.press("#confirm", keys::ESCAPE).await;
    walk.browser.activate(".question .edit").await;
    walk.browser.until_filled(".editor textarea").await;
    walk.look("editing").await;
    walk.browser.press(".editor textarea", keys::ESCAPE).await;
    walk.browser.activate(".corner-button").await;
    walk.look("menu").await;
    walk.browser.press(".corner .open-settings", keys::ESCAPE).await;
}

async fn list(walk: &mut Walk) {
    walk.browser.show_on(View::phone(false)).await;
    walk.browser.click(".chat-head .icon-button").await;
    walk.browser.until_filled("#rooms li a").await;
    walk.look("list").await;
    walk.browser.show_on(View::phone(false)).await;
    walk.browser.click(".sidebar .only-narrow").await;
    walk.browser.show_on(View::desktop(false)).await;
    walk.open_menu_item(".chat-head [aria-haspopup]", ".chat-head .menu .danger").await;
    walk.browser.sees(".toast", "The chat is deleted.").await;
    walk.look("undo").await;
}

async fn endings(walk: &mut Walk) {
    // The waiting message was refunded, so two of the five messages a day are left.
    for number in 1..=2 {
        walk.browser.send(&format!("Question {number}")).await;
        walk.browser.sees_answer(&format!("Question {number}")).await;
    }
    walk.browser.send("One too many").await;
    walk.browser.sees(".toast", "messages are used up").await;
    walk.look("quota").await;
    walk.refuse(401, "not_authenticated", 1).await;
    walk.browser.send("And again").await;
    walk.browser.sees("#door-notice", "Your session has ended.").await;
    walk.look("401").await;
}

async fn explorer(walk: &mut Walk) {
    walk.browser.visit("/docs").await;
    walk.browser.click("#operations-Chatroom-listChatrooms .opblock-summary-control").await;
    walk.browser.click("#operations-Chatroom-listChatrooms .execute").await;
    walk.browser.sees("#operations-Chatroom-listChatrooms .live-responses-table", "not_authenticated").await;
    walk.browser.click("#operations-Chatroom-sendMessage .opblock-summary-control").await;
    walk.browser.sees("#operations-Chatroom-sendMessage textarea", "Some text").await;
    walk.look("explorer").await;
    walk.browser.activate(".scheme-container .authorize").await;
    walk.browser.sees("[role=dialog]", "Available authorizations").await;
    walk.look("explorer-authorize").await;
}
