//! Signing in and up in the web client, and the settings of the account.

use browser::{Browser, View};
use harness::PASSWORD;

use super::stack::{open_browser, stack};

/// What was requested of the API, or from another host, or has failed.
const UNWANTED: &str = "performance.getEntriesByType('resource')
    .filter(one => !one.name.startsWith(location.origin) || one.name.includes('/api/') || one.responseStatus >= 400)
    .map(one => one.name).join()";
const NEW_PASSWORD: &str = "seven quiet herons at dusk";

async fn open_devices(browser: &Browser) {
    browser.click(".corner-button").await;
    browser.click(".menu .open-settings").await;
    browser.click("#settings-devices").await;
    browser.until_filled(".devices li").await;
}

#[tokio::test]
async fn nothing_is_requested_of_the_api_before_the_sign_in() {
    let Some(browser) = open_browser().await else { return };
    for view in [View::desktop(false), View::phone(false)] {
        browser.show_on(view).await;
        browser.visit("/").await;
        browser.until_filled("#sign-in .primary").await;
        assert_eq!(browser.value(UNWANTED).await, "");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_known_number_is_told_to_sign_in() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.show_on(View::phone(false)).await;
    browser.visit("/").await;
    browser.click("#show-sign-up").await;
    browser.fill("#sign-up [name=mobile_number]", &user.number).await;
    browser.click("#sign-up .primary").await;
    browser.sees("#sign-up .primary", "Create account").await;
    browser.fill("#sign-up [name=otp]", "123456").await;
    browser.fill("#sign-up [name=name]", "Ada Lovelace").await;
    browser.fill("#sign-up [name=password]", NEW_PASSWORD).await;
    browser.click("#sign-up .primary").await;

    browser.sees("#sign-up [role=alert]", "The code is wrong").await;
    browser.click("#known-number .link").await;
    browser.sees("#sign-in [name=mobile_number]", &user.number).await;
    browser.fill("#sign-in [name=password]", PASSWORD).await;
    browser.click("#sign-in .primary").await;
    browser.sees("#composer", "").await;
    browser.close().await;
}

#[tokio::test]
async fn a_session_that_is_not_remembered_is_unknown_to_a_new_window() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.visit("/").await;
    browser.click("#sign-in [name=remember]").await;
    browser.sign_in_here(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    browser.client.refresh().await.unwrap();
    browser.until_filled("#account-name").await;

    browser.open_tab().await;
    browser.visit("/").await;
    browser.sees("#sign-in .primary", "Sign in").await;
    assert_eq!(browser.value("localStorage.getItem('session')").await, serde_json::Value::Null);
    browser.close().await;
}

#[tokio::test]
async fn devices_are_signed_out_one_by_one_and_all_at_once() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    open_devices(&browser).await;
    assert_eq!(browser.value("document.querySelectorAll('.devices li').length").await, 2);
    let has_code = "/\\d{4}-\\d\\d-\\d\\dT/.test(document.querySelector('.devices').textContent)";
    assert_eq!(browser.value(has_code).await, false, "times are for people");

    browser.click(".devices .secondary").await;
    browser.sees(".toast", "The device is signed out.").await;
    let _ = user.request("GET", "/api/user/me").send(stack()).await.unwrap().expect(401);

    browser.click(".settings-page .row .secondary:last-child").await;
    browser.sees("#sign-in .primary", "Sign in").await;
    browser.close().await;
}

#[tokio::test]
async fn a_changed_password_signs_out_the_other_devices() {
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    browser.click(".corner-button").await;
    browser.click(".menu .open-settings").await;
    browser.fill("#change-password [name=current_password]", "not my password").await;
    browser.fill("#change-password [name=new_password]", NEW_PASSWORD).await;
    browser.click("#change-password .secondary").await;
    browser.sees("#change-password [role=alert]", "password is wrong").await;

    browser.fill("#change-password [name=current_password]", PASSWORD).await;
    browser.click("#change-password .secondary").await;
    browser.sees(".toast", "Your password is changed.").await;
    let _ = user.request("GET", "/api/user/me").send(stack()).await.unwrap().expect(401);
    browser.client.refresh().await.unwrap();
    browser.until_filled("#account-name").await;
    browser.close().await;
}

#[tokio::test]
async fn colours_follow_the_choice_of_the_user_before_that_of_the_device() {
    const IS_DARK: &str = "getComputedStyle(document.body).colorScheme + getComputedStyle(document.documentElement).backgroundColor";
    let Some(browser) = open_browser().await else { return };
    let user = stack().sign_up().await;
    browser.show_on(View::desktop(true)).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.until_filled("#account-name").await;
    let dark = browser.value(IS_DARK).await;
    browser.click(".corner-button").await;
    browser.click(".menu .open-settings").await;
    browser.click("#settings-appearance").await;
    browser.click(".settings-page .switch button:nth-child(2)").await;
    let light = browser.value(IS_DARK).await;
    assert_ne!(dark, light);

    browser.client.refresh().await.unwrap();
    browser.until_filled("#account-name").await;
    assert_eq!(browser.value(IS_DARK).await, light);
    browser.show_on(View::desktop(false)).await;
    browser.client.execute("localStorage.theme = 'dark'; location.reload()", Vec::new()).await.unwrap();
    browser.until_true(&format!("document.readyState === 'complete' && {IS_DARK} !== {light}")).await;
    browser.close().await;
}
