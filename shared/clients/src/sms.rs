//! Text messages (SMS) through Amazon SNS, sent to a number and not to a topic.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata as _};
use aws_sdk_sns::types::MessageAttributeValue;
use domain::MobileNumber;
use thiserror::Error;

/// The timeout for sending, over all attempts: a user is waiting.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// SNS did not accept a text message. The error holds neither its text nor its number.
#[derive(Debug, Error)]
#[error("sns publish: {0}")]
pub struct SmsError(String);

impl SmsError {
    /// An error with this cause.
    pub fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// A service that sends text messages.
#[async_trait]
pub trait SmsSender: Send + Sync {
    /// Sends `text`, of at most 160 characters of the GSM alphabet, to `number`.
    async fn send(&self, number: &MobileNumber, text: &str) -> Result<(), SmsError>;
}

/// Amazon SNS.
#[derive(Debug, Clone)]
pub struct SnsSender {
    client: aws_sdk_sns::Client,
    sender_id: Option<String>,
}

impl SnsSender {
    /// A sender whose messages show `sender_id`, in countries that allow it.
    #[must_use]
    pub fn new(config: &SdkConfig, sender_id: Option<String>) -> Self {
        Self { client: aws_sdk_sns::Client::new(config), sender_id }
    }

    /// Source: <https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>.
    fn attributes(&self) -> impl Iterator<Item = (String, MessageAttributeValue)> {
        let kind = ("AWS.SNS.SMS.SMSType", Some("Transactional"));
        [kind, ("AWS.SNS.SMS.SenderID", self.sender_id.as_deref())]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), text(value?)?)))
    }
}

fn text(value: &str) -> Option<MessageAttributeValue> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build().ok()
}

#[async_trait]
impl SmsSender for SnsSender {
    async fn send(&self, number: &MobileNumber, text: &str) -> Result<(), SmsError> {
        let mut publish = self.client.publish().phone_number(number.as_str()).message(text);
        for (name, value) in self.attributes() {
            publish = publish.message_attributes(name, value);
        }
        let sent = tokio::time::timeout(SEND_TIMEOUT, publish.send()).await.map_err(SmsError::new)?;
        sent.map(drop).map_err(|error| match error.code() {
            // The service's own message may repeat the number.
            Some(code) => SmsError::new(code),
            None => SmsError::new(DisplayErrorContext(error)),
        })
    }
}
