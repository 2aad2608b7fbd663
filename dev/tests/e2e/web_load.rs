//! The web client with 1,000 chatrooms and a chatroom of 10,000 messages. All of them can be reached. The
//! frames of scrolling and the memory are printed, not asserted: machines differ.

use browser::Browser;
use harness::PASSWORD;
use serde_json::{Value, json};

use super::seeded_messages::{seed_chatrooms, seed_messages};
use super::stack::{open_browser, stack};

const CHATROOMS: i32 = 1_000;
const MESSAGES: i32 = 10_000;

/// Scrolls an element for 120 frames, and returns the milliseconds of the median, the 95th percentile
/// and the longest of them.
const SCROLL: &str = "
    const [css, pixels] = arguments;
    const box = document.querySelector(css), times = [];
    return new Promise(done => {
        let before = performance.now();
        const frame = now => {
            times.push(now - before);
            before = now;
            box.scrollBy(0, pixels);
            if (times.length <= 120) return requestAnimationFrame(frame);
            const sorted = times.slice(1).sort((a, b) => a - b);
            done([sorted[60], sorted[114], sorted[119]].map(time => Math.round(time)));
        };
        requestAnimationFrame(frame);
    });";

async fn print_figures(browser: &Browser, what: &str, css: &str, pixels: i32) {
    let frames = browser.client.execute(SCROLL, vec![json!(css), json!(pixels)]).await.unwrap();
    let _ = browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
    let metrics = browser.devtools("Performance.getMetrics", json!({})).await;
    let metric = |name: &str| {
        let metrics = metrics["metrics"].as_array().unwrap();
        metrics.iter().find(|one| one["name"] == name).map_or(0.0, |one| one["value"].as_f64().unwrap())
    };
    println!(
        "{what}: frames p50, p95, longest {frames} ms; {:.1} MB of JavaScript, {} elements",
        metric("JSHeapUsedSize") / 1e6,
        metric("Nodes")
    );
}

/// Scrolls an element to `to` until `condition` is true in the page, and returns the seconds that this
/// took.
async fn scroll_until(browser: &Browser, css: &str, to: &str, condition: &str) -> f64 {
    let script = format!(
        "const start = performance.now();
        window.reached = null;
        const step = () => {{
            document.querySelector('{css}').scrollTo(0, {to});
            if ({condition}) window.reached = performance.now() - start;
            else setTimeout(step, 20);
        }};
        step();"
    );
    browser.client.execute(&script, Vec::new()).await.unwrap();
    // However slow the machine is: what counts is that there is more after each wait.
    while browser.value("window.reached").await.is_null() {
        let height = browser.value(&format!("document.querySelector('{css}').scrollHeight")).await;
        browser
            .until_true(&format!(
                "window.reached || document.querySelector('{css}').scrollHeight !== {height}"
            ))
            .await;
    }
    browser.value("window.reached").await.as_f64().unwrap() / 1e3
}

#[tokio::test]
async fn a_thousand_chatrooms_and_ten_thousand_messages_can_be_reached() {
    let Some(browser) = open_browser().await else { return };
    let _ = browser.devtools("Performance.enable", json!({})).await;
    let (user, chatroom) = stack().user_with_chatroom().await;
    let db = stack().db().await;
    seed_messages(&db, &chatroom, MESSAGES).await;
    seed_chatrooms(&db, &chatroom, CHATROOMS - 1).await;
    browser.sign_in(&user.number, PASSWORD).await;
    browser.open_chat("A chatroom").await;
    print_figures(&browser, "100 chatrooms and 50 messages", "#messages", -20).await;
    let all = format!("document.querySelectorAll('#rooms li').length === {CHATROOMS}");
    let seconds = scroll_until(&browser, "#rooms", "1e7", &all).await;
    println!("all chatrooms listed after {seconds:.1} s");
    print_figures(&browser, "1,000 chatrooms", "#rooms", -100).await;
    let all = "!document.querySelector('#messages .center').textContent";
    let seconds = scroll_until(&browser, "#messages", "200", all).await;
    println!("all messages loaded after {seconds:.1} s");
    print_figures(&browser, "10,000 messages", "#messages", 200).await;
    let _ = browser.value("document.querySelector('#messages').scrollTo(0, 0)").await;
    browser.until_true("/^Question 1$/m.test(document.querySelector('#messages .bubble').textContent)").await;
    let _ = browser.value("document.querySelector('#messages').scrollTo(0, 1e7)").await;
    browser.sees_answer("10000").await;
    let typing = "const field = document.querySelector('#composer-text'), start = performance.now();
        for (let key = 0; key < 20; key += 1) {
            field.value += 'x';
            field.dispatchEvent(new Event('input', { bubbles: true }));
        }
        return new Promise(done => requestAnimationFrame(() => setTimeout(() => done((performance.now() - start) / 20))))";
    let typing: Value = browser.client.execute(typing, Vec::new()).await.unwrap();
    println!("a key press among 10,000 messages takes {:.1} ms", typing.as_f64().unwrap());
    browser.close().await;
}
