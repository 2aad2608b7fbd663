//! What happens to users outside the API: an operator's role, a payment at Stripe.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use uuid::Uuid;

use super::{TestEnvironment, TestUser, wait_until};

impl TestEnvironment {
    /// The id of the account of `user`.
    pub async fn id_of(&self, user: &TestUser) -> Result<Uuid> {
        self.db.value("SELECT id FROM users WHERE mobile_number = $1", &[&user.number]).await
    }

    pub async fn make_admin(&self, user: &TestUser) -> Result<()> {
        const SQL: &str = "UPDATE users SET role = 'admin' WHERE mobile_number = $1";
        ensure!(self.db.execute(SQL, &[&user.number]).await? == 1, "{} has no account", user.number);
        Ok(())
    }

    /// Pays for Pro on a checkout page and returns the subscription's id at Stripe. Webhooks report
    /// it to the API.
    pub async fn pay_for_pro(&self, user: &TestUser) -> Result<String> {
        let paid = self.mocks.pay(&user.open_checkout(self).await?).await?;
        Ok(paid["subscription"].as_str().context("the checkout has no subscription")?.to_owned())
    }

    pub async fn wait_until_pro(&self, user: &TestUser) -> Result<()> {
        const SQL: &str = "SELECT subscription_tier = 'pro' FROM users WHERE mobile_number = $1";
        let is_pro = async || self.db.value(SQL, &[&user.number]).await;
        wait_until("the user is on Pro", Duration::from_secs(30), is_pro).await.map(drop)
    }
}
