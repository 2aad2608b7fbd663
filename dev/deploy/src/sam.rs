//! The SAM CLI, which an operator uses too.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use stack::process::Launch;
use stack::{StackFolder, python};

/// Runs `sam` with the sections `local` of `samconfig.toml`, against the emulator.
#[derive(Debug, Clone)]
pub(crate) struct Sam {
    program: PathBuf,
    folder: StackFolder,
    env: Vec<(&'static str, OsString)>,
}

/// A deployment that has ended. `output` says why it failed.
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) is_success: bool,
    pub(crate) output: String,
}

impl Sam {
    /// Installs `sam` unless it is installed.
    pub(crate) async fn install(folder: &StackFolder) -> Result<Self> {
        let program = python::tool(folder, "sam").await?.join("bin/sam");
        // `sam build` runs cargo-lambda, which is in the environment of the local stack.
        python::install(folder, "tools").await?;
        let own = [folder.python().join("bin"), folder.root().join(".dev/tools/sam/bin")];
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(own.into_iter().chain(env::split_paths(&path))).context("PATH")?;
        let env = vec![("PATH", path), ("SAM_CLI_TELEMETRY", "0".into())];
        Ok(Self { program, folder: folder.clone(), env })
    }

    /// Lets the commands use the emulator at `endpoint`.
    pub(crate) fn with_emulator(mut self, endpoint: &str, region: &str) -> Self {
        for (name, value) in [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_ACCESS_KEY_ID", "000000000000"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ] {
            self.env.push((name, value.into()));
        }
        self
    }

    /// Another program, such as cargo, that finds what `sam` finds.
    pub(crate) fn program(&self, program: &str) -> Launch {
        Launch::new(program).without_settings().env(self.env.clone()).folder(self.folder.root())
    }

    pub(crate) fn launch(&self, args: &[&str]) -> Launch {
        let config = self.folder.root().join("samconfig.toml");
        let launch = Launch::new(&self.program).args(args).args(["--config-file".into(), config]);
        launch.without_settings().env(self.env.clone()).folder(self.folder.root())
    }

    /// Uploads the code of a template that is built, and returns the template that refers to it.
    pub(crate) async fn package(&self, template: &Path) -> Result<PathBuf> {
        let packaged = self.folder.dir().join("packaged.yaml");
        let launch = self.launch(&["package", "--config-env", "local", "--resolve-s3"]);
        let launch = launch.args(["--template-file".as_ref(), template.as_os_str()]);
        let launch = launch.args(["--output-template-file".as_ref(), packaged.as_os_str()]);
        launch.run_logged(&self.folder.log("sam-package")).await?;
        Ok(packaged)
    }

    /// Runs `sam deploy` as `docs/deploy.md` does, with these parameters.
    pub(crate) async fn deploy(
        &self,
        stack: &str,
        template: &Path,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Deployed> {
        let launch = self.launch(&["deploy", "--config-env", "local", "--stack-name", stack]);
        let launch = launch.args(["--template-file".as_ref(), template.as_os_str()]);
        let pairs = parameters.iter().map(|(name, value)| format!("{name}=\"{value}\""));
        let output = launch.args(["--parameter-overrides"]).args(pairs).try_output().await?;
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Ok(Deployed { is_success: output.status.success(), output: text.join("\n") })
    }

    pub(crate) async fn delete(&self, stack: &str) -> Result<()> {
        let launch = self.launch(&["delete", "--config-env", "local", "--stack-name", stack, "--no-prompts"]);
        let output = launch.try_output().await?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "sam delete failed: {text}");
        Ok(())
    }
}
