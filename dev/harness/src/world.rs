//! All that a scenario needs, and nothing that another has.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lambda::event_source_mapping::{self, event};
use lambda::{Lambda, Setup};
use mock_gemini::StandIn;
use mock_stripe::Endpoint;
use serde_json::{Value, json};
use stack::Durability;
use stack::Stack;
use stack::StackFolder;
use stack::functions;
use stack::services::names;
use stack::services::postgres;
use stack::services::{self, Aws, redis};
use stack::settings::{LIMITS_RAISED_IN_TESTS, Settings, secret};
use stack::state::State;
use stack::web;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use super::look::Look;
use super::proxy::{Proxy, address_of};
use super::suite::Suite;

/// How long a received item stays away whose worker died: minutes in the template, for nobody waits there.
const VISIBILITY_TIMEOUT: u32 = 4;

/// How many processes of one function there are at the most.
const CONCURRENCY: usize = 12;

/// How often the world is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// A scenario's own service.
pub struct World {
    /// The folders of its stack.
    pub home: StackFolder,
    /// Where the functions' programs are.
    pub programs: PathBuf,
    /// The variables of the functions.
    pub env: BTreeMap<String, String>,
    /// The local Lambda that runs the functions.
    pub lambda: Lambda,
    /// The mock server for Gemini.
    pub gemini: StandIn,
    /// The AWS emulator.
    pub aws: Aws,
    /// Between the functions and Postgres.
    pub postgres: Proxy,
    /// Between the functions and Redis.
    pub redis: Proxy,
    /// A look at the database that no fault gets in the way of.
    pub db: Look,
    servers: [JoinHandle<Result<()>>; 2],
    /// What is behind each proxy's address.
    beyond: BTreeMap<String, String>,
}

impl World {
    /// A world whose functions have `overrides` over their usual variables. Messages wait until [`Self::start_worker`].
    pub async fn start(suite: &Suite, name: &str, overrides: &[(&str, &str)]) -> Result<Self> {
        let home = suite.home_of(name);
        stack::stop(&home).await?;
        stack::remove_logs(&home)?;
        let mut stack = Stack::new(&home, Durability::Ephemeral, Settings::none());
        stack.start_storage().await?;
        let (gemini, gemini_url, gemini_server) = start_gemini().await?;
        let (stripe, stripe_url, stripe_server) = start_stripe().await?;
        let mut env = stack.settings().variables().clone();
        let jwt_secret = secret(&home.subfolder("")?.join("jwt.secret"))?;
        for (name, value) in USUAL
            .iter()
            .chain(&[("GEMINI_BASE_URL", gemini_url.as_str()), ("JWT_SECRET", jwt_secret.as_str())])
            .chain(&[("STRIPE_BASE_URL", stripe_url.as_str())])
        {
            env.insert((*name).to_owned(), (*value).to_owned());
        }
        functions::run_migrations(&home, &env).await?;
        let (database_url, postgres) = proxied(&mut env, "DATABASE_URL").await?;
        let (redis_url, redis) = proxied(&mut env, "REDIS_URL").await?;
        let beyond = [("DATABASE_URL", &database_url), ("REDIS_URL", &redis_url)]
            .map(|(name, url)| (env.get(name).cloned().unwrap_or_default(), url.clone()));
        env.extend(LIMITS_RAISED_IN_TESTS.map(|name| (name.to_owned(), "1000000".to_owned())));
        env.extend(overrides.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let lambda = Lambda::start(Setup {
            programs: suite.programs.clone(),
            logs: home.logs(),
            env: env.clone(),
            concurrency: CONCURRENCY,
            timeout: Duration::from_mins(1),
        })
        .await?;
        let mut state = stack.state().clone();
        state.base_url = lambda.base_url();
        state.env.clone_from(&env);
        state.save(&home)?;
        let aws = Aws::from_settings(&Settings::from(env.clone()))?;
        let db = Look::new(&database_url).await?;
        let url = format!("{}/api/webhook/stripe", lambda.base_url());
        stripe.set_endpoint(STRIPE_KEY, Endpoint { url, secret: STRIPE_WEBHOOK_SECRET.to_owned() });
        let servers = [gemini_server, stripe_server];
        let programs = suite.programs.clone();
        let world = Self {
            home,
            programs,
            env,
            lambda,
            gemini,
            aws,
            postgres,
            redis,
            db,
            servers,
            beyond: beyond.into(),
        };
        world.set_visibility_timeout(VISIBILITY_TIMEOUT).await?;
        Ok(world)
    }

    /// The address beyond the world's own proxy, where `url` is one of them.
    pub fn beyond<'a>(&'a self, url: &'a str) -> &'a str {
        self.beyond.get(url).map_or(url, String::as_str)
    }

    /// The header for a webhook with this body.
    #[must_use]
    pub fn sign_webhook(body: &str) -> String {
        mock_stripe::sign(body, STRIPE_WEBHOOK_SECRET)
    }

    /// A variable of the functions.
    pub fn var(&self, name: &str) -> Result<&str> {
        self.env.get(name).map(String::as_str).with_context(|| format!("{name} is not set"))
    }

    /// How long items that are received from now on stay away unless they are deleted, in seconds.
    pub async fn set_visibility_timeout(&self, seconds: u32) -> Result<()> {
        let attributes = json!({ "VisibilityTimeout": seconds.to_string() });
        let body = json!({ "QueueUrl": self.var("MESSAGE_QUEUE_URL")?, "Attributes": attributes });
        self.aws.sqs("SetQueueAttributes", &body).await.map(|_| ())
    }

    /// Takes up to `most` items off the queue, for somebody who is to be handed them by us.
    pub async fn receive(&self, most: usize) -> Result<Vec<Value>> {
        let body = json!({
            "QueueUrl": self.var("MESSAGE_QUEUE_URL")?, "MaxNumberOfMessages": most, "AttributeNames": ["All"],
        });
        let received = self.aws.sqs("ReceiveMessage", &body).await?;
        Ok(received["Messages"].as_array().cloned().unwrap_or_default())
    }

    /// Has items that were received come back now.
    pub async fn give_back(&self, items: &[Value]) -> Result<()> {
        for item in items {
            let body = json!({
                "QueueUrl": self.var("MESSAGE_QUEUE_URL")?, "ReceiptHandle": item["ReceiptHandle"], "VisibilityTimeout": 0,
            });
            self.aws.sqs("ChangeMessageVisibility", &body).await?;
        }
        Ok(())
    }

    /// Takes an item that was received off the queue for good.
    pub async fn delete(&self, item: &Value) -> Result<()> {
        let body =
            json!({ "QueueUrl": self.var("MESSAGE_QUEUE_URL")?, "ReceiptHandle": item["ReceiptHandle"] });
        self.aws.sqs("DeleteMessage", &body).await.map(|_| ())
    }

    /// The event by which the worker is handed `items`.
    pub fn delivery(&self, items: &[Value]) -> Result<Value> {
        let (queue_url, region) = (self.var("MESSAGE_QUEUE_URL")?, self.var("AWS_REGION")?);
        let records: Vec<Value> = items.iter().map(|item| event::record(item, queue_url, region)).collect();
        Ok(json!({ "Records": records }))
    }

    /// The event by which the worker is handed `messages`, each of another room. Nothing is taken off the queue.
    pub fn delivery_of(&self, messages: &[Uuid]) -> Result<Value> {
        let item = |id: &Uuid| {
            let body = json!({ "version": 1, "type": "answer_message", "message_id": id });
            let attributes = json!({ "ApproximateReceiveCount": "1", "MessageGroupId": id });
            json!({
                "MessageId": Uuid::new_v4(), "ReceiptHandle": "none", "Body": body.to_string(),
                "Attributes": attributes,
            })
        };
        self.delivery(&messages.iter().map(item).collect::<Vec<_>>())
    }

    /// From now on the queue drives workers.
    pub async fn start_worker(&self) -> Result<()> {
        let mut state = State::load(&self.home)?.context("the world is not written down")?;
        let service = services::event_source_mapping::launch(&self.home).await?;
        state.add(&self.home, service)
    }

    /// The same, with up to so many messages at a time.
    pub async fn start_worker_of(&self, batch_size: usize) -> Result<()> {
        let mut state = State::load(&self.home)?.context("the world is not written down")?;
        state.env.insert(event_source_mapping::BATCH_SIZE.to_owned(), batch_size.to_string());
        state.save(&self.home)?;
        self.start_worker().await
    }

    /// Sweeps once.
    pub async fn sweep(&self) -> Result<Value> {
        self.lambda.invoke("sweeper", json!({})).await.context("sweeping")
    }

    /// Tells the stand-in for Gemini something: `what` is a path below `/_control`.
    pub async fn tell_gemini(&self, what: &str, body: &Value) -> Result<()> {
        let url = format!("{}/_control/{what}", self.var("GEMINI_BASE_URL")?);
        let answer = web::client().post(url).json(body).send().await.context("telling Gemini")?;
        ensure!(answer.status().is_success(), "Gemini will not: {}", answer.text().await.unwrap_or_default());
        Ok(())
    }

    /// Asks the stand-in for Stripe something, or tells it something.
    pub async fn stripe(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.var("STRIPE_BASE_URL")?);
        let request = web::client().request(method.parse()?, url).bearer_auth(STRIPE_KEY);
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.send().await.context("asking Stripe")?;
        let status = answer.status();
        let text = answer.text().await.context("reading what Stripe says")?;
        ensure!(status.is_success(), "{method} {path}: Stripe will not: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Has Gemini answer as usual.
    pub async fn forget_scripts(&self) -> Result<()> {
        let url = format!("{}/_control/script", self.var("GEMINI_BASE_URL")?);
        web::client().delete(url).send().await.context("telling Gemini")?.error_for_status()?;
        Ok(())
    }

    /// Has all that is said of models in Redis forgotten, and all else that is there.
    pub async fn forget_models(&self) -> Result<()> {
        let state = State::load(&self.home)?.context("the world is not written down")?;
        let service = state.service(names::REDIS).context("there is no Redis")?;
        redis::empty(address_of(&service.address)?.port()).await
    }

    /// Has PostgreSQL keep what it has committed, whatever is done to it: a world begins with one that is fast instead.
    pub async fn make_durable(&self) -> Result<()> {
        let state = State::load(&self.home)?.context("the world is not written down")?;
        state.service(names::POSTGRES).context("there is no PostgreSQL")?.stop().await;
        self.start_again(names::POSTGRES).await
    }

    /// Kills PostgreSQL or Redis, with all its processes, and starts it again after `outage`, where it was.
    pub async fn kill_and_restart(&self, name: &str, outage: Duration) -> Result<()> {
        let state = State::load(&self.home)?.context("the world is not written down")?;
        state.service(name).with_context(|| format!("there is no {name}"))?.handle.kill_tree();
        sleep(outage).await;
        self.start_again(name).await
    }

    async fn start_again(&self, name: &str) -> Result<()> {
        let mut state = State::load(&self.home)?.context("the world is not written down")?;
        let before = state.service(name).with_context(|| format!("there is no {name}"))?.address.clone();
        let service = match name {
            names::POSTGRES => postgres::start(&self.home, Durability::Persistent, &[]).await?.service,
            _ => redis::start(&self.home).await?,
        };
        ensure!(service.address == before, "{name} came back at {}, not {before}", service.address);
        state.add(&self.home, service)
    }

    /// Waits until every message of a person has come to an end, and answers how long that took.
    pub async fn wait_until_all_ended(&self, patience: Duration) -> Result<Duration> {
        const SQL: &str = "SELECT count(*) FROM messages
            WHERE message_type = 'user' AND processing_status IN ('pending', 'processing')";
        let begun = Instant::now();
        loop {
            let left: i64 = self.db.query_one(SQL, &[]).await?.get(0);
            if left == 0 {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > patience {
                bail!("{left} messages have come to no end after {patience:?}: {}", self.unfinished().await?);
            }
            sleep(GLANCE).await;
        }
    }

    /// Some of the messages that have come to no end, for an error.
    async fn unfinished(&self) -> Result<String> {
        const SQL: &str = "SELECT coalesce(string_agg(concat_ws(' ', id, processing_status, 'attempts', attempts, 'resends',
                resends, 'not before', lease_until, 'sweep at', sweep_at), '; '), '') FROM
            (SELECT * FROM messages WHERE processing_status IN ('pending', 'processing') LIMIT 3) m";
        Ok(self.db.query_one(SQL, &[]).await?.get(0))
    }
}

/// What the functions of every world run with: no limit that would hinder a suite which is many users at one address, and
/// short waits.
const USUAL: [(&str, &str); 12] = [
    ("ENVIRONMENT", "local"),
    ("OTP_DELIVERY", "response"),
    ("GEMINI_API_KEY", "local"),
    ("GEMINI_TIMEOUT_MS", "2000"),
    ("GEMINI_REQUESTS_PER_MINUTE", "1000000"),
    ("GEMINI_TOKENS_PER_MINUTE", "100000000"),
    ("BASIC_DAILY_MESSAGE_LIMIT", "1000000"),
    ("RETRY_BASE_DELAY_MS", "200"),
    ("STRIPE_SECRET_KEY", STRIPE_KEY),
    ("STRIPE_PRICE_ID", mock_stripe::PRICE),
    ("STRIPE_WEBHOOK_SECRET", STRIPE_WEBHOOK_SECRET),
    ("REDIRECT_HOSTS", "localhost"),
];

/// The account that a world has at Stripe, and what its webhooks are signed with.
const STRIPE_KEY: &str = "sk_test_of_the_faults";
const STRIPE_WEBHOOK_SECRET: &str = "whsec_of_the_faults_suite";

/// Puts a proxy in front of the server whose address is in the variable `name`, and answers the server's own.
async fn proxied(env: &mut BTreeMap<String, String>, name: &str) -> Result<(String, Proxy)> {
    let url = env.get(name).with_context(|| format!("{name} is not set"))?.clone();
    let proxy = Proxy::start(address_of(&url)?).await?;
    env.insert(name.to_owned(), proxy.in_place_of(&url)?);
    Ok((url, proxy))
}

async fn start_gemini() -> Result<(StandIn, String, JoinHandle<Result<()>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening as Gemini")?;
    let url = format!("http://{}", listener.local_addr().context("reading Gemini's port")?);
    let stand_in = StandIn::default();
    let server = tokio::spawn(stand_in.clone().serve(listener));
    Ok((stand_in, url, server))
}

async fn start_stripe() -> Result<(mock_stripe::StandIn, String, JoinHandle<Result<()>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening as Stripe")?;
    let url = format!("http://{}", listener.local_addr().context("reading Stripe's port")?);
    let stand_in = mock_stripe::StandIn::new(&url);
    let server = tokio::spawn(stand_in.clone().serve(listener));
    Ok((stand_in, url, server))
}

impl Drop for World {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}
