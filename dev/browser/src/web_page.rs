//! What is done on the page of the web client.

use api_client::PASSWORD;

use super::Browser;

impl Browser {
    /// Opens a page of the service.
    pub async fn visit(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.base_url)).await.unwrap();
    }

    /// Opens the page and signs up as Ada Lovelace.
    pub async fn sign_up(&self, number: &str) {
        self.visit("/").await;
        self.click("#show-sign-up").await;
        self.fill("#sign-up [name=mobile_number]", number).await;
        self.click("#sign-up .primary").await;
        self.until_filled("#sign-up [name=otp]").await;
        self.fill("#sign-up [name=name]", "Ada Lovelace").await;
        self.fill("#sign-up [name=password]", PASSWORD).await;
        self.click("#sign-up .primary").await;
        // A phone hides the list of chats, and with it the account below.
        self.until_true("document.querySelector('#account-name')?.textContent === 'Ada Lovelace'").await;
    }

    /// Opens the page and signs in.
    pub async fn sign_in(&self, number: &str, password: &str) {
        self.visit("/").await;
        self.sign_in_here(number, password).await;
    }

    /// Signs in on the page as it is.
    pub async fn sign_in_here(&self, number: &str, password: &str) {
        self.fill("#sign-in [name=mobile_number]", number).await;
        self.fill("#sign-in [name=password]", password).await;
        self.click("#sign-in .primary").await;
    }

    /// Sends a message in the chat that is shown.
    pub async fn send(&self, text: &str) {
        self.fill("#composer-text", text).await;
        self.click("#send").await;
    }

    /// Sees `text` in the last answer of the chat.
    pub async fn sees_answer(&self, text: &str) {
        self.sees("#messages .answer.is-last", text).await;
    }

    /// Asks for another answer, with the first model if there is a choice.
    pub async fn regenerate(&self) {
        self.activate(".answer.is-last [aria-label='Answer again']").await;
        if self.value("document.querySelector('#model') !== null").await == true {
            self.activate(".answer.is-last .menu button").await;
        }
    }

    /// Opens the settings at the plan.
    pub async fn open_plan(&self) {
        self.click(".corner-button").await;
        self.click(".menu .open-settings").await;
        self.click("#settings-plan").await;
    }

    /// Opens the chat with this name from the list, which a phone may hide.
    pub async fn open_chat(&self, name: &str) {
        let link = format!(
            "[...document.querySelectorAll('#rooms li a')].find(link => link.textContent === {name:?})"
        );
        self.until_true(&link).await;
        let _ = self.value(&format!("{link}.click()")).await;
        self.sees("#chat-title", name).await;
        self.until_filled("#messages .bubble").await;
    }
}
