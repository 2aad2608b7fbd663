//! `cargo dev screenshots`

use std::fs;

use anyhow::{Context as _, Result};
use browser::{Browser, View};
use stack::StackFolder;
use stack::progress::info;
use stack::state::State;

use super::demo;

/// The pictures of README.md: name, device, and the chatroom of the sample account.
const PICTURES: [(&str, View, &str); 4] = [
    ("desktop-light", View::desktop(false), "Borrowing in Rust"),
    ("desktop-dark", View::desktop(true), "Three days in Lisbon"),
    ("phone-light", View::phone(false), "Coffee for twelve people"),
    ("phone-dark", View::phone(true), "وصفة شاي بالنعناع"),
];

/// Makes the pictures of README.md in `docs/images`, of the running stack with its sample account.
pub async fn run(folder: &StackFolder) -> Result<()> {
    let state = State::load_running(folder)?;
    demo::fill(&state).await?;
    let browser = Browser::open(&state.base_url).await;
    let browser = browser.context("chromedriver is not installed: bash .ci/browser installs it")?;
    browser.sign_in(demo::NUMBER, demo::PASSWORD).await;
    browser.until_filled("#account-name").await;
    let images = folder.root().join("docs/images");
    fs::create_dir_all(&images).with_context(|| format!("creating {}", images.display()))?;
    for (name, view, chat) in PICTURES {
        browser.show_on(view).await;
        browser.open_chat(chat).await;
        let _ = browser.value("document.querySelector('#messages').scrollTo(0, 0)").await;
        browser.settle().await;
        let file = images.join(format!("{name}.webp"));
        fs::write(&file, browser.picture().await).with_context(|| format!("writing {}", file.display()))?;
        info(format!("docs/images/{name}.webp"));
    }
    browser.close().await;
    Ok(())
}
