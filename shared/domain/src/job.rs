//! The payload of a queue message: versioned, tagged, and never with the text of a user.

use serde::{Deserialize, Serialize};

use crate::GenerationId;

/// A job for the worker, as the JSON body of a queue message:
/// `{"version": 1, "type": "answer_message", "message_id": "..."}`. It also reads
/// `{"version": 1, "type": "generate_answer", "generation_id": "..."}`, which a later release writes.
/// The previous release understands the first form only, and the id of a message's first generation
/// is the id of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the format. A worker leaves an unknown version to the dead-letter queue.
    pub version: Version,
    /// The job itself.
    #[serde(flatten)]
    pub job: Job,
}

/// The versions of the format that this code reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Version {
    /// The first version.
    V1,
}

impl TryFrom<u8> for Version {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        match number {
            1 => Ok(Self::V1),
            other => Err(format!("unknown version of the job format: {other}")),
        }
    }
}

impl From<Version> for u8 {
    fn from(version: Version) -> Self {
        match version {
            Version::V1 => 1,
        }
    }
}

/// The kinds of job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Job {
    /// Let the model answer a message of a user.
    #[serde(rename = "answer_message", alias = "generate_answer")]
    GenerateAnswer {
        /// The requested answer.
        #[serde(rename = "message_id", alias = "generation_id")]
        generation_id: GenerationId,
    },
}

impl From<Job> for Envelope {
    fn from(job: Job) -> Self {
        Self { version: Version::V1, job }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str =
        r#"{"version":1,"type":"answer_message","message_id":"018f0000-0000-7000-8000-000000000001"}"#;

    #[test]
    fn job_survives_a_json_round_trip() {
        let envelope: Envelope = serde_json::from_str(BODY).unwrap();
        assert_eq!(serde_json::to_string(&envelope).unwrap(), BODY);
    }

    #[test]
    fn format_of_the_next_release_is_read() {
        let next = BODY.replace("answer_message", "generate_answer").replace("message_id", "generation_id");
        let [now, next]: [Envelope; 2] = [BODY, &next].map(|body| serde_json::from_str(body).unwrap());
        assert_eq!(now, next);
    }

    #[test]
    fn unknown_versions_types_and_fields_are_refused() {
        for body in [
            BODY.replace(":1,", ":2,"),
            BODY.replace("answer_message", "make_coffee"),
            BODY.replace("018f", "zzzz"),
            "{}".to_owned(),
        ] {
            assert!(serde_json::from_str::<Envelope>(&body).is_err(), "{body}");
        }
    }
}
