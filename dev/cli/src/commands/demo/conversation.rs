//! A sample chatroom as a text file. A line `=== KIND` begins an entry, and the lines up to the next
//! one are its text.

use anyhow::{Context as _, Result, bail};

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) name: String,
    pub(super) instructions: Option<String>,
    pub(super) turns: Vec<Turn>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) question: Question,
    pub(super) outcome: Outcome,
    pub(super) is_rated: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    New(String),
    /// A corrected version of the question before.
    Edited(String),
    /// The question before, answered again.
    Repeated,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered(String),
    /// The user stops the answer in the middle.
    Stopped(String),
    Refused,
}

impl Conversation {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut conversation = Self::default();
        let mut question = None;
        let entries = text.strip_prefix("=== ").context("the text does not begin with an entry")?;
        for entry in entries.split("\n=== ") {
            let (kind, text) = entry.split_once('\n').unwrap_or((entry, ""));
            let text = text.trim().to_owned();
            let outcome = match kind.trim() {
                "room" => {
                    conversation.name = text;
                    continue;
                }
                "instructions" => {
                    conversation.instructions = Some(text);
                    continue;
                }
                "question" => {
                    question = Some(Question::New(text));
                    continue;
                }
                "edit" => {
                    question = Some(Question::Edited(text));
                    continue;
                }
                "rated" => {
                    conversation.turns.last_mut().context("no answer to rate")?.is_rated = true;
                    continue;
                }
                "again" => {
                    question = Some(Question::Repeated);
                    Outcome::Answered(text)
                }
                "answer" => Outcome::Answered(text),
                "stopped" => Outcome::Stopped(text),
                "refused" => Outcome::Refused,
                other => bail!("unknown entry {other:?}"),
            };
            let question = question.take().context("an outcome without a question")?;
            conversation.turns.push(Turn { question, outcome, is_rated: false });
        }
        Ok(conversation)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ROOMS;
    use super::*;

    #[test]
    fn entries_become_turns() {
        let text = "=== room\nName\n=== question\nWhy?\n=== answer\n# So\n\ntext\n=== rated\n=== again\nOther\n\
                    === edit\nHow?\n=== refused\n";
        let parsed = Conversation::parse(text).unwrap();
        let turn = |question, outcome, is_rated| Turn { question, outcome, is_rated };
        let answered = |text: &str| Outcome::Answered(text.to_owned());
        assert_eq!(parsed.name, "Name");
        let expected = [
            turn(Question::New("Why?".to_owned()), answered("# So\n\ntext"), true),
            turn(Question::Repeated, answered("Other"), false),
            turn(Question::Edited("How?".to_owned()), Outcome::Refused, false),
        ];
        assert_eq!(parsed.turns, expected);
        assert!(Conversation::parse("=== room\nName\n=== answer\nText").is_err());
        assert!(Conversation::parse("=== surprise\n").is_err());
    }

    #[test]
    fn every_sample_is_valid_and_no_question_contains_another() {
        let all: Vec<_> = ROOMS.iter().map(|text| Conversation::parse(text).unwrap()).collect();
        let questions: Vec<_> = all
            .iter()
            .flat_map(|conversation| &conversation.turns)
            .filter_map(|turn| match &turn.question {
                Question::New(text) | Question::Edited(text) => Some(text),
                Question::Repeated => None,
            })
            .collect();
        assert!(all.iter().any(|conversation| conversation.turns.len() >= 60), "no long chatroom");
        for (index, question) in questions.iter().enumerate() {
            let others = questions.iter().enumerate().filter(|(other, _)| *other != index);
            // Mock Gemini takes the first script whose text occurs in the question.
            assert!(!others.map(|(_, other)| other).any(|other| other.contains(*question)), "{question}");
        }
    }
}
