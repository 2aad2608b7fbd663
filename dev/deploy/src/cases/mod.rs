//! The cases, in their order, one module each.

mod bad_secret;
mod concurrency;
mod deletion;
mod deployment;
mod failed_migration;
mod journey;
mod production;
mod redeploy;
mod request_path;
mod revoked_key;
mod rollback;
mod rotation;

use anyhow::{Result, ensure};

use crate::Case;
use crate::deployed_state::Serving;
use crate::rehearsal::Rehearsal;

/// The case that every other one needs.
pub(crate) const DEPLOYMENT: &str = "deployment";

pub(crate) const CASES: [Case; 15] = [
    Case {
        name: DEPLOYMENT,
        promise: "the template is deployed, and the service answers and is well",
        run: |rehearsal| Box::pin(deployment::run(rehearsal)),
    },
    Case {
        name: "journey",
        promise: "health names the commit; sign-up, chatroom, message, the worker's answer, stream, deletion of the account",
        run: |rehearsal| Box::pin(journey::run(rehearsal)),
    },
    Case {
        name: "request-path",
        promise: "the client's X-Request-Id leads to the lines of the function that accepted and of the worker that answered",
        run: |rehearsal| Box::pin(request_path::run(rehearsal)),
    },
    Case {
        name: "production",
        promise: "production without AlarmEmail, OtpCountries or RedirectHosts, or with codes in responses, is refused; nothing is created",
        run: |rehearsal| Box::pin(production::run(rehearsal)),
    },
    Case {
        name: "redeploy",
        promise: "a deployment without changes publishes nothing",
        run: |rehearsal| Box::pin(redeploy::run(rehearsal)),
    },
    Case {
        name: "reserved-concurrency",
        promise: "the template that is executed reserves executions of auth, chatroom, stream and webhook by their parameters, of no other function",
        run: |rehearsal| Box::pin(concurrency::run(rehearsal)),
    },
    Case {
        name: "short-secret",
        promise: "a JWT_SECRET of 8 characters is refused by the gate; what served goes on serving, unchanged",
        run: |rehearsal| Box::pin(bad_secret::short(rehearsal)),
    },
    Case {
        name: "missing-secret",
        promise: "an update without GEMINI_API_KEY is refused before any function changes",
        run: |rehearsal| Box::pin(bad_secret::missing(rehearsal)),
    },
    Case {
        name: "smoke-test",
        promise: "a deployment whose functions start but answer nothing is rolled back by the smoke test, which names the error",
        run: |rehearsal| Box::pin(bad_secret::unusable(rehearsal)),
    },
    Case {
        name: "rotation",
        promise: "a new SecretVersionId publishes every function with the new secrets; a session survives `new,old`, and ends with `new`",
        run: |rehearsal| Box::pin(rotation::run(rehearsal)),
    },
    Case {
        name: "revoked-key",
        promise: "Gemini's 403 fails a message with gemini_key_refused; deep health is degraded; the worker logs the metric of the alarm",
        run: |rehearsal| Box::pin(revoked_key::run(rehearsal)),
    },
    Case {
        name: "wrong-key",
        promise: "a key that Gemini refuses is found by deep health; the secret's previous version corrects it, and the failed message is answered",
        run: |rehearsal| Box::pin(rollback::wrong_secret(rehearsal)),
    },
    Case {
        name: "failed-migration",
        promise: "a migration that fails rolls the deployment back, and no other function changes",
        run: |rehearsal| Box::pin(failed_migration::run(rehearsal)),
    },
    Case {
        name: "rollback",
        promise: "a deployment that shut users out is undone by deploying what was there before",
        run: |rehearsal| Box::pin(rollback::bad_deployment(rehearsal)),
    },
    Case {
        name: "deletion",
        promise: "the stack, its functions, queues and table are gone; the role for logs of API Gateway is kept, because other stacks may use it",
        run: |rehearsal| Box::pin(deletion::run(rehearsal)),
    },
];

/// Fails unless the functions that serve are those of `before`, and answer.
async fn ensure_unchanged(rehearsal: &Rehearsal, before: &Serving) -> Result<()> {
    let after = rehearsal.serving().await?;
    let changed = before.changed(&after);
    ensure!(changed.is_empty(), "functions have changed: {}", changed.join(", "));
    rehearsal.ensure_healthy().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use stack::checkout;

    use super::*;

    #[test]
    fn document_lists_every_case_with_its_promise() {
        let document = fs::read_to_string(checkout().join("docs/deploy.md")).unwrap();
        for Case { name, promise, .. } in &CASES {
            let line = format!("| `{name}` | {promise} |\n");
            assert!(document.contains(&line), "docs/deploy.md does not contain: {line}");
        }
    }
}
