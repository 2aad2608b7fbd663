//! What the tests do on the page of the web client.

use harness::PASSWORD;

use super::browser::Browser;
use super::stack::stack;

impl Browser {
    /// Opens the page and signs up as Ada Lovelace.
    pub async fn sign_up(&self, number: &str) {
        self.client.goto(&format!("{}/", stack().base_url)).await.unwrap();
        self.click("#show-sign-up").await;
        self.fill("#sign-up [name=mobile_number]", number).await;
        self.click("#sign-up .primary").await;
        self.until_filled("#sign-up [name=otp]").await;
        self.fill("#sign-up [name=name]", "Ada Lovelace").await;
        self.fill("#sign-up [name=password]", PASSWORD).await;
        self.click("#sign-up .primary").await;
        self.sees("#account-name", "Ada Lovelace").await;
    }

    /// Opens the page and signs in.
    pub async fn sign_in(&self, number: &str, password: &str) {
        self.client.goto(&format!("{}/", stack().base_url)).await.unwrap();
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

    /// Opens the settings at the plan.
    pub async fn open_plan(&self) {
        self.click(".corner-button").await;
        self.click(".menu .open-settings").await;
        self.click("#settings-plan").await;
    }
}
