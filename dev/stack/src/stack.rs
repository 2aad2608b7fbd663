//! Starts a whole stack, up to an API that answers.

use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::folder::StackFolder;
use crate::functions;
use crate::services::postgres::{self, Postgres};
use crate::services::{Aws, aws, event_source_mapping, gemini, lambda, redis, stripe};
use crate::settings::{Settings, secret};
use crate::state::State;
use crate::template::Template;
use crate::{progress, python};

/// The functions' database.
pub const DATABASE: &str = "app";

/// The database of tests that create schemas of their own.
pub const TEST_DATABASE: &str = "unit";

/// Whether data survives a stop of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It survives, even a crash of the machine.
    Persistent,
    /// It is deleted at the next start. Writes are faster.
    Ephemeral,
}

/// A stack that is starting. Each service is saved at once, so that a later failure can stop it.
#[derive(Debug)]
pub struct Stack {
    folder: StackFolder,
    durability: Durability,
    settings: Settings,
    state: State,
    postgres: Option<Postgres>,
}

impl Stack {
    /// A stack without services.
    #[must_use]
    pub fn new(folder: &StackFolder, durability: Durability, settings: Settings) -> Self {
        Self { folder: folder.clone(), durability, settings, state: State::default(), postgres: None }
    }

    /// The PostgreSQL that was started, unless the developer set `DATABASE_URL`.
    #[must_use]
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The services that run so far.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The functions' variables that are known so far.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts Postgres, Redis and the AWS emulator, and creates the queues and the table.
    pub async fn start_storage(&mut self) -> Result<()> {
        if !self.is_provided("PostgreSQL", "DATABASE_URL") {
            let postgres = postgres::start(&self.folder, self.durability, &[DATABASE, TEST_DATABASE]).await?;
            self.state.add(&self.folder, postgres.service.clone())?;
            self.settings.set_default("DATABASE_URL", postgres.url(DATABASE));
            self.postgres = Some(postgres);
        }
        if !self.is_provided("Redis", "REDIS_URL") {
            let service = redis::start(&self.folder).await?;
            self.settings.set_default("REDIS_URL", format!("redis://{}", service.address));
            self.state.add(&self.folder, service)?;
        }
        python::install(&self.folder, python::Packages::Tools).await?;
        self.start_aws().await
    }

    /// Starts the mock servers, runs the migrations and starts the functions, which are built. The
    /// API listens on `port`. With `reload`, functions are rebuilt when their source changes.
    pub async fn start_functions(mut self, port: u16, reload: bool) -> Result<State> {
        self.start_gemini().await?;
        self.start_stripe(port).await?;
        self.settings.set_default("ENVIRONMENT", "local");
        self.settings.set_default("OTP_DELIVERY", "response");
        self.settings.set_default("JWT_SECRET", secret(&self.folder.subfolder("")?.join("jwt.secret"))?);
        self.state.env = self.settings.variables().clone();
        progress::step("migrations", async {
            functions::run_migrations(&self.folder, &self.state.env).await.map(|()| "up to date")
        })
        .await?;
        progress::step("API", async {
            lambda::start(&self.folder, &mut self.state, port, reload).await?;
            Ok(self.state.base_url.clone())
        })
        .await?;
        self.state.add(&self.folder, event_source_mapping::launch(&self.folder).await?)?;
        Ok(self.state)
    }

    async fn start_aws(&mut self) -> Result<()> {
        let region = env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "eu-central-1".to_owned());
        self.settings.set_default("AWS_REGION", region);
        // The emulator takes an access key id of twelve digits as the account id.
        self.settings.set_default("AWS_ACCESS_KEY_ID", "000000000000");
        self.settings.set_default("AWS_SECRET_ACCESS_KEY", "local");
        if !self.is_provided("AWS", "AWS_ENDPOINT_URL") {
            let region = self.settings.get("AWS_REGION").unwrap_or_default();
            let service = aws::start(&self.folder, region, self.durability).await?;
            self.settings.set_default("AWS_ENDPOINT_URL", service.address.clone());
            self.state.add(&self.folder, service)?;
        }
        if ["MESSAGE_QUEUE_URL", "TABLE_NAME"].iter().all(|name| self.settings.get(name).is_some()) {
            progress::info("queues      yours (MESSAGE_QUEUE_URL, TABLE_NAME)");
            return Ok(());
        }
        let template = Template::read(self.folder.root())?;
        let resources = aws::create(&Aws::from_settings(&self.settings)?, &template).await?;
        self.settings.set_default("MESSAGE_QUEUE_URL", resources.message_queue_url);
        self.settings.set_default("MESSAGE_DEAD_LETTER_QUEUE_URL", resources.message_dead_letter_queue_url);
        self.settings.set_default("TABLE_NAME", resources.table_name);
        Ok(())
    }

    async fn start_gemini(&mut self) -> Result<()> {
        if !self.is_provided("Gemini", "GEMINI_API_KEY") {
            let service = gemini::start(&self.folder).await?;
            self.settings.set_default("GEMINI_API_KEY", "local");
            self.settings.set_default("GEMINI_BASE_URL", service.address.clone());
            self.state.add(&self.folder, service)?;
        }
        Ok(())
    }

    async fn start_stripe(&mut self, api_port: u16) -> Result<()> {
        // Also for the developer's own Stripe account: on a laptop, users return to the laptop.
        self.settings.set_default("REDIRECT_HOSTS", "localhost,127.0.0.1");
        if self.is_provided("Stripe", "STRIPE_SECRET_KEY") {
            return Ok(());
        }
        let path = self.folder.subfolder("")?.join("stripe.webhook.secret");
        let webhook_secret = secret(&path)?;
        let is_persistent = self.durability == Durability::Persistent;
        let service = stripe::start(&self.folder, api_port, &path.to_string_lossy(), is_persistent).await?;
        for (name, value) in [
            ("STRIPE_SECRET_KEY", stripe::KEY),
            ("STRIPE_PRICE_ID", stripe::PRICE),
            ("STRIPE_WEBHOOK_SECRET", &webhook_secret),
            ("STRIPE_BASE_URL", &service.address),
        ] {
            self.settings.set_default(name, value);
        }
        self.state.add(&self.folder, service)
    }

    /// Whether the developer set `variable`, which then replaces the local service.
    fn is_provided(&self, service: &str, variable: &str) -> bool {
        let is_provided = self.settings.get(variable).is_some();
        if is_provided {
            progress::info(format!("{service:<11} yours ({variable})"));
        }
        is_provided
    }
}

/// Stops the stack in `folder`, if one runs.
pub async fn stop(folder: &StackFolder) -> Result<()> {
    match State::load(folder)? {
        Some(state) => state.stop(folder).await,
        None => Ok(()),
    }
}

/// Removes the logs of earlier starts.
pub fn remove_logs(folder: &StackFolder) -> Result<()> {
    let logs = folder.subfolder("logs")?;
    let entries = fs::read_dir(&logs).with_context(|| format!("reading {}", logs.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}
