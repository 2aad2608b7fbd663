//! Search in the messages of a user.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::message::{FinishReason, MessageType};
use domain::search::{Alternative, Cursor, Query, Rank};
use domain::{ChatroomId, MessageId, UserId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::StoreError;

/// The settings for a search. The custom plan is for the words of this search, because the best
/// plan for a rare word is not the best one for a common word. Parallel workers would take longer to
/// start than a search takes, and so would just-in-time compilation, which Postgres chooses by the
/// estimated cost of parts of the statement that are never executed.
const SETTINGS: &str = "SET LOCAL statement_timeout = 3000; SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1.1; SET LOCAL jit = off";

/// The maximum number of candidates that one search compares with the query, if the index alone
/// does not decide.
const MAX_CANDIDATES: i64 = 500;

/// A message that matches the search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchResult {
    /// The id.
    pub id: MessageId,
    /// The chatroom.
    pub chatroom_id: ChatroomId,
    /// The name of the chatroom.
    pub chatroom_name: String,
    /// The author.
    pub message_type: MessageType,
    /// The text.
    pub content: String,
    /// The message that it answers, if it is an answer.
    pub reply_to: Option<MessageId>,
    /// Why Gemini stopped writing, if it is an answer.
    pub finish_reason: Option<FinishReason>,
    /// When the message was stored.
    pub created_at: DateTime<Utc>,
}

/// A page of results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// The results, best first.
    pub results: Vec<SearchResult>,
    /// Where the next page begins, unless this one is the last.
    pub next: Option<Cursor>,
}

/// Lists the finished messages of `owner` that match `query`: those with whole words first, and the
/// newest first among equals. There are at most `limit`, all after `cursor`. A page is shorter if
/// 500 candidates have too few matches; the next page continues there. Unfinished messages are
/// not in the index.
///
/// `sanitized` is the [sanitised](domain::search::sanitize_query) query, for messages that have no
/// tokens yet.
///
/// # Errors
/// [`StoreError::Unavailable`] if the search takes longer than three seconds.
pub async fn list_matching(
    db: &mut impl GenericClient,
    owner: UserId,
    query: &Query,
    sanitized: &str,
    cursor: Option<Cursor>,
    limit: i64,
) -> Result<SearchPage, StoreError> {
    if query.alternatives().is_empty() {
        return Ok(SearchPage::default());
    }
    let transaction = db.transaction().await?;
    transaction.batch_execute(SETTINGS).await?;
    let search = Search { owner, query, sanitized };
    // Most candidates match, so a page seldom needs more of them than it has results.
    let mut page = search.page(&transaction, cursor, limit, limit + 1).await?;
    if let Some(next) = page.next.filter(|_| page.results.len() < size(limit)) {
        let left = limit - i64::try_from(page.results.len()).unwrap_or(limit);
        let rest = search.page(&transaction, Some(next), left, MAX_CANDIDATES).await?;
        page.results.extend(rest.results);
        page.next = rest.next;
    }
    transaction.commit().await?;
    Ok(page)
}

/// One search of a user.
#[derive(Clone, Copy)]
struct Search<'a> {
    owner: UserId,
    query: &'a Query,
    sanitized: &'a str,
}

impl Search<'_> {
    /// At most `limit` results after `cursor`, from at most `candidates` messages of each rank.
    async fn page(
        &self,
        db: &impl GenericClient,
        cursor: Option<Cursor>,
        limit: i64,
        candidates: i64,
    ) -> Result<SearchPage, StoreError> {
        let Self { owner, query, sanitized } = self;
        let limit_of = |rank| if query.needs_check(rank) { candidates } else { limit + 1 };
        let limits = (limit_of(Rank::WholeWords), limit_of(Rank::Prefix));
        let (before, is_past_whole_words) =
            (cursor.map(|cursor| cursor.id.0), cursor.is_some_and(|cursor| cursor.rank == Rank::Prefix));
        let has_prefixes = query.has_prefixes();
        let tokens: Vec<[Vec<i32>; 3]> = query.alternatives().iter().map(tokens_of).collect();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            vec![&owner.0, sanitized, &before, &is_past_whole_words, &has_prefixes, &limits.0, &limits.1];
        parameters.extend(tokens.iter().flatten().map(|tokens| tokens as &(dyn ToSql + Sync)));
        let first = parameters.len() - 3 * tokens.len();
        let sql = statement(&conditions(tokens.len(), first, 0), &conditions(tokens.len(), first, 1));
        let statement = db.prepare_cached(&sql).await?;
        let rows = db.query(&statement, &parameters).await?;
        select_page(&rows, query, limits, size(limit))
    }
}

fn size(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or_default()
}

/// The tokens of whole words, of prefixes, and of what is excluded.
fn tokens_of(alternative: &Alternative) -> [Vec<i32>; 3] {
    [alternative.whole_words(), alternative.prefixes(), alternative.excluded()]
}

/// The condition that any of `alternatives` matches. The parameters of an alternative are three,
/// after the `first` ones, and `kind` selects the required tokens among them.
fn conditions(alternatives: usize, first: usize, kind: usize) -> String {
    let condition = |alternative: usize| {
        let begin = first + 3 * alternative + 1;
        format!("search_tokens @> ${} AND NOT search_tokens && ${}", begin + kind, begin + 2)
    };
    let conditions: Vec<String> = (0..alternatives).map(|index| format!("({})", condition(index))).collect();
    format!("({})", conditions.join(" OR "))
}

/// Messages with whole words, together with those that have no tokens yet; then messages with
/// prefixes, if there are too few. The second condition contains the first, because a word is also
/// a prefix of itself.
fn statement(whole_words: &str, prefixes: &str) -> String {
    format!(
        "WITH tokenized AS (
            SELECT id FROM messages
            WHERE user_id = $1 AND sweep_at IS NULL AND search_tokens IS NOT NULL AND {whole_words}
                AND NOT $4::boolean AND ($3::uuid IS NULL OR id < $3)
            ORDER BY id DESC LIMIT $6
        ), untokenized AS (
            SELECT id FROM messages
            WHERE user_id = $1 AND sweep_at IS NULL AND search_tokens IS NULL
                AND to_tsvector('simple'::regconfig, content) @@ websearch_to_tsquery('simple'::regconfig, $2)
                AND NOT $4::boolean AND ($3::uuid IS NULL OR id < $3)
                AND (SELECT finished_at IS NULL FROM search_backfill)
            ORDER BY id DESC LIMIT $6
        ), whole AS MATERIALIZED (
            SELECT id FROM (SELECT id FROM tokenized UNION ALL SELECT id FROM untokenized) AS both_kinds
            ORDER BY id DESC LIMIT $6
        ), prefixed AS (
            SELECT id FROM messages
            WHERE user_id = $1 AND sweep_at IS NULL AND search_tokens IS NOT NULL AND {prefixes}
                AND NOT {whole_words} AND $5::boolean AND (NOT $4::boolean OR id < $3)
                AND (SELECT count(*) FROM whole) < $6
            ORDER BY id DESC LIMIT $7
        ), page AS (
            SELECT id, true AS is_whole FROM whole UNION ALL SELECT id, false FROM prefixed
        )
        SELECT m.id, m.chatroom_id, m.message_type, m.content, m.reply_to, m.finish_reason, m.created_at, page.is_whole,
            (SELECT name FROM chatrooms WHERE id = m.chatroom_id) AS chatroom_name
        FROM page JOIN messages m ON m.id = page.id
        ORDER BY page.is_whole DESC, page.id DESC"
    )
}

/// The matches among the candidates, at most `limit`. `limits` are the maximum numbers of
/// candidates by rank.
fn select_page(
    rows: &[Row],
    query: &Query,
    limits: (i64, i64),
    limit: usize,
) -> Result<SearchPage, StoreError> {
    let (mut page, mut last, mut found) = (SearchPage::default(), None, (0, 0));
    for row in rows {
        let (content, is_whole): (&str, bool) = (row.try_get("content")?, row.try_get("is_whole")?);
        let is_match = query.matches(content);
        if is_match && page.results.len() == limit {
            page.next = last;
            return Ok(page);
        }
        let rank = if is_whole { Rank::WholeWords } else { Rank::Prefix };
        last = Some(Cursor { rank, id: MessageId(row.try_get("id")?) });
        if is_whole {
            found.0 += 1;
        } else {
            found.1 += 1;
        }
        if is_match {
            page.results.push(row.try_into()?);
        }
    }
    // The index may have more candidates.
    page.next = last.filter(|_| found.0 == limits.0 || found.1 == limits.1);
    Ok(page)
}

impl TryFrom<&Row> for SearchResult {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: MessageId(row.try_get("id")?),
            chatroom_id: ChatroomId(row.try_get("chatroom_id")?),
            chatroom_name: row.try_get("chatroom_name")?,
            message_type: row.try_get::<_, &str>("message_type")?.try_into()?,
            content: row.try_get("content")?,
            reply_to: row.try_get::<_, Option<_>>("reply_to")?.map(MessageId),
            finish_reason: super::finish_reason(row, "finish_reason")?,
            created_at: row.try_get("created_at")?,
        })
    }
}
