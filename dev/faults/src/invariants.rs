//! What holds in the database whenever no request and no worker is active, whatever users have sent.

use anyhow::Result;

use super::run::{Run, check};

/// What no row may be, and the number of rows that are.
const INVARIANTS: [(&str, &str); 14] = [
    (
        "generations are unfinished",
        "SELECT count(*) FROM generations WHERE status IN ('pending', 'processing') OR sweep_at IS NOT NULL
            OR lease_owner IS NOT NULL OR lease_slot IS NOT NULL",
    ),
    (
        "titles are unfinished",
        "SELECT count(*) FROM chatrooms WHERE title_state = 'due' OR title_due_at IS NOT NULL",
    ),
    // The release before reads the columns, and does not know the codes of the spending caps.
    (
        "questions have no first generation, or one whose state differs from their columns",
        "SELECT count(*) FROM messages m LEFT JOIN generations g ON g.id = m.id
        WHERE m.message_type = 'user' AND (m.id, m.chatroom_id, m.user_id, m.position, m.processing_status, m.error_code,
            m.attempts, m.lease_owner, m.lease_until, m.wait_reason, m.waiting_since, m.quota_day, m.sweep_at,
            m.resends, m.resends_before, m.dismissed_at)
        IS DISTINCT FROM (g.question_id, g.chatroom_id, g.user_id, g.position, g.status,
            CASE g.error_code WHEN 'spend_cap_reached' THEN 'gemini_quota' ELSE g.error_code END,
            g.attempts, g.lease_owner, g.lease_until,
            CASE g.wait_reason WHEN 'spend_cap' THEN 'rate_limit' ELSE g.wait_reason END, g.waiting_since,
            g.quota_day, g.sweep_at, g.resends, g.resends_before, g.dismissed_at)",
    ),
    (
        "generations belong to no question",
        "SELECT count(*) FROM generations g
            LEFT JOIN messages m ON m.id = g.question_id AND m.chatroom_id = g.chatroom_id AND m.message_type = 'user'
        WHERE m.id IS NULL",
    ),
    (
        "answers belong to no completed or cancelled generation, or to another model",
        "SELECT count(*) FROM messages a LEFT JOIN generations g ON g.id = a.generation_id
        WHERE a.message_type = 'ai' AND (g.id IS NULL
            OR g.status <> CASE WHEN a.finish_reason = 'cancelled' THEN 'cancelled' ELSE 'completed' END
            OR g.model IS DISTINCT FROM a.model
            OR a.reply_to IS DISTINCT FROM CASE WHEN g.number = 1 THEN g.question_id END)",
    ),
    (
        "answers are to the same generation",
        "SELECT count(*) - count(DISTINCT generation_id) FROM messages WHERE message_type = 'ai'",
    ),
    (
        "generations have fewer tokens than their answer",
        "SELECT count(*) FROM messages a JOIN generations g ON g.id = a.generation_id
        WHERE g.prompt_tokens < a.prompt_tokens OR g.response_tokens < a.response_tokens",
    ),
    (
        "chatrooms have wrong counters",
        "SELECT count(*) FROM chatrooms c CROSS JOIN LATERAL (
            SELECT count(*) AS total, count(*) FILTER (WHERE message_type = 'ai') AS answers,
                coalesce(max(position), 0) AS last
            FROM messages m WHERE m.chatroom_id = c.id) m
        WHERE (c.message_count, c.ai_response_count) <> (m.total, m.answers) OR c.last_position < m.last",
    ),
    (
        "users have wrong counters",
        "SELECT count(*) FROM users u CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE message_type = 'user') AS questions,
                count(*) FILTER (WHERE message_type = 'ai') AS answers
            FROM messages m WHERE m.user_id = u.id) m
        WHERE (u.message_count, u.ai_response_count) <> (m.questions, m.answers)",
    ),
    (
        "shown questions do not follow the shown generation of the shown question before",
        "SELECT count(*) FROM (
            SELECT chatroom_id, parent_generation_id,
                lag(coalesce(active_generation_id, id)) OVER (PARTITION BY chatroom_id ORDER BY position) AS before
            FROM messages WHERE message_type = 'user' AND on_active_branch) shown
        WHERE parent_generation_id IS DISTINCT FROM coalesce(before, chatroom_id)",
    ),
    (
        "shown generations are followed by other than one shown question, although questions follow them",
        "SELECT count(*) FROM (
            SELECT coalesce(active_generation_id, id) AS id FROM messages
            WHERE message_type = 'user' AND on_active_branch
            UNION ALL SELECT id FROM chatrooms) shown
        WHERE EXISTS (SELECT FROM messages c WHERE c.parent_generation_id = shown.id)
            AND (SELECT count(*) FROM messages c WHERE c.parent_generation_id = shown.id AND c.on_active_branch) <> 1",
    ),
    (
        "answers are shown without their generation, or hidden although it is shown",
        "SELECT count(*) FROM messages a
            JOIN generations g ON g.id = a.generation_id JOIN messages q ON q.id = g.question_id
        WHERE a.on_active_branch <> (q.on_active_branch AND coalesce(q.active_generation_id, q.id) = g.id)",
    ),
    (
        "questions refer to a generation that does not exist",
        "SELECT count(*) FROM messages q WHERE q.message_type = 'user' AND (
            q.parent_generation_id <> q.chatroom_id
                AND NOT EXISTS (SELECT FROM generations g WHERE g.id = q.parent_generation_id)
            OR NOT EXISTS (SELECT FROM generations g WHERE g.id = coalesce(q.active_generation_id, q.id)
                AND g.question_id = q.id))",
    ),
    (
        "questions have siblings in a chatroom that is not marked to have branches",
        "SELECT count(*) FROM chatrooms c WHERE NOT has_branches AND (
            EXISTS (SELECT FROM generations g WHERE g.chatroom_id = c.id AND g.number > 1)
            OR EXISTS (SELECT FROM messages m WHERE m.chatroom_id = c.id AND m.message_type = 'user'
                GROUP BY m.parent_generation_id HAVING count(*) > 1))",
    ),
];

impl Run {
    /// Checks what must hold once all generations are in a final state.
    pub async fn check_invariants(&self) -> Result<()> {
        for (wrong, sql) in INVARIANTS {
            let count: i64 = self.db.value(sql, &[]).await?;
            check!(self, count == 0, "{count} {wrong}");
        }
        Ok(())
    }

    /// Checks that each completed generation has an answer, where none was deleted.
    pub async fn check_answers_of_generations(&self) -> Result<()> {
        const SQL: &str = "SELECT count(*) FROM generations g WHERE status = 'completed'
            AND NOT EXISTS (SELECT FROM messages a WHERE a.generation_id = g.id)";
        let count: i64 = self.db.value(SQL, &[]).await?;
        check!(self, count == 0, "{count} completed generations have no answer");
        Ok(())
    }

    /// Checks that no statement was aborted by a deadlock, which a client would see as a 503.
    pub async fn check_deadlocks(&self) -> Result<()> {
        const SQL: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        let deadlocks: i64 = self.db.value(SQL, &[]).await?;
        check!(self, deadlocks == 0, "{deadlocks} deadlocks");
        Ok(())
    }
}
