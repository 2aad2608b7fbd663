//! The replacement of a secret without signing users out.

use anyhow::{Result, ensure};
use harness::{Request, TestUser};

use crate::rehearsal::{Rehearsal, random_secret};

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    let user = TestUser::sign_up(rehearsal).await?;
    let before = rehearsal.serving().await?;
    let (old, new) = (rehearsal.secret("JWT_SECRET"), random_secret());
    rehearsal.deploy_secret(&[("JWT_SECRET", &format!("{new},{old}"))]).await?;
    let after = rehearsal.serving().await?;
    let (earlier, later) = (before.versions(), after.versions());
    let kept: Vec<&str> = earlier
        .iter()
        .filter(|(name, version)| later.get(*name) == Some(version))
        .map(|(name, _)| *name)
        .collect();
    ensure!(kept.is_empty(), "no new version of {}", kept.join(", "));
    let served = rehearsal.variable("user", "JWT_SECRET").await?;
    ensure!(served.starts_with(&new), "the functions that serve have the old secret");
    let me = Request::new("GET", "/api/user/me").token(&user.token);
    me.send(rehearsal).await?.ensure(200)?;
    let newcomer = TestUser::sign_up(rehearsal).await?;
    rehearsal.deploy_secret(&[("JWT_SECRET", &new)]).await?;
    me.send(rehearsal).await?.ensure(401)?;
    Request::new("GET", "/api/user/me").token(&newcomer.token).send(rehearsal).await?.ensure(200)?;
    Ok(format!("{} functions published anew, twice", later.len()))
}
