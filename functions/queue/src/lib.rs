//! The endpoints below `/api/queue`: the state of message processing, operators' actions on failed
//! messages, what answers cost, the audit log of all actions of operators, and the users' feedback.
//! Except for the comments of feedback they show ids and codes, but never a user's text. One file per
//! endpoint.

mod cursor;
mod discard_failed_job;
mod get_job;
mod get_queue_status;
mod list_failed_jobs;
mod list_feedback;
mod list_model_ratings;
mod list_operator_actions;
mod list_spending;
mod redrive_failed_jobs;
mod retry_failed_job;
#[cfg(test)]
mod tests;
mod views;

pub use app::functions::QUEUE as DEPENDENCIES;

web::endpoints! {
    tag: "Queue", "Processing of messages; except for the status, for operators only.";
    get_queue_status: Standard,
    get_job: Standard,
    list_failed_jobs: Standard,
    discard_failed_job: Standard,
    retry_failed_job: Standard,
    redrive_failed_jobs: Standard,
    list_operator_actions: Standard,
    list_feedback: Standard,
    list_model_ratings: Standard,
    list_spending: Standard,
}
