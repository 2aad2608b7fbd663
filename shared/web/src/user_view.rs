//! The view of an account, the same in every response that shows one.

use domain::{Tier, UserId};
use serde::Serialize;
use store::users::User;

/// An account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: UserId,
    mobile_number: String,
    name: String,
    subscription_tier: Tier,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self { id: user.id, mobile_number: user.mobile_number, name: user.name, subscription_tier: user.tier }
    }
}
