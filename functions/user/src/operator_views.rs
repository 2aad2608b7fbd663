//! Views: accounts in responses to operators.

use chrono::{DateTime, Utc};
use domain::{Role, Tier, UserId};
use serde::Serialize;
use store::users::operators::Account;

/// An account without number, name and texts.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OperatorAccountView {
    id: UserId,
    role: Role,
    subscription_tier: Tier,
    created_at: DateTime<Utc>,
    /// When the account was suspended, if it is.
    suspended_at: Option<DateTime<Utc>>,
}

/// An account, for operators.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundAccountView {
    account: OperatorAccountView,
}

impl From<Account> for FoundAccountView {
    fn from(account: Account) -> Self {
        let Account { id, role, tier, created_at, suspended_at } = account;
        Self { account: OperatorAccountView { id, role, subscription_tier: tier, created_at, suspended_at } }
    }
}
