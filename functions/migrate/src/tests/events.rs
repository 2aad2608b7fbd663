//! The request of CloudFormation in `events/`.

use serde_json::Value;

/// A request to create the custom resource, with the properties of `template.yaml`.
pub(super) fn create() -> Value {
    testkit::event("migrate-create")
}
