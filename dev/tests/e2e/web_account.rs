//! The account in the web client: the session of several tabs, the export and the end of the account.

use browser::Browser;
use harness::{PASSWORD, Request, unique};
use serde_json::json;

use super::stack::{open_browser, stack};

/// Lets the token of the remembered session look expired, and loads the page anew.
const EXPIRE: &str = "const session = JSON.parse(localStorage.session);
    localStorage.session = JSON.stringify({ ...session, token: session.token + 'x', expiresAt: 0 });";
/// Catches the file instead of saving it.
const CATCH_FILE: &str =
    "URL.createObjectURL = file => (file.text().then(text => window.file = text), 'blob:caught')";

async fn open_data(browser: &Browser) {
    browser.click(".corner-button").await;
    browser.click(".menu .open-settings").await;
    browser.click("#settings-data").await;
}

#[tokio::test]
async fn tabs_share_a_remembered_session_and_its_refresh() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    let first = browser.client.window().await.unwrap();
    browser.open_tab().await;
    let second = browser.client.window().await.unwrap();
    browser.visit("/").await;
    browser.until_filled("#account-name").await;
    browser.client.execute(EXPIRE, Vec::new()).await.unwrap();
    let expired = browser.value("localStorage.session").await;

    for tab in [&first, &second] {
        browser.client.switch_to_window(tab.clone()).await.unwrap();
        let _ = browser.value("setTimeout(() => location.reload(), 300)").await;
    }
    for tab in [first, second] {
        browser.client.switch_to_window(tab).await.unwrap();
        browser.until_true(&format!("localStorage.session && localStorage.session !== {expired}")).await;
        browser.until_filled("#account-name").await;
        browser.sees("#composer", "").await;
    }
    let sessions = stack().get(&user, "/api/auth/sessions").await;
    // That of the API's client, and one for both tabs.
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 2);
    browser.close().await;
}

#[tokio::test]
async fn everything_is_exported_and_the_account_is_deleted() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let (user, chatroom) = stack().user_with_chatroom().await;
    let question = unique("what I once asked");
    let message = user.send_text(stack(), &chatroom, &question).await.unwrap();
    let _ = stack().outcome(&user, message.id).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    browser.client.execute(CATCH_FILE, Vec::new()).await.unwrap();
    open_data(&browser).await;
    browser.click("#export").await;
    browser.sees(".toast", "The file is complete.").await;
    browser.until_true(&format!("window.file?.includes({question:?})")).await;

    browser.fill("#delete-account [name=password]", "not my password").await;
    browser.click("#delete-account .danger").await;
    browser.sees("#delete-account [role=alert]", "password is wrong").await;
    browser.fill("#delete-account [name=password]", PASSWORD).await;
    browser.click("#delete-account .danger").await;

    browser.sees("#door-notice", "Your account is deleted.").await;
    let credentials = json!({ "mobile_number": user.number, "password": PASSWORD });
    let _ = Request::post("/api/auth/login", &credentials).send(stack()).await.unwrap().expect(401);
    browser.close().await;
}

#[tokio::test]
async fn an_ended_session_says_so_and_asks_to_sign_in_again() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    let logout = user.request("POST", "/api/auth/logout").json(&json!({ "scope": "all" }));
    let _ = logout.send(stack()).await.unwrap().expect(200);

    browser.send("Is anybody there?").await;

    browser.sees("#door-notice", "Your session has ended. Sign in again.").await;
    assert_eq!(browser.value("localStorage.length + sessionStorage.length").await, 0);
    browser.close().await;
}
