//! SQL fragments that walk the tree of messages, also over rows from before it existed.

/// The id of the question that the question `child` follows. `child` is a row with `chatroom_id`,
/// `position` and `parent_generation_id`. NULL, or the id of no message, if it follows none.
pub(crate) fn parent_of(child: &str) -> String {
    format!(
        "CASE WHEN {child}.parent_generation_id IS NULL THEN (
            SELECT before.id FROM messages before
            WHERE before.chatroom_id = {child}.chatroom_id AND before.position < {child}.position
                AND before.message_type = 'user'
            ORDER BY before.position DESC LIMIT 1
        ) ELSE coalesce(
            (SELECT followed.question_id FROM generations followed WHERE followed.id = {child}.parent_generation_id),
            {child}.parent_generation_id
        ) END"
    )
}

/// The answer of the generation with the id `generation`: a row of `messages`, or none.
pub(crate) fn answer_of(generation: &str) -> String {
    format!(
        "SELECT * FROM messages WHERE generation_id = {generation}
        UNION ALL
        SELECT * FROM messages WHERE reply_to = {generation} AND generation_id IS NULL
        LIMIT 1"
    )
}

/// The questions that follow the generation with the id `generation` of the question `parent`, a row
/// of `messages`: rows of `messages`.
///
/// A question without `parent_generation_id` follows the first generation of the previous question.
pub(crate) fn children_of(parent: &str, generation: &str) -> String {
    format!(
        "SELECT * FROM messages WHERE parent_generation_id = {generation}
        UNION ALL
        SELECT * FROM (
            SELECT * FROM messages next
            WHERE next.chatroom_id = {parent}.chatroom_id AND next.position > {parent}.position
                AND next.message_type = 'user'
            ORDER BY next.position LIMIT 1
        ) AS following WHERE following.parent_generation_id IS NULL AND {generation} = {parent}.id"
    )
}

/// The ids of the message `message` and its siblings, in their order: of a question the questions
/// that follow the same generation, of an answer the other answers to its question. `generation` is
/// the [generation](super::GENERATION) of the message. NULL if there is none.
pub(crate) fn siblings_of(message: &str, generation: &str) -> String {
    let answers = answers_to(&format!("coalesce({message}.reply_to, {generation}.question_id)"));
    format!(
        "CASE WHEN {message}.message_type = 'ai' THEN ({answers}) ELSE (
            SELECT array_agg(s.id ORDER BY s.position) FROM messages s
            WHERE s.parent_generation_id = {message}.parent_generation_id AND s.message_type = 'user'
        ) END"
    )
}

/// The ids of all answers to the question `message`, in the order of their generations, if several
/// were requested; otherwise, and for an answer, NULL.
pub(crate) fn answers_of(message: &str) -> String {
    let answers = answers_to(&format!("{message}.id"));
    format!("CASE WHEN {message}.active_generation_id IS NOT NULL THEN ({answers}) END")
}

fn answers_to(question: &str) -> String {
    format!(
        "SELECT array_agg(a.id ORDER BY o.number) FROM generations o
        JOIN messages a ON a.generation_id = o.id OR a.reply_to = o.id AND a.generation_id IS NULL
        WHERE o.question_id = {question}"
    )
}
