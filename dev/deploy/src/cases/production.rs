//! Parameters that only staging may have.

use anyhow::{Result, ensure};

use crate::rehearsal::Rehearsal;

const STACK: &str = "ai-chat-refused";

/// Parameters with which production is deployed.
const ACCEPTED: [(&str, &str); 5] = [
    ("Environment", "production"),
    ("AlarmEmail", "operator@example.org"),
    ("OtpCountries", "DE"),
    ("OtpDelivery", "sns"),
    ("RedirectHosts", "app.example.com"),
];

const REFUSED: [(&str, &str); 4] =
    [("AlarmEmail", ""), ("OtpCountries", ""), ("OtpDelivery", "response"), ("RedirectHosts", "")];

pub(super) async fn run(rehearsal: &Rehearsal) -> Result<String> {
    for (name, value) in REFUSED {
        let mut parameters = ACCEPTED;
        parameters.iter_mut().filter(|(own, _)| *own == name).for_each(|own| own.1 = value);
        let deployed = rehearsal.deploy_elsewhere(STACK, &parameters).await?;
        ensure!(!deployed.is_success, "production was deployed with {name}={value:?}");
        ensure!(
            deployed.output.contains(&format!("Set {name}")),
            "the error names no {name}: {}",
            deployed.output
        );
        let status = rehearsal.stack_status(STACK).await;
        ensure!(
            status.as_deref().is_none_or(|status| status == "REVIEW_IN_PROGRESS"),
            "the stack's status is {status:?}"
        );
    }
    Ok("4 of 4 refused, each by the name of its parameter".to_owned())
}
