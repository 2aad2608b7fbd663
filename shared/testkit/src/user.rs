//! Users with accounts, created in the database: most functions under test have no route to sign
//! up.

use std::ops::Deref;

use domain::{MobileNumber, SessionId, Tier, UserId};
use store::sessions::NewSession;
use store::users::{self, NewUser};

use crate::{TestApp, random_number};

/// The hash of [`PASSWORD`](crate::PASSWORD). A constant, because argon2 takes 20 ms or more for each user
/// otherwise.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$zfVqt8yNtpDU9J9Dzpvk3g$Q+i1PkBZNwJsp0ZVG5JbUEVnKWNhpY+UdmgOrpbDol0";

/// A signed-in user of a [`TestApp`].
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The user's id.
    pub id: UserId,
    /// The mobile number.
    pub mobile_number: MobileNumber,
    client: api_client::TestUser,
}

impl Deref for TestUser {
    type Target = api_client::TestUser;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl TestApp {
    /// Creates a signed-in user on the Basic plan.
    pub async fn user(&self) -> TestUser {
        let now = self.app.clock.now();
        let (id, session_id, mobile_number) = (UserId::new(now), SessionId::new(now), random_number());
        let (password_hash, number_hash) = (PASSWORD_HASH, b"none".as_slice());
        let user = NewUser { id, mobile_number: &mobile_number, name: "Ada", password_hash, number_hash };
        let session = NewSession {
            id: session_id,
            refresh_token_hash: b"none",
            address: None,
            user_agent: None,
            created_at: now,
            expires_at: now + self.app.config.refresh_lifetime,
        };
        let db = self.app.db().await.expect("Postgres responds");
        users::insert_with_session(&db, user, &session)
            .await
            .expect("the account can be inserted")
            .expect("the number is free");
        let token = self.app.tokens().unwrap().issue(id, session_id, now).expect("a token can be issued");
        let number = mobile_number.as_str().to_owned();
        let client = api_client::TestUser { number, token, refresh_token: "none".to_owned() };
        TestUser { id, mobile_number, client }
    }

    /// Restores the session of `user`'s token, and the account, after a request ended one of them.
    pub async fn restore_account(&self, user: &TestUser) {
        let now = self.app.clock.now();
        let claims = self.app.tokens().unwrap().verify(&user.token, now).expect("the token is valid");
        let db = self.app.db().await.expect("Postgres responds");
        db.execute(
            "INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
             VALUES ($1, $2, 'Ada', $3, $4, $4) ON CONFLICT (id) DO UPDATE SET password_hash = $3",
            &[&user.id.0, &user.mobile_number.as_str(), &PASSWORD_HASH, &now],
        )
        .await
        .expect("the account can be inserted");
        let expires_at = now + self.app.config.refresh_lifetime;
        db.execute(
            "INSERT INTO sessions (id, user_id, refresh_token_hash, created_at, last_seen_at, expires_at)
             VALUES ($1, $2, '\\x00', $3, $3, $4) ON CONFLICT (id) DO NOTHING",
            &[&claims.sid.0, &user.id.0, &now, &expires_at],
        )
        .await
        .expect("the session can be inserted");
        self.app.redis.invalidate_session(claims.sid).await.expect("Redis responds");
    }

    /// Moves `user` to `tier`.
    pub async fn set_tier(&self, user: &TestUser, tier: Tier) {
        let (tier, id) = (tier.as_str(), user.id);
        self.execute(&format!("UPDATE users SET subscription_tier = '{tier}' WHERE id = '{id}'")).await;
    }

    /// Makes `user` an operator.
    pub async fn make_admin(&self, user: &TestUser) {
        self.execute(&format!("UPDATE users SET role = 'admin' WHERE id = '{}'", user.id)).await;
    }

    /// Creates a chatroom through the API and returns its id.
    pub async fn create_chatroom(&self, user: &TestUser) -> String {
        user.create_chatroom(self).await.expect("the chatroom is created")
    }

    /// Sends a message through the API and returns its id.
    pub async fn send_message(&self, user: &TestUser, chatroom: &str, content: &str) -> String {
        user.send_text(self, chatroom, content).await.expect("the message is accepted").id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use domain::password::{Password, Verification};

    use super::*;
    use crate::PASSWORD;

    #[test]
    fn hash_is_current() {
        assert_eq!(Password::from(PASSWORD).verify(PASSWORD_HASH), Verification::Correct);
    }
}
