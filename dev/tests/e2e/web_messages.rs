//! What is done with one message in the web client, and how an answer looks and is announced.

use browser::{Browser, View, keys};
use harness::{random_number, unique};
use serde_json::json;

use super::stack::{open_browser, stack};

async fn ask(browser: &Browser, text: &str, answers: &[&str]) {
    let question = unique(text);
    let steps: Vec<_> = answers.iter().map(|text| json!({ "kind": "answer", "text": text })).collect();
    stack().script(&question, json!(steps)).await;
    browser.send(&question).await;
    browser
        .until_true("document.querySelector('.answer.is-last') && !document.querySelector('.arriving')")
        .await;
}

const IS_RATED: &str =
    "document.querySelector('.answer.is-last [aria-label=\"Good answer\"]')?.ariaPressed === 'true'";

#[tokio::test]
async fn an_answer_is_rated_written_again_compared_and_deleted() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.show_on(View::phone(false)).await;
    browser.sign_up(&random_number()).await;
    // The second answer of the model is the title of the chat.
    ask(&browser, "two versions", &["The first version", "Versions", "The second version"]).await;
    browser.sees("#chat-title", "Versions").await;
    browser.click(".answer [aria-label='Good answer']").await;
    browser.until_true(IS_RATED).await;

    browser.regenerate().await;
    browser.sees_answer("The second version").await;
    browser.sees(".answer .switcher", "2 of 2").await;
    browser.click(".answer .previous").await;
    browser.sees_answer("The first version").await;
    browser.until_true(IS_RATED).await;

    browser.click(".answer .delete").await;
    browser.click("#confirm").await;
    browser.sees_answer("The second version").await;
    browser.until_gone(".answer .switcher").await;
    browser.close().await;
}

#[tokio::test]
async fn an_edited_question_keeps_the_version_before_it() {
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    ask(&browser, "the first question", &["The first answer"]).await;
    browser.activate(".question .edit").await;
    let second = unique("the second question");
    stack().script(&second, json!([{ "kind": "answer", "text": "The second answer" }])).await;
    browser.fill(".editor textarea", &second).await;
    browser.press(".editor textarea", keys::ENTER).await;

    browser.sees_answer("The second answer").await;
    browser.sees(".question .bubble", "the second question").await;
    browser.sees(".question .switcher", "2 of 2").await;
    browser.activate(".question .previous").await;
    browser.sees_answer("The first answer").await;
    browser.close().await;
}

#[tokio::test]
async fn an_answer_is_announced_once() {
    const WATCH: &str = "window.said = [];
        new MutationObserver(() => window.said.push(document.querySelector('p[aria-live]').textContent))
            .observe(document.querySelector('p[aria-live]'), { childList: true, characterData: true, subtree: true })";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    let question = unique("said aloud");
    let steps =
        json!([{ "kind": "answer", "text": "Calm seas and a prosperous voyage.", "duration_ms": 2000 }]);
    stack().script(&question, steps).await;
    browser.sign_up(&random_number()).await;
    browser.client.execute(WATCH, Vec::new()).await.unwrap();
    browser.send(&question).await;
    browser.sees(".arriving .markdown", "Calm").await;
    assert_eq!(
        browser
            .value("document.querySelectorAll('#messages [aria-live], #messages [role=log]').length")
            .await,
        0
    );

    browser.until_true("window.said.length > 0 && !document.querySelector('.arriving')").await;
    let said = browser.value("window.said.filter(text => text !== '').join('|')").await;
    assert_eq!(said, "The answer is complete. Calm seas and a prosperous voyage.");
    browser.close().await;
}

#[tokio::test]
async fn arabic_is_written_from_the_right_and_its_code_from_the_left() {
    const DIRECTIONS: &str = "[...document.querySelectorAll('.answer .block, .answer code')]
        .map(one => getComputedStyle(one).direction).join()";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.show_on(View::phone(false)).await;
    browser.sign_up(&random_number()).await;
    ask(
        &browser,
        "directions",
        &["مرحبا بالعالم\n\n```\nlet a = 1;\n```\n\nIt costs $5, &copy; 2026, or $10."],
    )
    .await;
    browser.sees_answer("It costs $5, © 2026, or $10.").await;
    assert_eq!(browser.value(DIRECTIONS).await, "rtl,ltr,ltr,ltr");
    browser.close().await;
}

#[tokio::test]
async fn links_of_a_model_open_without_access_and_hostile_ones_do_nothing() {
    const LINKS: &str = "[...document.querySelectorAll('.answer a')].map(link => [link.href, link.rel, link.target].join(' '))";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    browser.sign_up(&random_number()).await;
    let text = "[a](https://a.example/x) [b](//b.example/x) [c](javascript:alert(1)) [d](data:text/html,x) \
                ![e][ref] <a href=\"https://f.example\">f</a>\n\n[ref]: https://e.example/p.png?q=SECRET";
    ask(&browser, "links", &[text]).await;
    // HTML is text, and an address in a text is a link.
    let expected = ["https://a.example/x", "https://e.example/p.png?q=SECRET", "https://f.example/"];
    let expected: Vec<_> = expected.iter().map(|url| format!("{url} noopener noreferrer _blank")).collect();
    assert_eq!(browser.value(LINKS).await, json!(expected));
    browser.close().await;
}

#[tokio::test]
async fn a_refusal_leaves_the_messages_where_they_are() {
    const REFUSE: &str = "const allowed = fetch; window.fetch = (request, init) =>
        (request.method ?? init?.method ?? 'GET') === 'GET' ? allowed(request, init)
            : Promise.resolve(Response.json({ code: 'rate_limited' }, { status: 429, headers: { 'retry-after': '20' } }))";
    const PLACE: &str =
        "(({ top, bottom }) => [top, bottom])(document.querySelector('.answer').getBoundingClientRect())";
    let Some(browser) = open_browser().await else { return };
    let _worker = stack().with_worker().await;
    for view in [View::desktop(false), View::phone(false)] {
        browser.show_on(view).await;
        browser.sign_up(&random_number()).await;
        ask(&browser, "before a refusal", &["In its place"]).await;
        browser.client.execute(REFUSE, Vec::new()).await.unwrap();
        let before = browser.value(PLACE).await;
        browser.send("One more").await;
        browser.sees(".toast", "too many requests. Try again in 20 s.").await;
        browser.sees("#composer-text", "One more").await;
        browser.until_true("document.querySelectorAll('#messages .bubble').length === 1").await;
        assert_eq!(browser.value(PLACE).await, before);
        browser.client.execute("localStorage.clear(); sessionStorage.clear()", Vec::new()).await.unwrap();
    }
    browser.close().await;
}
