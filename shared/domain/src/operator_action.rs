//! What operators do, by the names in the audit log.

use crate::string_enum::string_enum;

string_enum! {
    /// An action of an operator.
    OperatorAction {
        /// Looked up an account by its mobile number.
        FindAccount = "find_account",
        /// Looked at an account by its id.
        ViewAccount = "view_account",
        /// Suspended an account.
        SuspendAccount = "suspend_account",
        /// Ended the suspension of an account.
        RestoreAccount = "restore_account",
        /// Gave an account the role `admin`.
        GrantAdmin = "grant_admin",
        /// Took the role `admin` from an account.
        RevokeAdmin = "revoke_admin",
        /// Retried one failed message.
        RetryFailedJob = "retry_failed_job",
        /// Retried a failed message, one of many.
        RedriveFailedJobs = "redrive_failed_jobs",
        /// Removed a message from the list of failed messages.
        DiscardFailedJob = "discard_failed_job",
        /// Paused a feature.
        PauseFeature = "pause_feature",
        /// Ended the pause of a feature.
        ResumeFeature = "resume_feature",
    }
}

string_enum! {
    /// What an operator acted on.
    OperatorTarget {
        /// An account.
        Account = "account",
        /// A job: the generation of an answer.
        Job = "job",
        /// A feature, or the use of one model. It has no id: the target's is all zeros, and the result
        /// names it.
        Feature = "feature",
    }
}
