//! The steps of the smoke test and their timeouts.

use std::time::Duration;

/// A step, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Health,
    StoreCode,
    SignUp,
    CreateChatroom,
    SendMessage,
    Answer,
    ReadAnswer,
    DeleteAccount,
}

impl Step {
    /// All steps. Together their timeouts leave time to respond to CloudFormation.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::Health,
        Self::StoreCode,
        Self::SignUp,
        Self::CreateChatroom,
        Self::SendMessage,
        Self::Answer,
        Self::ReadAnswer,
        Self::DeleteAccount,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::StoreCode => "store code",
            Self::SignUp => "sign up",
            Self::CreateChatroom => "create chatroom",
            Self::SendMessage => "send message",
            Self::Answer => "answer",
            Self::ReadAnswer => "read answer",
            Self::DeleteAccount => "delete account",
        }
    }

    /// The first steps include cold starts; a new API needs some seconds until its routes work.
    pub(crate) fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Health => 40,
            Self::StoreCode => 10,
            Self::SignUp => 20,
            Self::CreateChatroom | Self::SendMessage | Self::ReadAnswer => 15,
            Self::Answer => 95, // the wait for the answer itself ends earlier
            Self::DeleteAccount => 25,
        })
    }
}
