//! The whole stack, from nothing to an API that answers.

use std::env;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::functions::{self, Reload};
use crate::home::Home;
use crate::services::aws::{self, Aws, Memory};
use crate::services::postgres::{self, Durability, Postgres};
use crate::services::{api, gemini, instances, pump, redis, stripe};
use crate::settings::{Settings, secret};
use crate::state::State;
use crate::template::Template;
use crate::{names, progress, python};

/// What kind of stack is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Where the API is served.
    pub port: u16,
    /// Whether code is reloaded.
    pub reload: Reload,
    /// Whether data is kept.
    pub durability: Durability,
}

/// A stack being started. Whatever runs is written down at once, so that it can be ended when a later step fails.
#[derive(Debug)]
pub struct Stack {
    home: Home,
    plan: Plan,
    settings: Settings,
    state: State,
    postgres: Option<Postgres>,
}

/// The database of the functions.
pub const DATABASE: &str = "app";

/// The database of the tests that bring their own schema.
pub const TEST_DATABASE: &str = "unit";

impl Stack {
    /// Nothing yet.
    #[must_use]
    pub fn new(home: &Home, plan: Plan, settings: Settings) -> Self {
        Self { home: home.clone(), plan, settings, state: State::default(), postgres: None }
    }

    /// The server started, unless the developer brought one.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// What runs, as far as it does.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the functions run with, as far as it is known.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts what holds data: Postgres, Redis, and the emulator of AWS with its queues and its table.
    ///
    /// # Errors
    /// When one cannot be started.
    pub async fn start_storage(&mut self) -> Result<()> {
        if self.is_given("PostgreSQL", "DATABASE_URL") {
            // Theirs, and nothing of it is ours to start or stop.
        } else {
            let postgres =
                postgres::start(&self.home, self.plan.durability, &[DATABASE, TEST_DATABASE]).await?;
            self.state.add(&self.home, postgres.service.clone())?;
            self.settings.set_default("DATABASE_URL", postgres.url(DATABASE));
            self.postgres = Some(postgres);
        }
        if !self.is_given("Redis", "REDIS_URL") {
            let service = redis::start(&self.home).await?;
            self.settings.set_default("REDIS_URL", format!("redis://{}", service.address));
            self.state.add(&self.home, service)?;
        }
        python::install(&self.home, python::Packages::Tools).await?;
        self.start_aws().await
    }

    /// Starts all the rest and answers what runs.
    ///
    /// # Errors
    /// When anything cannot be started.
    pub async fn start_functions(mut self) -> Result<State> {
        self.start_gemini().await?;
        self.start_stripe().await?;
        self.settings.set_default("ENVIRONMENT", "local");
        self.settings.set_default("OTP_DELIVERY", "response");
        self.settings.set_default("JWT_SECRET", secret(&self.home.folder("")?.join("jwt.secret"))?);
        functions::build(&self.home, self.plan.reload).await?;
        functions::migrate(&self.home, self.settings.variables()).await?;
        self.start_api().await?;
        let pump = pump::launch(&self.home).await?;
        self.state.add(&self.home, pump)?;
        Ok(self.state)
    }

    async fn start_api(&mut self) -> Result<()> {
        let api = progress::step("API", async {
            let api = api::start(&self.home, self.plan.port).await?;
            self.state.base_url.clone_from(&api.address);
            self.state.env = self.settings.variables().clone();
            self.state.add(&self.home, api.clone())?;
            let fleet = instances::start(&self.home, self.plan.reload)?;
            self.state.add(&self.home, fleet.clone())?;
            api::wait_until_healthy(&api.address, &fleet).await?;
            Ok(api)
        });
        api.await.map(|_| ())
    }

    async fn start_aws(&mut self) -> Result<()> {
        self.settings.set_default(
            "AWS_REGION",
            env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "eu-central-1".to_owned()),
        );
        // An account's number, which the emulator takes for the account.
        self.settings.set_default("AWS_ACCESS_KEY_ID", "000000000000");
        self.settings.set_default("AWS_SECRET_ACCESS_KEY", "local");
        if !self.is_given("AWS", "AWS_ENDPOINT_URL") {
            let memory = match self.plan.durability {
                Durability::Kept => Memory::Kept,
                Durability::ThrownAway => Memory::ThrownAway,
            };
            let region = self.settings.get("AWS_REGION").unwrap_or_default();
            let service = aws::start(&self.home, region, memory).await?;
            self.settings.set_default("AWS_ENDPOINT_URL", service.address.clone());
            self.state.add(&self.home, service)?;
        }
        if ["MESSAGE_QUEUE_URL", "TABLE_NAME"].iter().all(|name| self.settings.get(name).is_some()) {
            progress::note("queues      yours (MESSAGE_QUEUE_URL, TABLE_NAME)");
            return Ok(());
        }
        let template = Template::read(self.home.root())?;
        let names = aws::create(&aws_of(&self.settings)?, &template).await?;
        self.settings.set_default("MESSAGE_QUEUE_URL", names.message_queue_url);
        self.settings.set_default("MESSAGE_DEAD_LETTER_QUEUE_URL", names.message_dead_letter_queue_url);
        self.settings.set_default("TABLE_NAME", names.table_name);
        Ok(())
    }

    async fn start_gemini(&mut self) -> Result<()> {
        if !self.is_given("Gemini", "GEMINI_API_KEY") {
            let service = gemini::start(&self.home).await?;
            self.settings.set_default("GEMINI_API_KEY", "local");
            self.settings.set_default("GEMINI_BASE_URL", service.address.clone());
            self.state.add(&self.home, service)?;
        }
        Ok(())
    }

    /// Starts the stand-in for Stripe, unless that was done or the developer has a Stripe account.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start_stripe(&mut self) -> Result<()> {
        // Where people are sent back to is theirs to say with an account of theirs too; on a laptop it is the laptop.
        self.settings.set_default("REDIRECT_HOSTS", "localhost,127.0.0.1");
        if self.state.service(names::STRIPE).is_some() || self.is_given("Stripe", "STRIPE_SECRET_KEY") {
            return Ok(());
        }
        let path = self.home.folder("")?.join("stripe.webhook.secret");
        let secret_of_webhooks = secret(&path)?;
        let is_kept = matches!(self.plan.durability, Durability::Kept);
        let path = path.to_string_lossy();
        let service = stripe::start(&self.home, self.plan.port, &path, is_kept).await?;
        for (name, value) in [
            ("STRIPE_SECRET_KEY", stripe::KEY),
            ("STRIPE_PRICE_ID", stripe::PRICE),
            ("STRIPE_WEBHOOK_SECRET", &secret_of_webhooks),
            ("STRIPE_BASE_URL", &service.address),
        ] {
            self.settings.set_default(name, value);
        }
        self.state.add(&self.home, service)
    }

    /// Whether the developer has one of their own, which is said.
    fn is_given(&self, what: &str, variable: &str) -> bool {
        let given = self.settings.get(variable).is_some();
        if given {
            progress::note(format!("{what:<11} yours ({variable})"));
        }
        given
    }
}

/// The emulator that these settings speak of.
///
/// # Errors
/// When they speak of none.
pub fn aws_of(settings: &Settings) -> Result<Aws> {
    let get = |name| settings.get(name).with_context(|| format!("{name} is not set"));
    Ok(Aws::new(get("AWS_ENDPOINT_URL")?, get("AWS_REGION")?, get("AWS_ACCESS_KEY_ID")?))
}

/// Ends what an earlier start left behind.
///
/// # Errors
/// When that cannot be found out.
pub async fn clear(home: &Home) -> Result<()> {
    if let Some(left) = State::load(home)? {
        left.stop(home).await?;
    }
    Ok(())
}

/// Empties the logs of earlier starts.
///
/// # Errors
/// When one cannot be removed.
pub fn fresh_logs(home: &Home) -> Result<()> {
    let folder = home.folder("logs")?;
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries
        .flatten()
        .filter(|entry| Path::new(&entry.file_name()).extension().is_some_and(|e| e == "log"))
    {
        std::fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
    }
    Ok(())
}
