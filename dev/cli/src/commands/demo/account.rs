//! The sample account: signed up once, with Pro, because its messages exceed the limit of Basic.

use anyhow::{Context as _, Result, bail};
use harness::{Request, TestUser};
use serde_json::json;

use super::Demo;

pub const NUMBER: &str = "+4915112345678";
pub const PASSWORD: &str = "quiet herons at dusk";
const NAME: &str = "Ada Lovelace";

/// Signs in, or up if there is no account, and upgrades to Pro.
pub(super) async fn open(demo: &Demo) -> Result<TestUser> {
    let credentials = json!({ "mobile_number": NUMBER, "password": PASSWORD });
    let session = Request::post("/api/auth/login", &credentials).send(demo).await?;
    let session = match session.status.as_u16() {
        200 => session,
        401 => sign_up(demo).await?,
        status => bail!("signing in: {status} {}", session.body),
    };
    let user = TestUser {
        number: NUMBER.to_owned(),
        token: session.string_at("/token")?,
        refresh_token: session.string_at("/refresh_token")?,
    };
    upgrade(demo, &user).await?;
    Ok(user)
}

async fn sign_up(demo: &Demo) -> Result<harness::Response> {
    let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": NUMBER }));
    let code = code.send(demo).await?.ensure(200)?;
    let otp = code.string_at("/otp").context("--demo needs OTP_DELIVERY=response, the default")?;
    let account = json!({ "mobile_number": NUMBER, "otp": otp, "name": NAME, "password": PASSWORD });
    let created = Request::post("/api/auth/verify-signup-otp", &account).send(demo).await?;
    created.ensure(201).with_context(|| format!("{NUMBER} has an account with another password"))
}

async fn upgrade(demo: &Demo, user: &TestUser) -> Result<()> {
    const STATUS: &str = "/api/subscription/status";
    let subscription = user.request("GET", STATUS).send(demo).await?.ensure(200)?;
    if subscription.string_at("/subscription/tier")? == "pro" {
        return Ok(());
    }
    let checkout = user.open_checkout(demo).await?;
    demo.mocks.pay(&checkout).await?;
    user.wait_for(demo, STATUS, |body| body["subscription"]["tier"] == "pro").await?;
    Ok(())
}
