//! [`TestEnvironment`]: PostgreSQL, Redis, the AWS emulator, mock servers and a local Lambda for
//! one scenario alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use api_client::{Request, Response, Transport};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lambda::{Lambda, Setup, gateway};
use mock_gemini::MockGemini;
use mock_stripe::{Endpoint, MockStripe};
use serde_json::{Value, json};
use stack::StackFolder;
use stack::functions;
use stack::process::Launch;
use stack::services::Aws;
use stack::settings::{LIMITS_RAISED_IN_TESTS, Settings, secret};
use stack::{Durability, Stack, web};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::proxy::{Proxy, address_of};
use super::{DbObserver, MockControl, Suite, wait_until};

/// The queue's visibility timeout, in seconds: short, so that a message whose worker died is soon
/// redelivered.
const VISIBILITY_TIMEOUT: u32 = 4;

pub(super) const CONCURRENCY: usize = 12;

/// The timeout of every function: long enough for an answer of a minute.
const FUNCTION_TIMEOUT: Duration = Duration::from_mins(2);

pub struct TestEnvironment {
    pub home: StackFolder,
    pub programs: PathBuf,
    pub env: BTreeMap<String, String>,
    pub lambda: Lambda,
    pub gemini: MockGemini,
    pub mocks: MockControl,
    pub aws: Aws,
    pub postgres: Proxy,
    pub redis: Proxy,
    /// A view of the database that bypasses the proxy.
    pub db: DbObserver,
    servers: [JoinHandle<Result<()>>; 2],
    /// The URL of the real server, by variable; the variable itself leads to a proxy.
    direct: BTreeMap<&'static str, String>,
}

impl TestEnvironment {
    /// Starts an environment. `overrides` replace the functions' usual variables; an empty one
    /// leaves the function's default. Messages stay on the queue until [`Self::start_worker`].
    pub async fn start(suite: &Suite, name: &str, overrides: &[(&str, &str)]) -> Result<Self> {
        // A start takes processor time: eight at once would all be late.
        static STARTING: Semaphore = Semaphore::const_new(2);
        let _starting = STARTING.acquire().await?;
        let home = suite.home_of(name);
        stack::stop(&home).await?;
        stack::remove_logs(&home)?;
        let mut stack = Stack::new(&home, Durability::Ephemeral, Settings::none());
        stack.start_storage().await?;
        let (gemini, gemini_url, gemini_server) = MockGemini::start().await?;
        let (stripe, stripe_url, stripe_server) = MockStripe::start().await?;
        let mut env = stack.settings().variables().clone();
        let jwt_secret = secret(&home.subfolder("")?.join("jwt.secret"))?;
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        env.extend(VARIABLES.map(own));
        env.extend([("GEMINI_BASE_URL", &*gemini_url), ("STRIPE_BASE_URL", &stripe_url)].map(own));
        env.insert("JWT_SECRET".to_owned(), jwt_secret);
        env.extend(LIMITS_RAISED_IN_TESTS.iter().map(|name| own((name, "1000000"))));
        env.extend(overrides.iter().copied().map(own));
        env.retain(|_, value| !value.is_empty());
        let migrate =
            Launch::new(suite.programs.join(functions::MIGRATE)).without_settings().env(env.clone());
        migrate.run_logged(&home.log(functions::MIGRATE)).await.context("running the migrations")?;
        let (database_url, postgres) = insert_proxy(&mut env, "DATABASE_URL").await?;
        let (redis_url, redis) = insert_proxy(&mut env, "REDIS_URL").await?;
        let lambda = Lambda::start(Setup {
            programs: suite.programs.clone(),
            logs: home.logs(),
            env: env.clone(),
            concurrency: CONCURRENCY,
            timeout: FUNCTION_TIMEOUT,
        })
        .await?;
        let mut state = stack.state().clone();
        state.base_url = lambda.base_url();
        state.env.clone_from(&env);
        state.save(&home)?;
        let url = format!("{}/api/webhook/stripe", lambda.base_url());
        stripe.set_endpoint(STRIPE_KEY, Endpoint { url, secret: STRIPE_WEBHOOK_SECRET.to_owned() });
        let (client, stripe_key) = (web::client(), STRIPE_KEY.to_owned());
        let mocks = MockControl { client, gemini_url, stripe_url, stripe_key };
        let environment = Self {
            home,
            programs: suite.programs.clone(),
            aws: Aws::from_settings(&Settings::from(env.clone()))?,
            env,
            lambda,
            gemini,
            mocks,
            postgres,
            redis,
            db: DbObserver::connect(&database_url).await?,
            servers: [gemini_server, stripe_server],
            direct: [("DATABASE_URL", database_url), ("REDIS_URL", redis_url)].into(),
        };
        environment.set_visibility_timeout(VISIBILITY_TIMEOUT).await?;
        Ok(environment)
    }

    pub fn var(&self, name: &str) -> Result<&str> {
        self.env.get(name).map(String::as_str).with_context(|| format!("{name} is not set"))
    }

    /// The URL in the variable `name`, or behind the environment's own proxy.
    pub fn direct_url(&self, name: &str) -> Result<&str> {
        self.direct.get(name).map_or_else(|| self.var(name), |url| Ok(url))
    }

    pub fn sign_webhook(body: &str) -> String {
        mock_stripe::sign(body, STRIPE_WEBHOOK_SECRET)
    }

    /// Sends `request` as from the client at `address`.
    pub async fn send_from(&self, request: &Request, address: &str) -> Result<Response> {
        let event = event_from(request, address);
        read_response(&self.lambda.invoke(function(request), event).await?)
    }

    /// Sends requests as from the client at `address`.
    pub const fn at(&self, address: &'static str) -> ClientAt<'_> {
        ClientAt { environment: self, address }
    }

    pub async fn sweep(&self) -> Result<Value> {
        self.lambda.invoke("sweeper", json!({})).await.context("sweeping")
    }

    pub async fn wait_until_all_done(&self, max_wait: Duration) -> Result<Duration> {
        const OPEN: &str = "SELECT count(*) = 0 FROM generations WHERE status IN ('pending', 'processing')";
        const EXAMPLES: &str = "SELECT coalesce(string_agg(concat_ws(' ', id, status, 'attempts',
                attempts, 'resends', resends, 'not before', lease_until, 'sweep at', sweep_at), '; '), '') FROM
            (SELECT * FROM generations WHERE status IN ('pending', 'processing') LIMIT 3) g";
        let are_done = async || self.db.value(OPEN, &[]).await;
        match wait_until("all messages are in a final state", max_wait, are_done).await {
            Err(error) => Err(error.context(self.db.value::<String>(EXAMPLES, &[]).await?)),
            took => took,
        }
    }
}

/// Sends each request as an invocation of its function, as API Gateway does. A streamed response is
/// collected until its end.
impl Transport for TestEnvironment {
    async fn send(&self, request: &Request) -> Result<Response> {
        read_response(&self.lambda.invoke(function(request), event(request)).await?)
    }
}

/// A client at one address.
#[derive(Clone, Copy)]
pub struct ClientAt<'a> {
    environment: &'a TestEnvironment,
    address: &'static str,
}

impl Transport for ClientAt<'_> {
    async fn send(&self, request: &Request) -> Result<Response> {
        self.environment.send_from(request, self.address).await
    }
}

pub(super) fn read_response(response: &Value) -> Result<Response> {
    let status = response["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.with_context(|| format!("no status in {response}"))?;
    let mut headers = HeaderMap::new();
    for (name, value) in response["headers"].as_object().into_iter().flatten() {
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default())?;
        headers.insert(HeaderName::from_bytes(name.as_bytes())?, value);
    }
    let body = response["body"].as_str().unwrap_or_default();
    let body = match response["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).context("decoding the response body")?,
        _ => body.as_bytes().to_vec(),
    };
    Response::new(StatusCode::from_u16(status)?, headers, &body)
}

pub fn function(request: &Request) -> &str {
    gateway::function_of(&request.path)
}

pub fn event(request: &Request) -> Value {
    event_from(request, "127.0.0.1")
}

/// The event of the HTTP API, or of the REST API for a streamed route.
fn event_from(request: &Request, address: &str) -> Value {
    gateway::event(gateway::EventRequest {
        method: &request.method,
        path_and_query: &request.path,
        headers: &request.headers,
        body: request.body.as_deref(),
        address,
    })
}

/// The functions' variables in every environment: no limits that stop many users at one address,
/// and short waits.
const VARIABLES: [(&str, &str); 14] = [
    ("ENVIRONMENT", "local"),
    ("METRICS_NAMESPACE", "ai-chat-local"),
    ("OTP_DELIVERY", "response"),
    ("GEMINI_API_KEY", "local"),
    ("GEMINI_TIMEOUT_MS", "2000"),
    ("GEMINI_REQUESTS_PER_MINUTE", "1000000"),
    ("GEMINI_TOKENS_PER_MINUTE", "100000000"),
    ("BASIC_DAILY_MESSAGE_LIMIT", "1000000"),
    ("RETRY_BASE_DELAY_MS", "200"),
    ("WORKER_LEASE_MS", "4000"),
    ("STRIPE_SECRET_KEY", STRIPE_KEY),
    ("STRIPE_PRICE_ID", mock_stripe::PRICE),
    ("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET),
    ("REDIRECT_HOSTS", "localhost"),
];

const STRIPE_KEY: &str = "sk_test_of_the_harness";
const STRIPE_WEBHOOK_SECRET: &str = "whsec_of_the_harness";

/// Puts a proxy in front of the server in the variable `name`, and returns the server's own URL
/// with the proxy.
async fn insert_proxy(env: &mut BTreeMap<String, String>, name: &str) -> Result<(String, Proxy)> {
    let url = env.get(name).with_context(|| format!("{name} is not set"))?.clone();
    let proxy = Proxy::start(address_of(&url)?).await?;
    env.insert(name.to_owned(), proxy.in_place_of(&url)?);
    Ok((url, proxy))
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}
