//! People with accounts.

use domain::{MobileNumber, SessionId, Tier, UserId};
use serde_json::json;
use store::sessions::NewSession;
use store::users::{self, NewUser};

use crate::{TestApp, random_number};

/// The password of every [`Person`].
pub const PASSWORD: &str = "correct horse battery";

/// The hash of [`PASSWORD`]. A constant, because argon2 takes 20 ms or more for each user otherwise.
const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$zfVqt8yNtpDU9J9Dzpvk3g$Q+i1PkBZNwJsp0ZVG5JbUEVnKWNhpY+UdmgOrpbDol0";

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// Their number.
    pub mobile_number: MobileNumber,
    /// Their access token.
    pub token: String,
}

impl TestApp {
    /// Somebody new on the Basic plan, signed in.
    pub async fn person(&self) -> Person {
        let now = self.app.clock.now();
        let (id, session_id, mobile_number) = (UserId::new(now), SessionId::new(now), random_number());
        let user = NewUser { id, mobile_number: &mobile_number, name: "Ada", password_hash: PASSWORD_HASH };
        let session = NewSession {
            id: session_id,
            refresh_token_hash: b"none",
            address: None,
            user_agent: None,
            created_at: now,
            expires_at: now + self.app.config.refresh_lifetime,
        };
        let db = self.app.db().await.expect("Postgres answers");
        users::insert_with_session(&db, user, &session).await.expect("the account can be opened");
        let token = self.app.tokens().unwrap().issue(id, session_id, now).expect("a token can be made");
        Person { id, mobile_number, token }
    }

    /// Begins the session of `person`'s token anew, where something has ended it, or the whole account.
    pub async fn revive(&self, person: &Person) {
        let now = self.app.clock.now();
        let claims = self.app.tokens().unwrap().verify(&person.token, now).expect("the token is good");
        let db = self.app.db().await.expect("Postgres answers");
        db.execute(
            "INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
             VALUES ($1, $2, 'Ada', $3, $4, $4) ON CONFLICT (id) DO UPDATE SET password_hash = $3",
            &[&person.id.0, &person.mobile_number.as_str(), &PASSWORD_HASH, &now],
        )
        .await
        .expect("the account can be opened");
        let expires_at = now + self.app.config.refresh_lifetime;
        db.execute(
            "INSERT INTO sessions (id, user_id, refresh_token_hash, created_at, last_seen_at, expires_at)
             VALUES ($1, $2, '\\x00', $3, $3, $4) ON CONFLICT (id) DO NOTHING",
            &[&claims.sid.0, &person.id.0, &now, &expires_at],
        )
        .await
        .expect("the session can be begun");
        self.app.redis.invalidate_session(claims.sid).await.expect("Redis answers");
    }

    /// Puts `person` on `tier`.
    pub async fn set_tier(&self, person: &Person, tier: Tier) {
        self.execute(&format!(
            "UPDATE users SET subscription_tier = '{}' WHERE id = '{}'",
            tier.as_str(),
            person.id
        ))
        .await;
    }

    /// Makes `person` an operator.
    pub async fn make_admin(&self, person: &Person) {
        self.execute(&format!("UPDATE users SET role = 'admin' WHERE id = '{}'", person.id)).await;
    }

    /// Opens a room of `person` by the API and answers its id.
    pub async fn room(&self, person: &Person) -> String {
        let request = self.request("POST", "/api/chatroom").by(person).json(json!({ "name": "A room" }));
        request.send().await.expect(201).text("/chatroom/id")
    }

    /// Sends a message of `person` by the API and answers its id.
    pub async fn message(&self, person: &Person, room: &str, content: &str) -> String {
        let path = format!("/api/chatroom/{room}/message");
        let request = self.request("POST", &path).by(person).json(json!({ "content": content }));
        request.send().await.expect(201).text("/message/id")
    }
}

#[cfg(test)]
mod tests {
    use domain::password::{Password, Verification};

    use super::*;

    #[test]
    fn hash_is_current() {
        assert_eq!(Password::from(PASSWORD).verify(PASSWORD_HASH), Verification::Correct);
    }
}
